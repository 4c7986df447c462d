/** Ports for servers that cannot say which one they picked. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below those that systems give to whoever asks for any: between this look and the server's start nobody else is given one of them. */
const [FROM, TO] = [15_000, 32_000];

/** Free now, all at once. */
export async function freePorts(count: number): Promise<number[]> {
  const found = await Promise.all(Array.from({ length: count }, held));
  await Promise.all(found.map(({ release }) => release()));
  return found.map(({ port }) => port);
}

async function held(): Promise<{ port: number; release(): Promise<unknown> }> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FROM, TO);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (isFree) return { port, release: () => new Promise((resolve) => server.close(resolve)) };
  }
  throw new Error(`no free port from ${FROM} to ${TO}`);
}

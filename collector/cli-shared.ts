/** What commands have in common: a client for their length, output for programs or people, a progress bar. */
import { type Client, connect } from './cli-client.ts';

export async function withClient(work: (client: Client) => Promise<void>): Promise<void> {
  const client = await connect();
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

/** JSON for programs, columns for people. */
export function print<T extends object>(json: boolean | undefined, data: T | readonly T[], columns: (row: T) => string[]): void {
  if (json) process.stdout.write(`${JSON.stringify(data)}\n`);
  else
    for (const row of Array.isArray(data) ? (data as readonly T[]) : [data as T])
      process.stdout.write(`${columns(row).join('  ').trimEnd()}\n`);
}

/** A bar on standard error, only where a person looks at it. */
export function progress(what: string, done: number, total: number): void {
  if (!process.stderr.isTTY) return;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  process.stderr.write(
    `\r${what} [${'#'.repeat(Math.round(share * 30)).padEnd(30)}] ${Math.round(share * 100)} %${share === 1 ? '\n' : ''}`,
  );
}

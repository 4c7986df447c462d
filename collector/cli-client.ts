/** How the CLI reaches a collector: the one that runs on DATA_DIR, else one of its own for the length of the command. */
import type { Collector } from './collector.ts';
import { type Config, readConfig } from './config.ts';
import { readAdminToken, readRunning } from './data-dir.ts';
import { Problem } from './errors.ts';
import { createLog } from './log.ts';

export interface Client {
  /** Calls the API. Throws Problem with what the answer says. */
  call(method: string, path: string, body?: object | string | ReadableStream<Uint8Array>): Promise<Response>;
  json<T>(method: string, path: string, body?: object | string | ReadableStream<Uint8Array>): Promise<T>;
  close(): Promise<void>;
}

export async function connect(env: NodeJS.ProcessEnv = process.env): Promise<Client> {
  const config = readConfig(env);
  const running = await runningUrl(config.data_dir);
  const own = running === null ? await embedded(config) : null;
  const base = running ?? own?.url ?? '';
  const token = config.admin_token || own?.admin_token || readToken(config.data_dir);

  async function call(method: string, path: string, body?: object | string | ReadableStream<Uint8Array>): Promise<Response> {
    const raw = typeof body === 'string' || body instanceof ReadableStream;
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && !raw && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: raw ? body : JSON.stringify(body), duplex: 'half' }),
    } as RequestInit);
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as { title?: string };
    throw new Problem(response.status, problem.title ?? `${method} ${path}: ${response.status}`, problem);
  }
  return {
    call,
    json: async <T>(method: string, path: string, body?: object | string | ReadableStream<Uint8Array>) =>
      (await (await call(method, path, body)).json()) as T,
    close: async () => own?.close(),
  };
}

/** Loaded only where it is needed: most commands talk to a collector that runs. */
async function embedded(config: Config): Promise<Collector> {
  const { createCollector } = await import('./collector.ts');
  return createCollector({ ...config, port: 0, host: '127.0.0.1' }, { log: createLog('error') });
}

/** The address of the collector that holds this data directory, if it answers. */
async function runningUrl(data_dir: string): Promise<string | null> {
  const { url } = readRunning(data_dir) ?? {};
  if (url === undefined) return null;
  return fetch(`${url}/healthz`).then(
    ({ ok }) => (ok ? url : null),
    () => null,
  );
}

function readToken(data_dir: string): string {
  const token = readAdminToken(data_dir);
  if (token === null) throw new Problem(401, `No admin token in ${data_dir}/admin-token: set ADMIN_TOKEN`);
  return token;
}

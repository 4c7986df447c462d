/** A collector as a process of its own, load on it that knows what was acknowledged, and a look at what it stored. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { openPostgres } from '../../../collector/store/postgres.ts';
import { openSqlite } from '../../../collector/store/sqlite.ts';

/** Rounds of a fault: few in every test run, many with `npm run faults`. */
export const rounds = (few: number): number => Math.max(few, Number(process.env['FAULT_ROUNDS'] ?? 0));

export interface Running {
  child: ChildProcess;
  url: string;
  /** What it wrote to standard output. */
  output(): string;
  /** Its exit code or signal. */
  ended: Promise<number | string>;
}

/** Starts a built collector on this folder. `preload`: modules that node loads first. */
export function startProcess(data_dir: string, env: Record<string, string> = {}, preload: readonly string[] = []): Promise<Running> {
  const main = 'dist/collector/main.js';
  if (!existsSync(main)) throw new Error(`${main} is missing: npm run build`);
  const child = spawn(process.execPath, [...preload.flatMap((file) => ['--import', file]), main], {
    env: { ...process.env, DATA_DIR: data_dir, PORT: '0', LOG_LEVEL: 'fatal', COLLECT_RATE: '0', DEMO: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | string>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? '')));
  let text = '';
  return new Promise((resolve, reject) => {
    void ended.then((how) => reject(new Error(`the collector ended with ${how} before it was ready`)));
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const url = /ready at (\S+)/.exec(text)?.[1];
      if (url) resolve({ child, url, ended, output: () => text });
    });
  });
}

export interface Load {
  /** Ids of events that a 204 acknowledged. */
  acknowledged: ReadonlySet<string>;
  /** Answers by status; `error` where there was none. */
  answers: ReadonlyMap<number | 'error', number>;
  /** Ends the load once every request under way has its answer. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  connections?: number;
  /** Bytes of text that each event carries. */
  padding?: number;
  /** Ends each connection's load at its first request without an answer. */
  untilError?: boolean;
}

/** Sends batches of two events over keep-alive connections, one after the other on each, until stopped. */
export function startLoad(url: string, { connections = 32, padding = 0, untilError = false }: LoadOptions = {}): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const acknowledged = new Set<string>();
  const answers = new Map<number | 'error', number>();
  const run = randomUUID().slice(0, 8);
  const title = 'x'.repeat(padding);
  let stopped = false;
  let made = 0;

  async function send(): Promise<void> {
    while (!stopped) {
      made += 1;
      const ids = [`${run}-${made}-a`, `${run}-${made}-b`];
      const status = await post(agent, url, batchOf(ids, made, title));
      answers.set(status, (answers.get(status) ?? 0) + 1);
      if (status === 204) for (const id of ids) acknowledged.add(id);
      else if (status === 'error' && untilError) return;
      // A client that is refused does not hammer.
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const senders = Array.from({ length: connections }, send);
  return {
    acknowledged,
    answers,
    async stop() {
      stopped = true;
      await Promise.all(senders);
      agent.destroy();
    },
  };
}

/** Ids of the events in this folder's store, or in that database, each with how often it is there, and the events that its links count. */
export async function storedIn(data_dir: string, database_url = ''): Promise<{ ids: Map<string, number>; linked: number }> {
  const store = database_url ? await openPostgres(database_url) : openSqlite(join(data_dir, 'footfall.db'));
  const ids = new Map<string, number>();
  for (let after = 0; ; ) {
    const page = await store.queries.events({}, after, 1_000);
    for (const { event_id } of page) ids.set(event_id, (ids.get(event_id) ?? 0) + 1);
    const last = page.at(-1);
    if (!last) break;
    after = last.event_pk;
  }
  let linked = 0;
  for await (const { events } of store.queries.allLinks({ bots: true })) linked += events;
  await store.close();
  return { ids, linked };
}

/** What is missing of the acknowledged events, and what is there twice. */
export function compare(acknowledged: Iterable<string>, ids: ReadonlyMap<string, number>): { lost: number; doubled: number } {
  let lost = 0;
  for (const id of acknowledged) if (!ids.has(id)) lost += 1;
  return { lost, doubled: [...ids.values()].filter((count) => count > 1).length };
}

/** Runs a program as root; its failure says what is needed. */
export function asRoot(program: string, ...args: string[]): void {
  try {
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const why = (error as { stderr?: Buffer }).stderr?.toString().trim() || (error as Error).message;
    throw new Error(`this test needs root and a Linux that lets it mount: ${program} ${args.join(' ')}: ${why}`);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function batchOf(ids: readonly string[], n: number, title: string): string {
  const time = Date.now();
  const place = { anonymous_id: `B${n % 500}`, session_id: `S${n % 900}`, url: 'https://x.example/', ...(title && { title }) };
  return JSON.stringify({
    v: 1,
    site: 'demo',
    sent_at: time,
    events: ids.map((event_id) => ({ event_id, type: 'page_view', time, ...place })),
  });
}

function post(agent: Agent, url: string, body: string): Promise<number | 'error'> {
  return new Promise((resolve) => {
    const headers = { 'content-length': Buffer.byteLength(body) };
    const req = request(`${url}/e`, { method: 'POST', agent, headers, timeout: 20_000 }, (res) => {
      res.resume();
      res.once('end', () => resolve(res.statusCode ?? 'error')).once('error', () => resolve('error'));
    });
    req.once('timeout', () => req.destroy()).once('error', () => resolve('error'));
    req.end(body);
  });
}

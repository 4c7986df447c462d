/** A real collector on a free port, with a folder and a clock of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Collector, createCollector, type Patience } from '../../collector/collector.ts';
import type { Config } from '../../collector/config.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import type { Queries } from '../../collector/store/queries.ts';
import type { WireEvent } from '../../protocol/event.ts';
import { createDatabase } from '../contract/fixture.ts';

export interface TestServer extends Collector {
  data_dir: string;
  /** Empty: SQLite. */
  database_url: string;
  /** Moves the collector's clock. */
  clock: { now: number };
  post(events: Partial<WireEvent>[], more?: { site?: string; headers?: Record<string, string>; sent_at?: number }): Promise<Response>;
  get<T>(path: string): Promise<T>;
  send<T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }>;
  links(query?: string): Promise<LinkRow[]>;
  /** What /metrics says once all that was acknowledged is applied. */
  metrics(): Promise<string>;
}

export const START = Date.UTC(2026, 10, 20, 9);

/** Tests read what they sent, however slow the machine is. */
const PATIENT = { read: 15_000 };

export async function startServer(
  settings: Partial<Config> = {},
  clock = { now: START },
  patience: Partial<Patience> = PATIENT,
): Promise<TestServer> {
  const data_dir = settings.data_dir ?? mkdtempSync(join(tmpdir(), 'footfall-'));
  const database_url = await databaseOf(data_dir);
  const collector = await createCollector(
    { port: 0, log_level: 'silent', collect_rate: 0, api_rate: 0, data_dir, database_url, ...settings },
    { now: () => clock.now, patience },
  );
  const { url, admin_token } = collector;
  const authorization = `Bearer ${admin_token}`;

  async function send<T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
    const headers = { authorization, 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
  }
  const get = async <T>(path: string): Promise<T> => (await send<T>('GET', path)).body;
  return {
    ...collector,
    store: { ...collector.store, queries: settledQueries(collector) },
    data_dir,
    database_url,
    clock,
    send,
    get,
    links: async (query = '') => (await get<{ links: LinkRow[] }>(`/v1/links?limit=1000&${query}`)).links,
    post: (events, { site = 'demo', headers = {}, sent_at = clock.now } = {}) =>
      fetch(`${url}/e`, { method: 'POST', headers, body: JSON.stringify({ v: 1, site, sent_at, events }) }),
    async metrics() {
      await collector.settled();
      return (await fetch(`${url}/metrics`)).text();
    },
    async close() {
      await collector.close();
      if (settings.data_dir === undefined) rmSync(data_dir, { recursive: true });
    },
  };
}

/** As the API reads: whatever was acknowledged before is seen. */
function settledQueries({ store: { queries }, settled }: Collector): Queries {
  type Query = (...parameters: unknown[]) => Promise<unknown> | AsyncIterable<unknown>;
  const waiting = (query: Query): Query =>
    query.constructor.name === 'AsyncGeneratorFunction'
      ? async function* (...parameters) {
          await settled();
          yield* query(...parameters) as AsyncIterable<unknown>;
        }
      : (...parameters) => settled().then(() => query(...parameters));
  return Object.fromEntries(Object.entries(queries).map(([name, query]) => [name, waiting(query as Query)])) as unknown as Queries;
}

const databases = new Map<string, Promise<string>>();
/** The same folder is the same store again, on PostgreSQL as well. */
function databaseOf(data_dir: string): Promise<string> {
  const known = databases.get(data_dir) ?? (process.env['STORE'] === 'postgres' ? createDatabase() : Promise.resolve(''));
  databases.set(data_dir, known);
  return known;
}

let made = 0;
/** A page view of browser B1 in session S1, by its differences. */
export function wire(type: string, more: Partial<WireEvent> & { time: number }): WireEvent {
  made += 1;
  return { event_id: `t${made}`, type, anonymous_id: 'B1', session_id: 'S1', url: 'http://localhost/p/tv', ...more };
}

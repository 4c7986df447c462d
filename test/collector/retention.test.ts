/** RETENTION_DAYS: what is older loses its content, links and claims stay, and a replay is still a duplicate. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DAY, HOUR } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

const data_dir = mkdtempSync(join(tmpdir(), 'footfall-retention-'));
const clock = { now: START };
const old = [
  wire('page_view', { event_id: 'old-view', time: START - 3_000, url: 'http://localhost/secret-wish' }),
  wire('logout', { event_id: 'old-logout', time: START - 1_000, url: 'http://localhost/bye' }),
  wire('login', { event_id: 'old-login', time: START - 2_000, customer_id: 'C1', url: 'http://localhost/account' }),
];
const yesterday = START + 29 * DAY;
let server: TestServer;
let before: unknown[];

beforeAll(async () => {
  const first = await startServer({ data_dir, retention_days: 30 }, clock);
  expect((await first.post(old)).status).toBe(204);
  expect((await first.post([{ event_id: 'bad', type: 'BAD', time: START }])).status).toBe(200);
  await first.settled();
  clock.now = yesterday;
  expect((await first.post([wire('page_view', { event_id: 'young', time: yesterday, session_id: 'S2' })])).status).toBe(204);
  before = await first.links();
  await first.close();
  clock.now = START + 31 * DAY;
  server = await startServer({ data_dir, retention_days: 30 }, clock);
  await vi.waitFor(async () => expect(await payloadOf('old-view')).toBe(''), { timeout: 10_000 });
});
afterAll(async () => {
  await server.close();
  rmSync(data_dir, { recursive: true });
});

async function payloadOf(event_id: string): Promise<string | undefined> {
  const text = `SELECT payload FROM events WHERE event_id = '${event_id}'`;
  if (server.database_url) {
    const client = new pg.Client({ connectionString: server.database_url });
    await client.connect();
    const { rows } = await client.query<{ payload: string }>(text);
    await client.end();
    return rows[0]?.payload;
  }
  const db = new Database(join(data_dir, 'footfall.db'), { readonly: true });
  const row = db.prepare<[], { payload: string }>(text).get();
  db.close();
  return row?.payload;
}

test('old plain events lose their content; claims, barriers and young events keep theirs', async () => {
  expect(await payloadOf('old-login')).toContain('account');
  expect(await payloadOf('old-logout')).toContain('bye');
  expect(await payloadOf('young')).toContain('localhost');
});

test('links stay as they are', async () => {
  expect(before.length).toBeGreaterThan(1);
  expect(await server.links()).toEqual(before);
});

test('a timeline shows the claim, and not what was dropped', async () => {
  const { events } = await server.get<{ events: { event_id: string }[] }>('/v1/customers/C1/timeline');
  const ids = events.map(({ event_id }) => event_id);
  expect(ids).toContain('old-login');
  expect(ids).not.toContain('old-view');
});

test('a replay of a dropped event is a duplicate, and changes nothing', async () => {
  const answer = await server.post(old);
  expect(answer.status).toBe(204);
  expect(await payloadOf('old-view')).toBe('');
  const metrics = await server.metrics();
  expect(metrics).toMatch(/^footfall_events_total\{fate="duplicate"\} 3$/m);
  expect(await server.links()).toEqual(before);
});

test('an event older than retention is refused as too_old, those of its batch are not', async () => {
  const answer = await server.post([
    wire('page_view', { event_id: 'late', time: clock.now - 30 * DAY - HOUR }),
    wire('page_view', { event_id: 'in-time', time: clock.now - 29 * DAY, session_id: 'S3' }),
  ]);
  expect(await answer.json()).toEqual({ accepted: 1, rejected: [{ event_id: 'late', reason: 'too_old' }] });
  const { failed } = await server.get<{ failed: { event_id: string; raw: string }[] }>('/v1/failed');
  expect(failed.map(({ event_id }) => event_id)).toEqual(['late']);
  expect(failed[0]?.raw).not.toContain('localhost');
});

test('taking an old claim back judges its sessions again, and their sums stay', async () => {
  const sums = async (): Promise<number[]> => {
    const links = await server.links();
    return [links.reduce((sum, { events }) => sum + events, 0), links.reduce((sum, { page_views }) => sum + page_views, 0)];
  };
  const untouched = await sums();
  const { status } = await server.send('POST', '/v1/decisions', { type: 'revoke', target: 'old-login', reason: 'a test' });
  expect(status).toBe(201);
  expect((await server.links()).map(({ customer_id }) => customer_id)).not.toContain('C1');
  expect(await sums()).toEqual(untouched);
});

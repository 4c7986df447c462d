/** A SQLite store moved into PostgreSQL by the command, as its user runs it: killed on the way, gone on with, and used afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulate } from '../../collector/simulate/simulate.ts';
import { openPostgres } from '../../collector/store/postgres.ts';
import { openSqlite } from '../../collector/store/sqlite.ts';
import { DAY, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../collector/server.ts';
import { createDatabase, DEMO_SITE } from './fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'footfall-move-'));
const sent: WireEvent[] = [];
let customers: string[] = [];
let before: Record<string, string>;
/** How many of the sent events were stored: the others were sent without consent. */
let accepted = 0;
let url: string;
let other: pg.Client;

beforeAll(async () => {
  url = await createDatabase();
  other = new pg.Client({ connectionString: url });
  await other.connect();
  const server = await startServer({ data_dir: folder });
  await fill(server);
  before = await answersOf(server);
  await server.close();
});
afterAll(async () => {
  await other.end();
  rmSync(folder, { recursive: true });
});

test('nothing is moved from a folder whose collector runs, from no file, or to no database', async () => {
  const server = await startServer({ data_dir: folder });
  expect(await migrateStore(['--to', url]).ended).toMatchObject({
    code: 1,
    error: matching(/in use by another collector \(process \d+ at http/),
  });
  await server.close();
  expect(await migrateStore(['--from', join(folder, 'none.db'), '--to', url]).ended).toMatchObject({
    code: 1,
    error: matching(/none.db: no such file/),
  });
  expect(await migrateStore([]).ended).toMatchObject({ code: 2, error: matching(/--to: expected postgres:/) });
  expect(await migrateStore(['--to', 'mysql://db/x']).ended).toMatchObject({ code: 2 });
  const nowhere = Object.assign(new URL(url), { pathname: '/nowhere', password: 'hunter2' }).href;
  const refused = await migrateStore([nowhere]).ended;
  expect(refused).toMatchObject({ code: 1, error: matching(/"nowhere" does not exist/) });
  expect(refused.error).not.toContain('hunter2');
});

test('killed in the middle of the events, it leaves a target that no collector takes, and goes on from there', async () => {
  await (await openPostgres(url)).close();
  // Stops the move at one event for as long as this connection says.
  await other.query(`SELECT pg_advisory_lock(42);
    CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END';
    CREATE TRIGGER halt BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.event_pk = 3000) EXECUTE FUNCTION halt()`);
  const first = migrateStore(['--to', url]);
  await until(async () => (await count(`pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()`)) === 1);
  first.child.kill('SIGKILL');
  expect((await first.ended).code).toBe('SIGKILL');
  await other.query('SELECT pg_advisory_unlock(42)');

  await expect(startServer({ data_dir: mkdtempSync(join(folder, 'other-')), database_url: url })).rejects.toThrow(
    /a store is being moved here; run footfall migrate-store again/,
  );
  const stranger = join(mkdtempSync(join(folder, 'stranger-')), 'footfall.db');
  const store = openSqlite(stranger);
  await store.write((tx) => tx.saveSite(DEMO_SITE));
  await store.close();
  expect(await migrateStore([stranger, url]).ended).toMatchObject({ code: 1, error: matching(/unfinished move of another store/) });

  const moved = await count('events');
  expect(moved).toBeGreaterThan(0);
  expect(moved).toBeLessThan(3_000);
  expect(await count('links')).toBe(0);
  await other.query('DROP TRIGGER halt ON events; DROP FUNCTION halt');
  const second = await migrateStore(['--to', url, '--json']).ended;
  expect(second).toMatchObject({ code: 0 });
  const report = JSON.parse(second.out) as { resumed: boolean; rows: number; tables: Record<string, number>; links_sha256: string };
  expect(report).toMatchObject({ resumed: true, links_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });

  const file = new Database(join(folder, 'footfall.db'), { readonly: true });
  for (const [table, rows] of Object.entries(report.tables)) {
    expect({ table, rows: await count(table) }).toEqual({ table, rows });
    expect(file.prepare(`SELECT count(*) AS rows FROM ${table}`).get()).toEqual({ rows });
  }
  file.close();
  // Every kind of row is in this store, and every table of PostgreSQL was thought of.
  const empty = Object.entries(report.tables).filter(([, rows]) => rows === 0);
  expect(empty.map(([table]) => table)).toEqual(['relink_queue']);
  const { rows: all } = await other.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
  );
  expect(all.map(({ name }) => name).sort()).toEqual([...Object.keys(report.tables), 'event_keys', 'journal', 'meta'].sort());
  const { rows: partitions } = await other.query<{ name: string }>('SELECT DISTINCT tableoid::regclass AS name FROM events ORDER BY 1');
  expect(partitions.map(({ name }) => name)).toEqual(['events_2026_11', 'events_2026_12']);

  expect(await migrateStore(['--to', url]).ended).toMatchObject({ code: 1, error: matching(/The target is not empty/) });
  expect(await migrateStore(['--to', url, '--restart']).ended).toMatchObject({ code: 1, error: matching(/The target is not empty/) });
});

test('PostgreSQL answers as SQLite did, takes old events for duplicates, and goes on with new ones', async () => {
  const server = await startServer({ data_dir: folder, database_url: url }, { now: START + 30 * DAY });
  const after = await answersOf(server);
  for (const [path, answer] of Object.entries(before)) expect({ path, answer: after[path] }).toEqual({ path, answer });

  const [frontier] = (
    await other.query<{ event_pk: string; position: string }>(
      'SELECT (SELECT max(event_pk) FROM events) AS event_pk, (SELECT max(position) FROM change_log) AS position',
    )
  ).rows;
  expect(accepted).toBeGreaterThan(4_000);
  expect(await importInto(server, sent)).toMatchObject({ accepted: 0, duplicate: accepted, rejected: 0 });
  const { now } = server.clock;
  const events = [
    wire('page_view', { event_id: 'after-1', time: now - MINUTE, anonymous_id: 'after', session_id: 'after' }),
    wire('login', { event_id: 'after-2', time: now, anonymous_id: 'after', session_id: 'after', customer_id: customers[0] ?? '' }),
  ];
  expect(await importInto(server, events)).toMatchObject({ accepted: 2, duplicate: 0 });
  expect((await server.links('anonymous_id=after')).map(({ customer_id, rule }) => [customer_id, rule])).toEqual([
    [customers[0], 'session'],
  ]);
  const { rows } = await other.query<{ event_pk: string }>(`SELECT event_pk FROM events WHERE event_id LIKE 'after-%'`);
  for (const { event_pk } of rows) expect(Number(event_pk)).toBeGreaterThan(Number(frontier?.event_pk));
  expect(await count(`change_log WHERE position > ${frontier?.position} AND cause_event_id LIKE 'after-%'`)).toBeGreaterThan(0);
  await server.send('POST', '/v1/sites', { site: 'after' });
  expect(await count(`sites WHERE site = 'after' AND site_pk > 1`)).toBe(1);
  await server.close();
});

test('a source that was used after the move had begun is noticed, and moved again from the beginning', async () => {
  const target = await createDatabase();
  const client = new pg.Client({ connectionString: target });
  await client.connect();
  const source = join(mkdtempSync(join(folder, 'again-')), 'footfall.db');
  let store = openSqlite(source);
  await store.write((tx) => tx.saveSite(DEMO_SITE));
  await store.write((tx) => tx.saveStore(1, { store_id: 'b', name: 'Before', gln: null }));
  await store.close();
  await (await openPostgres(target)).close();
  // The move stops at its stores; what it moved by then stays.
  await client.query('ALTER TABLE stores ADD CONSTRAINT halt CHECK (false)');
  expect(await migrateStore([source, target]).ended).toMatchObject({
    code: 1,
    error: matching(/The move stopped: .*halt.*goes on where it was/),
  });
  await client.query('ALTER TABLE stores DROP CONSTRAINT halt');
  store = openSqlite(source);
  await store.write((tx) => tx.saveSite({ ...DEMO_SITE, name: 'Renamed meanwhile' }));
  await store.close();
  expect(await migrateStore([source, target]).ended).toMatchObject({
    code: 1,
    error: matching(/The table sites differs: its 1 rows are not the same/),
  });
  await expect(openPostgres(target)).rejects.toThrow(/a store is being moved here/);
  expect(await migrateStore([source, target, '--restart']).ended).toMatchObject({ code: 0, out: matching(/every one compared/) });
  expect((await client.query<{ config: string }>('SELECT config FROM sites')).rows[0]?.config).toContain('Renamed meanwhile');
  await client.end();
});

/** A simulated town, and by hand what it lacks. */
async function fill(server: TestServer): Promise<void> {
  const days = [...simulate({ people: 400, days: 12, seed: 7, start: START - 12 * DAY }).days].flatMap((day) => day.events);
  sent.push(...new Map(days.filter(({ event }) => event.time < START).map(({ event }) => [event.event_id, event])).values());
  const half = Math.floor(sent.length / 2);
  for (const part of [sent.slice(0, half), sent.slice(half)]) {
    const answer = await importInto(server, part);
    expect(answer).toMatchObject({ duplicate: 0, rejected: 0 });
    accepted += answer.accepted;
    server.clock.now += 15 * DAY;
  }

  const store = { site: 'demo', id: 'move', name: 'Überall & 東京' };
  expect(await server.send('POST', '/v1/stores', store)).toMatchObject({ status: 201 });
  const made = { site: 'demo', target: `${server.url}/demo/`, store_id: 'move' };
  for (const more of [{ code: 'MOVE01' }, { code: 'MOVE02', kind: 'personal', customer_id: 'C-moved', single_use: true }])
    expect(await server.send('POST', '/v1/codes', { ...made, ...more })).toMatchObject({ status: 201 });
  expect(await server.send('PATCH', '/v1/codes/MOVE01', { label: 'Shelf "two"\\' })).toMatchObject({ status: 200 });
  for (const code of ['MOVE01', 'MOVE02']) {
    const landing = (await fetch(`${server.url}/q/${code}`, { redirect: 'manual', headers: { 'user-agent': PHONE } })).headers.get(
      'location',
    );
    const scan = new URL(landing ?? '').searchParams.get('ff_scan') ?? '';
    const page = wire('page_view', { time: server.clock.now, anonymous_id: 'phone', session_id: code, scan });
    expect((await server.post([page], { headers: { 'user-agent': PHONE } })).status).toBe(204);
  }
  const browser = { anonymous_id: 'laptop', session_id: 'laptop' };
  await server.post([
    wire('add_to_cart', { ...browser, time: server.clock.now - 9 }),
    wire('login', { ...browser, time: server.clock.now - 8, customer_id: 'C-moved', email_sha256: 'a'.repeat(64) }),
    wire('logout', { ...browser, time: server.clock.now - 7 }),
    wire('login', { ...browser, time: server.clock.now - 6, customer_id: 'C-gone', session_id: 'gone' }),
    wire('purchase', { ...browser, time: server.clock.now - 5, props: { transaction_id: 'O1', value: '12.30', currency: 'EUR' } }),
  ]);
  expect((await server.post([{ ...wire('page_view', { time: server.clock.now }), session_id: 'x'.repeat(9_000) }])).status).toBe(200);
  const found = await server.get<{ customers: { customer_id: string }[] }>('/v1/customers?limit=9');
  customers = found.customers.map(({ customer_id }) => customer_id).filter((id) => id !== 'C-gone' && id !== 'C-moved');
  const [one = '', two = '', three = ''] = customers;
  for (const statement of [
    { type: 'merge', customers: [one, two], into: one },
    { type: 'hub', customer_id: three },
  ])
    expect(await server.send('POST', '/v1/decisions', { ...statement, site: 'demo', reason: 'a test' })).toMatchObject({ status: 201 });
  expect(await server.send('DELETE', '/v1/customers/C-gone?site=demo')).toMatchObject({ status: 200 });
  const link = { site: 'demo', link: '/01/09521000100015', link_type: 'gs1:pip', target: `${server.url}/demo/`, title: 'A TV' };
  expect(await server.send('POST', '/v1/gs1/targets', link)).toMatchObject({ status: 201 });
  expect(await server.send('POST', '/v1/tokens', { name: 'moved', scopes: ['read'], days: 10 })).toMatchObject({ status: 201 });
}

/** What readers are told. */
async function answersOf(server: TestServer): Promise<Record<string, string>> {
  const ids = [...customers, 'C-moved'];
  const span = `from=${START - 20 * DAY}&to=${START + 40 * DAY}`;
  const paths = [
    ...[
      'links?format=ndjson&bots=include',
      'links/changes?limit=1000',
      'scans?flagged=include',
      'decisions',
      'erasures',
      'failed',
      'stores',
    ],
    ...[
      'tokens',
      'events?limit=1000',
      `reports/links?${span}`,
      `reports/funnel?${span}`,
      'codes/MOVE01',
      'codes/MOVE02',
      'gs1/targets?site=demo',
    ],
    ...ids.flatMap((id) => [`customers/${id}`, `customers/${id}/timeline`, `customers/${id}/export`]),
  ];
  const answers: Record<string, string> = {};
  for (const path of paths) {
    const answer = await fetch(`${server.url}/v1/${path}`, { headers: { authorization: `Bearer ${server.admin_token}` } });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
    answers[path] = text.replaceAll(/localhost:\d+/gi, 'collector');
  }
  return answers;
}

async function importInto(
  server: TestServer,
  events: readonly WireEvent[],
): Promise<{ accepted: number; duplicate: number; rejected: number }> {
  const answer = await fetch(`${server.url}/v1/import?site=demo`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.admin_token}`, 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  });
  return (await answer.json()) as { accepted: number; duplicate: number; rejected: number };
}

interface Ended {
  code: number | string | null;
  out: string;
  error: string;
}

function migrateStore(args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'collector/cli.ts', 'migrate-store', ...args], {
    env: { ...process.env, DATA_DIR: folder, DATABASE_URL: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', error: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.error += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code: code ?? signal, ...said }))) };
}

const matching = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

async function count(what: string): Promise<number> {
  const { rows } = await other.query<{ count: string }>(`SELECT count(*) FROM ${what}`);
  return Number(rows[0]?.count);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    if (tries > 5_000) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';

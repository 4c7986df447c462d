/** The twelve questions of docs/sql.md, asked of a simulated shop; each answer is worked out again without SQL. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnedOrder, ordersOf } from '../../collector/profile/orders.ts';
import { writeSimulation } from '../../collector/simulate/write.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import { POSTGRES_MIGRATIONS } from '../../collector/store/migrations/postgres.ts';
import type { LinkChange } from '../../collector/store/queries-links.ts';
import { DAY, HOUR, MINUTE } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../collector/server.ts';
import { clusterUrl } from '../postgres-on-demand.ts';

type Row = Record<string, string | number | null>;

const folder = mkdtempSync(join(tmpdir(), 'footfall-sql-'));
let server: TestServer;
let db: Database.Database;
/** What the answers are worked out from. */
const links: LinkRow[] = [];
let orders: OwnedOrder[] = [];

beforeAll(async () => {
  server = await startServer({ data_dir: join(folder, 'data') });
  writeSimulation(join(folder, 'simulated'), { people: 600, days: 40, seed: 7, preset: 'shared-heavy' });
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const body = readFileSync(join(folder, 'simulated/events.ndjson'));
  const imported = await fetch(`${server.url}/v1/import?site=demo`, { method: 'POST', headers, body });
  expect(((await imported.json()) as { accepted: number }).accepted).toBeGreaterThan(5_000);
  await visitStore();
  db = new Database(join(folder, 'data/footfall.db'), { readonly: true });
  for await (const link of server.store.queries.allLinks({ bots: true })) links.push(link);
  const site_pk = server.store.sites().find(({ site }) => site === 'demo')?.site_pk ?? 0;
  orders = ordersOf(await server.store.queries.orderEventsAfter(site_pk, 0, 1_000_000));
  expect(orders.length).toBeGreaterThan(20);
}, 120_000);
afterAll(async () => {
  db.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Jane scans in the store, buys at home and sends one thing back; a till sends the order again; Bob scans and buys too late. */
async function visitStore(): Promise<void> {
  for (const [code, id] of [
    ['KIELTV', 'kiel'],
    ['OSLOTV', 'oslo'],
  ])
    await server.send('POST', '/v1/codes', { site: 'demo', code, target: 'https://shop.com/tv', store: { id, name: id } });
  const scan = async (code: string): Promise<string> => {
    const phone = { 'user-agent': 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1' };
    const answer = await fetch(`${server.url}/q/${code}`, { redirect: 'manual', headers: phone });
    return new URL(answer.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
  };
  const bought = (transaction_id: string, value: string) => ({ props: { transaction_id, value, currency: 'EUR' } });
  const jane = { anonymous_id: 'jane-phone', session_id: 'jane-1', customer_id: 'JANE' };
  const at = START + MINUTE;
  const janeScan = await scan('KIELTV');
  const bobScan = await scan('OSLOTV');
  await scan('OSLOTV');
  server.clock.now = at + 40 * DAY;
  await server.post([
    wire('page_view', { ...jane, time: at, scan: janeScan, url: 'http://localhost:8080/p/tv?utm_source=kiel&utm_medium=qr' }),
    wire('login', { ...jane, time: at + 1 }),
    wire('purchase', { ...jane, time: at + DAY, session_id: 'jane-2', ...bought('J1', '0.10') }),
    wire('purchase', { ...jane, time: at + DAY + HOUR, session_id: 'jane-3', ...bought('J2', '0.20') }),
    wire('refund', { ...jane, time: at + 2 * DAY, session_id: 'jane-4', ...bought('J2', '0.05') }),
    wire('purchase', { ...jane, time: at + 2 * DAY + 1, session_id: 'jane-4', ...bought('J3', '7.30') }),
    wire('refund', { ...jane, time: at + 2 * DAY + 2, session_id: 'jane-4', props: { transaction_id: 'J3' } }),
    wire('page_view', { anonymous_id: 'bob-phone', session_id: 'bob-1', time: at, scan: bobScan }),
    wire('purchase', { anonymous_id: 'bob-phone', session_id: 'bob-2', time: at + 20 * DAY, customer_id: 'BOB', ...bought('B1', '12.00') }),
  ]);
  const again = wire('purchase', { time: at + DAY + MINUTE, customer_id: 'TILL-4', ...bought('J1', '0.10') });
  const { session_id: _s, anonymous_id: _a, ...till } = again;
  await server.post([till], { headers: { authorization: `Bearer ${server.admin_token}` } });
  await server.send('POST', '/v1/decisions', {
    site: 'demo',
    type: 'merge',
    customers: ['JANE', 'C000001'],
    into: 'JANE',
    reason: 'told us',
  });
}

const questions = [...readFileSync('docs/sql.md', 'utf8').matchAll(/^### (\d+)\. .*?```sql\n(.*?)```/gms)].map(([, n, sql]) => ({
  n: Number(n),
  sql: sql ?? '',
}));
const answer = (n: number): Row[] => db.prepare<[], Row>(questions.find((question) => question.n === n)?.sql ?? '').all();

/** Counts by name, as `[{<label>: name, <counted>: n}]`, most first. */
function counted(names: readonly (string | number | null)[], label: string, as: string): Row[] {
  const counts = new Map<string | number | null, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, n]) => ({ [label]: name, [as]: n }));
}
const sameRows = (rows: Row[], expected: Row[]): void => {
  expect(expected.length).toBeGreaterThan(0);
  const sorted = (list: Row[]): Row[] => [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  expect(sorted(rows)).toEqual(sorted(expected));
};
const group = <T>(list: readonly T[], by: (item: T) => string): T[][] => {
  const groups = new Map<string, T[]>();
  for (const item of list) groups.set(by(item), [...(groups.get(by(item)) ?? []), item]);
  return [...groups.values()];
};
const money = (list: readonly OwnedOrder[]): number =>
  Number(list.reduce((sum, { order }) => sum + Math.round(Number(order.value) * 100), 0)) / 100;
const purchases = (): OwnedOrder[] => orders.filter(({ order }) => order.type === 'purchase');
const visits = (): LinkRow[] =>
  links.filter(({ customer_id, bot }) => customer_id !== null && !bot).sort((a, b) => a.started_at - b.started_at);
const channelOf = (session_id: string | null): string | null => links.find((link) => link.session_id === session_id)?.channel ?? null;

test('docs/sql.md has twelve questions', () => {
  expect(questions.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('1: segments by outcome', () => {
  const outcomes = links.filter(({ bot }) => !bot).map(({ rule, status }) => rule ?? status);
  expect(new Set(outcomes).size).toBeGreaterThan(4);
  sameRows(answer(1), counted(outcomes, 'outcome', 'segments'));
});

test('2: customers by browsers', async () => {
  type Claims = { claims: number; browsers: Set<string | null> };
  const said = new Map<string, Claims>();
  for (let after = 0; ; ) {
    const events = await server.store.queries.events({}, after, 5_000);
    for (const { customer_id, anonymous_id } of events) {
      if (customer_id === null) continue;
      const known = said.get(customer_id) ?? { claims: 0, browsers: new Set() };
      known.claims += 1;
      if (anonymous_id !== null) known.browsers.add(anonymous_id);
      said.set(customer_id, known);
    }
    const last = events.at(-1);
    if (!last) break;
    after = last.event_pk;
  }
  const expected = [...said].map(([customer_id, { claims, browsers }]) => ({ customer_id, browsers: browsers.size, claims }));
  expected.sort((a, b) => b.browsers - a.browsers || b.claims - a.claims || (a.customer_id < b.customer_id ? -1 : 1));
  expect(answer(2)).toEqual(expected.slice(0, 10));
});

test('3: revenue by channel, net of refunds', () => {
  const valued = orders.filter(({ order }) => order.value !== null);
  const byChannel = group(valued, ({ order }) => `${channelOf(order.session_id)} ${order.currency}`);
  const expected = byChannel.map((list) => ({
    channel: channelOf(list[0]?.order.session_id ?? null),
    currency: list[0]?.order.currency ?? null,
    orders: list.filter(({ order }) => order.type === 'purchase').length,
    net: money(list),
  }));
  expect(expected.length).toBeGreaterThan(2);
  sameRows(answer(3), expected);
});

test('4: first touches of buyers', () => {
  const buyers = new Set(purchases().map(({ person_id }) => person_id));
  const firsts = group(visits(), ({ person_id }) => String(person_id)).flatMap(([first]) =>
    first && buyers.has(first.person_id) ? [first.channel] : [],
  );
  sameRows(answer(4), counted(firsts, 'channel', 'persons'));
});

test('5: last touch before each order', () => {
  const touched = purchases().flatMap((owned) => {
    const { order, person_id } = owned;
    const before = visits().filter(
      (visit) => visit.person_id === person_id && visit.started_at <= order.occurred_at && visit.started_at >= order.occurred_at - 90 * DAY,
    );
    const touch = before.findLast(({ channel }) => channel !== 'direct') ?? before.at(-1);
    return touch ? [{ owned, channel: touch.channel }] : [];
  });
  const expected = group(touched, ({ channel }) => String(channel)).map((list) => ({
    channel: list[0]?.channel ?? null,
    orders: list.length,
    revenue: money(list.map(({ owned }) => owned)),
  }));
  sameRows(answer(5), expected);
});

test('6: persons by browsers', () => {
  const linked = links.filter(({ status }) => status === 'linked');
  const people = group(linked, ({ person_id }) => String(person_id));
  const sizes = people.map((list) => new Set(list.map(({ anonymous_id }) => anonymous_id)).size);
  expect(Math.max(...sizes)).toBeGreaterThan(1);
  sameRows(answer(6), counted(sizes, 'browsers', 'persons'));
});

test('7: scans, persons and orders by code; an order after 20 days is not counted, a second copy of one neither', () => {
  expect(answer(7)).toEqual([
    { store: 'oslo', code: 'OSLOTV', scans: 2, persons: 1, orders: 0 },
    { store: 'kiel', code: 'KIELTV', scans: 1, persons: 1, orders: 3 },
  ]);
});

test('8: visits before the first order', () => {
  const owned = purchases().filter(({ person_id }) => person_id !== null);
  const counts = group(owned, ({ person_id }) => String(person_id)).flatMap((list) => {
    const first = Math.min(...list.map(({ order }) => order.occurred_at));
    const before = visits().filter((visit) => visit.person_id === list[0]?.person_id && visit.started_at <= first);
    return before.length > 0 ? [before.length] : [];
  });
  sameRows(answer(8), counted(counts, 'visits', 'persons'));
});

test('9: shared browsers', () => {
  const browsers = group(
    links.filter(({ bot }) => !bot),
    ({ anonymous_id }) => anonymous_id,
  );
  const expected = browsers.flatMap((list) => {
    const persons = new Set(list.flatMap(({ person_id }) => person_id ?? [])).size;
    const unlinked = list.filter(({ status }) => status !== 'linked').length;
    return persons > 1 ? [{ site: 'demo', anonymous_id: list[0]?.anonymous_id ?? '', persons, segments: list.length, unlinked }] : [];
  });
  sameRows(answer(9), expected);
});

test('10: how often people buy', () => {
  const owned = purchases().filter(({ person_id }) => person_id !== null);
  const counts = group(owned, ({ person_id }) => String(person_id)).map((list) => list.length);
  sameRows(answer(10), counted(counts, 'bought', 'persons'));
});

test('11: the best customers, and Jane to the cent', () => {
  const valued = orders.filter(({ order, person_id }) => order.value !== null && person_id !== null);
  const expected = group(valued, ({ order, person_id }) => `${person_id} ${order.currency}`).map((list) => ({
    person_id: list[0]?.person_id ?? '',
    currency: list[0]?.order.currency ?? '',
    net: money(list),
    orders: list.filter(({ order }) => order.type === 'purchase').length,
  }));
  expected.sort((a, b) => b.net - a.net || (a.person_id < b.person_id ? -1 : 1));
  expect(answer(11)).toEqual(expected.slice(0, 10));
  const janes = db.prepare<[], Row>(
    "SELECT order_id, type, value, customer_id FROM orders WHERE person_id = 'JANE' AND order_id LIKE 'J%'",
  );
  sameRows(janes.all(), [
    { order_id: 'J1', type: 'purchase', value: '0.10', customer_id: 'JANE' },
    { order_id: 'J2', type: 'purchase', value: '0.20', customer_id: 'JANE' },
    { order_id: 'J2', type: 'refund', value: '-0.05', customer_id: 'JANE' },
    { order_id: 'J3', type: 'purchase', value: '7.30', customer_id: 'JANE' },
    { order_id: 'J3', type: 'refund', value: '-7.30', customer_id: 'JANE' },
  ]);
});

test('12: answers that changed', async () => {
  const changes: LinkChange[] = [];
  for (let since = 0; ; ) {
    const page = await server.store.queries.changesSince(since, 1_000, null);
    changes.push(...page);
    const last = page.at(-1);
    if (!last) break;
    since = last.position;
  }
  const changed = changes.filter(({ type, old }) => type === 'upsert' && old !== null);
  const names = changed.map(({ link, old }) => `${old?.rule ?? old?.status} ${link?.rule ?? link?.status}`);
  const expected = counted(names, 'both', 'changes').map(({ both, changes: n = 0 }) => {
    const [was = '', became = ''] = String(both).split(' ');
    return { was, became, changes: n };
  });
  expect(expected.length).toBeGreaterThan(2);
  sameRows(answer(12), expected);
  const persons = db.prepare<[], Row>("SELECT customer_id, person_id, old_person_id FROM link_changes WHERE type = 'person'");
  expect(persons.all()).toContainEqual({ customer_id: 'C000001', person_id: 'JANE', old_person_id: 'C000001' });
});

test('session_links is the links table, column by column', () => {
  const rows = db.prepare<[], Row>('SELECT * FROM session_links').all();
  const shown = rows.map(({ candidates, scans, products, bot, ...row }) => ({
    ...row,
    bot: bot === 1,
    ...{ candidates: JSON.parse(String(candidates)), scans: JSON.parse(String(scans)), products: JSON.parse(String(products)) },
  }));
  const key = (row: object): string => ['anonymous_id', 'session_id', 'segment'].map((name) => (row as Row)[name]).join(' ');
  const ordered = (list: object[]): object[] => [...list].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  expect(ordered(shown)).toEqual(ordered(links));
  expect(links.some(({ candidates }) => candidates.length > 1)).toBe(true);
  expect(links.some(({ scans }) => scans.length > 0)).toBe(true);
});

test('PostgreSQL answers the same, of the same rows', async () => {
  const client = await postgresCopy();
  try {
    const number = (value: unknown): unknown => (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value);
    const named = (row: object): Row => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, number(value)])) as Row;
    for (const { n, sql } of questions) {
      const { rows } = await client.query<Row>(sql);
      sameRows(rows.map(named), answer(n).map(named));
    }
    const parsed = (row: Row): Row => {
      const lists = ['candidates', 'scans', 'products'].filter((name) => name in row);
      return named({ ...row, ...Object.fromEntries(lists.map((name) => [name, sortedJson(JSON.parse(String(row[name])))])) });
    };
    for (const view of ['session_links', 'link_changes', 'customers', 'scans', 'orders', 'touchpoints']) {
      const { rows } = await client.query<Row>(`SELECT * FROM ${view}`);
      sameRows(rows.map(parsed).map(sortedJson), db.prepare<[], Row>(`SELECT * FROM ${view}`).all().map(parsed).map(sortedJson));
    }
  } finally {
    await client.end();
  }
}, 60_000);

/** A PostgreSQL database with the rows of every table that the views read. */
async function postgresCopy(): Promise<pg.Client> {
  const url = new URL(await clusterUrl());
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query('CREATE DATABASE views');
  await admin.end();
  url.pathname = '/views';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  for (const step of POSTGRES_MIGRATIONS) await client.query(step);
  const tables = ['sites', 'browsers', 'sessions', 'persons', 'hubs', 'claims', 'codes', 'stores', 'scan_records', 'order_events', 'links'];
  for (const table of [...tables, 'change_log']) {
    const rows = db.prepare<[], Record<string, unknown>>(`SELECT * FROM ${table}`).all();
    const { rows: columns } = await client.query<{ column_name: string }>(
      `SELECT column_name FROM information_schema.columns WHERE table_name = '${table}'`,
    );
    const names = columns.map(({ column_name }) => column_name).filter((name) => rows[0] && name in rows[0]);
    const json = JSON.stringify(
      rows.map((row) => Object.fromEntries(names.map((name) => [name, Buffer.isBuffer(row[name]) ? '\\x00' : row[name]]))),
    );
    if (rows.length > 0)
      await client.query(`INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1)`, [json]);
  }
  await client.query('ANALYZE');
  return client;
}

/** Members in the order of their names: a database may keep them in another. */
function sortedJson<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sortedJson) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, sortedJson(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) as T;
}

/** Erasure on a real collector: nothing of the person is left in the files, nothing comes back, and nobody inherits their visits. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinkRow } from '../../collector/store/link-row.ts';
import { DAY, HOUR, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

const clock = { now: START };
const ago = (ms: number): number => START - ms;
const EMAIL = createHash('sha256').update('jane@private.example').digest('hex');
/** What may be found nowhere afterwards. */
const SECRETS = [
  ...['JANE-WEB-7731', 'JANE-CARD-42', 'JANE-ORDER-991', 'hook-JANE-ORDER-991', 'jane-secret-wish', 'jane-secret-page', 'JANE-TV'],
  ...['jane-landing-source', 'jane-refused', EMAIL],
];
let server: TestServer;
/** Her e-mail, as it is stored. */
let guest = '';
const posted: Partial<WireEvent>[] = [];
const backend: Partial<WireEvent>[] = [];

async function post(events: Partial<WireEvent>[]): Promise<void> {
  posted.push(...events);
  expect((await server.post(events)).status).toBe(204);
}

async function tell(events: Partial<WireEvent>[]): Promise<void> {
  backend.push(...events);
  expect((await server.post(events, { headers: { authorization: `Bearer ${server.admin_token}` } })).status).toBe(204);
}

const on = (browser: string, session: string, type: string, at: number, more: Partial<WireEvent> = {}) =>
  wire(type, { anonymous_id: browser, session_id: session, time: ago(at), ...more });

beforeAll(async () => {
  server = await startServer({}, clock);
  const order = { transaction_id: 'JANE-ORDER-991', value: '499.00', currency: 'EUR', items: [{ item_id: 'JANE-TV' }] };
  await post([
    // The shared laptop: Jane (and a visit in her window only), then somebody, then Bob.
    on('laptop', 'L0', 'page_view', 38 * DAY, { url: 'http://localhost/jane-secret-page?utm_source=jane-landing-source' }),
    on('laptop', 'L1', 'login', 9 * DAY, { customer_id: 'JANE-WEB-7731', email_sha256: EMAIL }),
    on('laptop', 'L1', 'search', 9 * DAY - 1_000, { props: { search_term: 'jane-secret-wish' } }),
    on('laptop', 'L1', 'add_to_cart', 9 * DAY - 2_000, { props: { items: [{ item_id: 'JANE-TV' }] } }),
    on('laptop', 'L1', 'purchase', 9 * DAY - 3_000, { customer_id: 'JANE-WEB-7731', props: order }),
    on('laptop', 'L1', 'logout', 9 * DAY - 4_000),
    on('laptop', 'L2', 'page_view', 8 * DAY),
    on('laptop', 'L3', 'login', 7 * DAY, { customer_id: 'BOB' }),
    on('laptop', 'L3', 'page_view', 7 * DAY - 1_000),
    // Her phone, and a visit there that came before she said who she is.
    on('phone', 'P1', 'page_view', 6 * DAY, { url: 'http://localhost/jane-secret-page' }),
    on('phone', 'P2', 'login', 5 * DAY, { customer_id: 'JANE-WEB-7731' }),
    on('phone', 'P3', 'login', 4 * DAY, { customer_id: 'JANE-CARD-42', event_id: 'revoked-login' }),
    on('other', 'O1', 'login', 3 * DAY, { customer_id: 'CAROL' }),
  ]);
  await tell([
    { event_id: 'hook-JANE-ORDER-991', type: 'purchase', time: ago(9 * DAY), customer_id: 'JANE-WEB-7731', props: order },
    { event_id: 'refund-JANE-ORDER-991', type: 'refund', time: ago(2 * DAY), props: { ...order, value: '1.00' } },
    { event_id: 'till-1', type: 'purchase', time: ago(DAY), customer_id: 'JANE-CARD-42', props: { value: '5.00', currency: 'EUR' } },
  ]);
  const refused = [
    { event_id: 'bad-1', type: 'BAD', time: START, customer_id: 'JANE-WEB-7731', url: 'http://localhost/jane-refused' },
    { event_id: 'bad-2', type: 'BAD', time: START, email_sha256: EMAIL, url: 'http://localhost/jane-refused' },
    { event_id: 'bad-3', type: 'BAD', time: START, anonymous_id: 'phone', url: 'http://localhost/jane-refused' },
    { event_id: 'bad-4', type: 'BAD', time: START, anonymous_id: 'laptop', url: 'http://localhost/somebody' },
  ];
  expect((await server.post(refused)).status).toBe(200);
  for (const [said, status] of [
    [{ type: 'merge', customers: ['JANE-WEB-7731', 'JANE-CARD-42'], into: 'JANE-WEB-7731', reason: 'her card JANE-CARD-42' }, 201],
    [{ type: 'revoke', target: 'revoked-login', reason: 'a mistake of JANE-CARD-42' }, 201],
    [{ type: 'kiosk', anonymous_id: 'other', reason: 'seen by JANE-WEB-7731' }, 201],
  ] as const)
    expect((await server.send('POST', '/v1/decisions', said)).status).toBe(status);
  const code = {
    code: 'JN99',
    site: 'demo',
    target: `${server.url}/demo/`,
    label: 'for JANE-WEB-7731',
    kind: 'personal',
    customer_id: 'JANE-WEB-7731',
  };
  expect((await server.send('POST', '/v1/codes', code)).status).toBe(201);
  const scan = await fetch(`${server.url}/q/JN99`, { redirect: 'manual' });
  const token = new URL(scan.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
  await post([on('phone', 'P4', 'page_view', 1, { scan: token, time: START + 1 })]);
});
afterAll(() => server.close());

/** The secrets that stand in some file of the data directory, or in some row of the database. */
async function found(): Promise<string[]> {
  const files = readdirSync(server.data_dir, { recursive: true, encoding: 'utf8' }).map((name) => join(server.data_dir, name));
  const bytes = Buffer.concat([
    ...files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file)),
    ...(server.database_url === '' ? [] : [await rowsOf(server.database_url)]),
  ]);
  return [...SECRETS, guest].filter((secret) => bytes.includes(secret) || bytes.includes(Buffer.from(secret).toString('hex')));
}

/** Every row of every table as text; what is not text stands there in hexadecimal. */
async function rowsOf(url: string): Promise<Buffer> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const tables = await client.query<{ name: string }>("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'");
  const texts: string[] = [];
  for (const { name } of tables.rows) {
    const { rows } = await client.query<{ text: string }>(`SELECT row_to_json(t)::text AS text FROM ${name} t`);
    texts.push(...rows.map(({ text }) => text));
  }
  await client.end();
  return Buffer.from(texts.join('\n'));
}

type Report = Record<string, number>;
type Erased = { erasure_id: string | null; dry_run: boolean; report: Report };
const erase = (query = '') => server.send<Erased>('DELETE', `/v1/customers/JANE-CARD-42${query}`);
const told = (links: LinkRow[]) => links.map(({ session_id, status, customer_id, rule }) => [session_id, status, customer_id, rule]).sort();

test('the export has everything: profile, links, events, claims, decisions, codes and refused events', async () => {
  const response = await fetch(`${server.url}/v1/customers/JANE-CARD-42/export`, {
    headers: { authorization: `Bearer ${server.admin_token}` },
  });
  expect(response.headers.get('content-type')).toContain('application/x-ndjson');
  const text = await response.text();
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { record: string; customers?: string[] });
  guest = lines[0]?.customers?.find((id) => id.startsWith('email:')) ?? '';
  expect(guest).toMatch(/^email:[0-9a-f]{64}$/);
  const counts = Object.fromEntries(
    [...new Set(lines.map(({ record }) => record))].map((record) => [record, lines.filter((line) => line.record === record).length]),
  );
  expect(counts).toEqual({
    subject: 1,
    profile: 1,
    browser: 2,
    order: 3,
    link: 6,
    event: 13,
    claim: 7,
    code: 1,
    decision: 2,
    failed_event: 2,
  });
  for (const secret of SECRETS.slice(0, 7)) expect(text).toContain(secret);
  expect(text).not.toContain('BOB');
});

test('a rehearsal says what an erasure would take, and takes nothing', async () => {
  const before = await server.links();
  const { status, body } = await erase('?dry_run=1');
  expect(status).toBe(200);
  expect(body).toMatchObject({ dry_run: true, erasure_id: null });
  expect(body.report).toMatchObject({ customers: 3, orders: 4, scans: 1, codes: 1, failed_events: 3 });
  expect(await server.links()).toEqual(before);
  // The hash of the address itself stands nowhere but in a refused event; everything else does.
  expect(await found()).toHaveLength(SECRETS.length + 1);
});

let cursor = '';
test('erased: no byte of the person is left in any file or row, and the report says what was taken', async () => {
  cursor = (await server.get<{ changes_cursor: string }>('/v1/links?limit=1')).changes_cursor;
  const rehearsed = (await erase('?dry_run=1')).body.report;
  const { status, body } = await erase();
  expect(status).toBe(200);
  expect(body.report).toEqual(rehearsed);
  expect(await found()).toEqual([]);
  expect(await server.get('/v1/erasures')).toMatchObject({
    erasures: [{ erasure_id: body.erasure_id, author: 'admin', report: rehearsed }],
  });
});

test('nobody inherits: what stood between two people is not the other’s now, and others keep what was theirs', async () => {
  const links = await server.links();
  expect(told(links)).toEqual([
    ['L2', 'ambiguous', null, null],
    ['L3', 'linked', 'BOB', 'session'],
    ['O1', 'linked', 'CAROL', 'session'],
  ]);
  expect(links.find(({ session_id }) => session_id === 'L2')?.candidates.map(({ customer_id }) => customer_id)).toEqual(['BOB']);
});

test('who was erased is nobody: no profile, no lookup, no list, no order, no code, no reason', async () => {
  expect((await server.send('GET', '/v1/customers/JANE-WEB-7731')).status).toBe(404);
  for (const body of [{ email: 'jane@private.example' }, { order: 'JANE-ORDER-991' }, { browser: 'phone' }, { session: 'L1' }])
    expect((await server.send('POST', '/v1/customers/lookup', body)).body).toMatchObject({ profiles: [] });
  const { customers } = await server.get<{ customers: { customer_id: string }[] }>('/v1/customers');
  expect(customers.map(({ customer_id }) => customer_id)).toEqual(['BOB', 'CAROL']);
  expect(await server.get('/v1/decisions')).toMatchObject({ decisions: [{ type: 'kiosk', reason: '(erased)' }] });
  expect((await fetch(`${server.url}/q/JN99`, { redirect: 'manual' })).status).not.toBe(302);
  const { failed } = await server.get<{ failed: { event_id: string }[] }>('/v1/failed');
  expect(failed.map(({ event_id }) => event_id)).toEqual(['bad-4']);
});

test('a consumer of the change feed drops the person’s links, and is told no id', async () => {
  type Change = { type: string; link: LinkRow | null; old: Partial<LinkRow>; cause_event_id: string };
  const { changes } = await server.get<{ changes: Change[] }>(`/v1/links/changes?since=${cursor}&limit=1000`);
  const gone = changes.filter(({ type }) => type === 'delete').map(({ old }) => old.session_id);
  expect(gone.sort()).toEqual(['L0', 'L1', 'P1', 'P2', 'P3', 'P4']);
  expect(JSON.stringify(changes)).not.toMatch(/JANE|email:/);
  for (const { cause_event_id } of changes) expect(cause_event_id).toMatch(/^ers_/);
  // From the beginning, the feed ends with the same table.
  const all = await server.get<{ changes: Change[] }>('/v1/links/changes?limit=1000');
  const held = new Map<string, LinkRow>();
  for (const { type, link, old } of all.changes) {
    if (type === 'upsert' && link) held.set(`${link.session_id} ${link.segment}`, link);
    if (type === 'delete') held.delete(`${old.session_id} ${old.segment}`);
  }
  expect(told([...held.values()])).toEqual(told(await server.links()));
});

test('a replay of everything is answered as duplicates and brings nothing back', async () => {
  const before = await server.links();
  const count = async (): Promise<number> => (await server.get<{ events: object[] }>('/v1/events?limit=1000')).events.length;
  const events = await count();
  expect((await server.post(posted)).status).toBe(204);
  const headers = { authorization: `Bearer ${server.admin_token}` };
  expect((await server.post(backend, { headers })).status).toBe(204);
  expect(await server.links()).toEqual(before);
  expect(await count()).toBe(events);
  const metrics = await server.metrics();
  expect(metrics).toMatch(new RegExp(`fate="duplicate"\\} ${posted.length + backend.length}$`, 'm'));
  // PostgreSQL's journal keeps for a moment what is applied.
  await expect.poll(async () => (await found()).filter((secret) => secret !== EMAIL)).toEqual([]);
});

test('what the browser sends later is nobody’s until somebody says who they are', async () => {
  const late = on('phone', 'P9', 'page_view', HOUR);
  expect((await server.post([late])).status).toBe(204);
  expect(told(await server.links('session_id=P9'))).toEqual([['P9', 'anonymous', null, null]]);
  expect((await server.post([on('phone', 'P10', 'login', MINUTE, { customer_id: 'BOB' })])).status).toBe(204);
  expect(told(await server.links('session_id=P9'))).toEqual([['P9', 'ambiguous', null, null]]);
});

test('erasing asks for the scope admin; ids of erased owners cannot be claimed', async () => {
  const { body } = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'reader', scopes: ['read', 'write'] });
  const answer = await fetch(`${server.url}/v1/customers/BOB`, { method: 'DELETE', headers: { authorization: `Bearer ${body.token}` } });
  expect(answer.status).toBe(403);
  expect((await server.post([on('thief', 'T1', 'login', MINUTE, { customer_id: 'erased:x' })])).status).toBe(204);
  expect(told(await server.links('session_id=T1'))).toEqual([['T1', 'anonymous', null, null]]);
});

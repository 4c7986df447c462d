/** What analysts read of scans: each by itself, and what they led to by person, store, product and time. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReportRow } from '../../collector/scan/report.ts';
import type { ScanRow } from '../../collector/store/queries-scans.ts';
import { DAY, HOUR, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
let folder: string;
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';

async function scan(code: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${server.url}/q/${code}`, { redirect: 'manual', headers: { 'user-agent': PHONE, ...headers } });
  return new URL(answer.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
}
const at = async (time: number, ...events: (Partial<WireEvent> & { type: string })[]): Promise<void> => {
  server.clock.now = time;
  const answer = await server.post(events.map((event, n) => wire(event.type, { time: time + n, ...event })));
  expect(answer.status).toBe(204);
};
const report = async (query: string): Promise<ReportRow[]> => (await server.get<{ rows: ReportRow[] }>(`/v1/scans/report?${query}`)).rows;
const buy = (transaction_id: string, item_id: string, value: string) => ({
  type: 'purchase',
  props: { transaction_id, value, currency: 'EUR', items: [{ item_id, price: value, quantity: 1 }] },
});

/**
 * Jane scans the TV in Kiel as a stranger, buys it as a guest's phone would, and logs in later. Bob scans the same, carts it, and
 * buys another thing on his laptop after 8 days. A stranger scans in Oslo and looks; one scan's page never loads the tag.
 */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-scans-'));
  server = await startServer({ data_dir: join(folder, 'data'), demo: false });
  await server.send('POST', '/v1/sites', { site: 'shop', origins: ['https://shop.com'], timezone: 'Asia/Tokyo' });
  for (const [code, id] of [
    ['KIELTV', 'kiel'],
    ['OSLOTV', 'oslo'],
  ])
    await server.send('POST', '/v1/codes', {
      ...{ code, target: 'https://shop.com/tv', store: { id, name: id?.toUpperCase() }, placement: 'shelf' },
      product: { sku: 'TV', gtin: '9521000100015' },
    });
  await server.send('POST', '/v1/codes', { code: 'DEAD', target: 'https://shop.com/', label: 'Nobody looks' });
  const post = server.post;
  server.post = (events, more) => post(events, { site: 'shop', ...more });

  const jane = { anonymous_id: 'JP', session_id: 'j1' };
  const janeToken = await scan('KIELTV');
  await at(
    START + MINUTE,
    { type: 'page_view', ...jane, scan: janeToken },
    { type: 'view_item', ...jane },
    { ...buy('O1', 'TV', '499.00'), ...jane },
  );
  await at(START + 2 * DAY, { type: 'login', anonymous_id: 'JP', session_id: 'j2', customer_id: 'jane' });
  // The forwarded landing URL: counted as shared, and nobody is joined.
  await at(START + 2 * MINUTE, { type: 'page_view', anonymous_id: 'FRIEND', session_id: 'f1', scan: janeToken });

  server.clock.now = START + HOUR;
  const bob = { anonymous_id: 'BP', session_id: 'b1' };
  const bobToken = await scan('KIELTV');
  await at(START + HOUR + 1, { type: 'page_view', ...bob, scan: bobToken }, { type: 'login', ...bob, customer_id: 'bob' });
  await at(START + 3 * DAY, { type: 'login', anonymous_id: 'BL', session_id: 'b2', customer_id: 'bob' });
  await at(START + 3 * DAY + 1, { type: 'add_to_cart', anonymous_id: 'BL', session_id: 'b2' });
  await at(START + 8 * DAY, { type: 'login', anonymous_id: 'BL', session_id: 'b3', customer_id: 'bob' });
  await at(START + 8 * DAY + 1, { ...buy('O2', 'RADIO', '50.00'), anonymous_id: 'BL', session_id: 'b3' });

  server.clock.now = START + 9 * HOUR;
  const stranger = { anonymous_id: 'SP', session_id: 's1' };
  const strangerToken = await scan('OSLOTV');
  await at(START + 9 * HOUR + 1, { type: 'page_view', ...stranger, scan: strangerToken }, { type: 'view_item', ...stranger });
  await scan('OSLOTV');
  await scan('OSLOTV', { 'user-agent': 'WhatsApp/2.23.20.0' });
  await fetch(`${server.url}/q/OSLOTV`, { method: 'HEAD', redirect: 'manual' });
  server.clock.now = START + 10 * DAY;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test('store by product shows the sale, counted by person and within seven days', async () => {
  expect(await report('by=store,product')).toEqual([
    {
      by: { store: 'kiel', product: '09521000100015' },
      ...{ scans: 2, unclaimed: 0, shared: 1, browsers: 2, people: 2, known_share: 1 },
      // Bob's cart on his laptop counts, his purchase comes a day too late.
      ...{ views: 1, carts: 1, purchases: 1, product_purchases: 1, orders: 1, revenue: { EUR: '499.00' } },
    },
    {
      by: { store: 'oslo', product: '09521000100015' },
      ...{ scans: 2, unclaimed: 1, shared: 0, browsers: 1, people: 1, known_share: 0 },
      ...{ views: 1, carts: 0, purchases: 0, product_purchases: 0, orders: 0, revenue: {} },
    },
  ]);
});

test('a longer time after the scan takes in what came later; one order told twice is one', async () => {
  const headers = { authorization: `Bearer ${server.admin_token}` };
  // The till's message of Jane's order, and a purchase there of her own.
  const till = (event_id: string, order: object) => ({ ...order, event_id, time: START + 3 * DAY, customer_id: 'jane' });
  const answer = await fetch(`${server.url}/e`, {
    ...{ method: 'POST', headers },
    body: JSON.stringify({
      v: 1,
      site: 'shop',
      sent_at: server.clock.now,
      events: [till('till-1', buy('O1', 'TV', '499.00')), till('till-2', buy('O3', 'CABLE', '9.90'))],
    }),
  });
  expect(answer.status).toBe(204);
  const [kiel] = await report('by=store&days=14');
  expect(kiel).toMatchObject({ purchases: 2, product_purchases: 1, orders: 3, revenue: { EUR: '558.90' } });
  const [janes] = await report(`by=code&to=${START + HOUR}`);
  expect(janes).toMatchObject({ by: { code: 'KIELTV' }, scans: 1, orders: 2, revenue: { EUR: '508.90' } });
});

test('by time on the clock of the site', async () => {
  // 9 in the morning UTC is 18 in Tokyo; nine hours later it is the next day there.
  expect((await report('by=day')).map(({ by, scans }) => [by.day, scans])).toEqual([
    ['2026-11-20', 2],
    ['2026-11-21', 2],
  ]);
  expect((await report('by=hour')).map(({ by }) => by.hour)).toEqual(['2026-11-21T03', '2026-11-20T18', '2026-11-20T19']);
  expect((await report('by=month,placement'))[0]?.by).toEqual({ month: '2026-11', placement: 'shelf' });
});

test('scans one by one, with what became of them', async () => {
  type Page = { events: ScanRow[]; next_cursor: string | null };
  const { events: scans } = await server.get<Page>('/v1/scans?flagged=exclude');
  expect(scans.map((row) => [row.code, row.claimed, row.shared, row.status, row.person_id])).toEqual([
    ['KIELTV', true, 1, 'linked', 'jane'],
    ['KIELTV', true, 0, 'linked', 'bob'],
    ['OSLOTV', true, 0, 'anonymous', null],
    ['OSLOTV', false, 0, null, null],
  ]);
  expect((await server.get<Page>('/v1/scans')).events.map(({ flag }) => flag)).toEqual([null, null, null, null, 'bot', expect.any(String)]);
  expect((await server.get<Page>('/v1/scans?claimed=0&flagged=exclude')).events).toHaveLength(1);
  expect((await server.get<Page>('/v1/scans?store=oslo&gtin=9521000100015&flagged=exclude')).events).toHaveLength(2);
  expect((await server.get<Page>('/v1/scans?code=kieltv&flagged=exclude')).events).toHaveLength(2);
  const jane = scans.filter(({ person_id }) => person_id === 'jane');
  for (const [name, value] of Object.entries({ scan_id: jane[0]?.scan_id, person_id: 'jane', customer_id: jane[0]?.customer_id }))
    expect((await server.get<Page>(`/v1/scans?${name}=${value}`)).events, name).toEqual(jane);
  const first = await server.get<Page>('/v1/scans?flagged=exclude&limit=3');
  const second = await server.get<Page>(`/v1/scans?flagged=exclude&limit=3&cursor=${first.next_cursor}`);
  expect([...first.events, ...second.events]).toEqual(scans);
  expect((await server.send('GET', '/v1/scans/report?by=colour')).status).toBe(400);
  expect((await server.send('GET', '/v1/scans/report?days=0')).status).toBe(400);
});

test('a forwarded landing URL joins nobody', async () => {
  expect((await server.links('session_id=f1'))[0]).toMatchObject({ status: 'anonymous', scans: [] });
});

test('dead codes are those in use that nobody scanned lately', async () => {
  type Dead = { codes: { code: string; last_scan_at: number | null }[] };
  expect((await server.get<Dead>('/v1/scans/dead?days=1')).codes.map(({ code }) => code)).toEqual(['DEAD', 'KIELTV', 'OSLOTV']);
  expect((await server.get<Dead>('/v1/scans/dead?days=9')).codes).toMatchObject([
    { code: 'DEAD', last_scan_at: null },
    { code: 'KIELTV', last_scan_at: START + HOUR },
    { code: 'OSLOTV' },
  ]);
  expect((await server.get<Dead>('/v1/scans/dead')).codes).toEqual([]);
});

test('a single-use code claims once: its first claimed scan, whatever is scanned later or claimed before', async () => {
  await server.send('POST', '/v1/codes', {
    code: 'ONCE',
    target: 'https://shop.com/',
    kind: 'personal',
    customer_id: 'ONE',
    single_use: true,
  });
  expect((await server.send('POST', '/v1/codes', { code: 'TWICE', target: 'https://shop.com/', single_use: true })).status).toBe(400);
  const [first, second, third] = [await scan('ONCE'), await scan('ONCE'), await scan('ONCE')];
  const now = server.clock.now;
  const carry = (session_id: string, token: string, time: number) =>
    at(time, { type: 'page_view', anonymous_id: `B${session_id}`, session_id, scan: token });
  await carry('once-2', second, now + 2_000);
  await carry('once-3', third, now + 3_000);
  const statuses = async () =>
    Promise.all(['once-1', 'once-2', 'once-3'].map(async (id) => (await server.links(`session_id=${id}`))[0]?.status));
  expect(await statuses()).toEqual([undefined, 'linked', 'anonymous']);
  // One that was claimed before, but told later (a phone that was offline).
  server.clock.now = now + 4_000;
  await server.post([wire('page_view', { time: now + 1_000, anonymous_id: 'Bonce-1', session_id: 'once-1', scan: first })]);
  expect(await statuses()).toEqual(['linked', 'anonymous', 'anonymous']);
  server.clock.now = now;
});

test('personal codes are taken back in bulk, with what their scans claimed', async () => {
  for (const [n, code] of ['MAILA', 'MAILB', 'MAILC'].entries())
    await server.send('POST', '/v1/codes', {
      code,
      target: 'https://shop.com/',
      kind: 'personal',
      customer_id: `M${n}`,
      campaign: 'spring',
    });
  for (const code of ['MAILA', 'MAILB']) {
    const token = await scan(code);
    await at(server.clock.now, { type: 'page_view', anonymous_id: `B${code}`, session_id: code, scan: token });
    expect((await server.links(`session_id=${code}`))[0]).toMatchObject({ status: 'linked', strength: 'carried' });
  }
  const body = { campaign: 'spring', reason: 'sent to the wrong list' };
  expect(await server.send('POST', '/v1/codes/revoke?dry_run=1', body)).toMatchObject({
    status: 200,
    body: { codes: 3, retired: 3, claims: 2 },
  });
  expect(await server.send('POST', '/v1/codes/revoke', body)).toMatchObject({ status: 200, body: { codes: 3, retired: 3, claims: 2 } });
  for (const code of ['MAILA', 'MAILB']) expect((await server.links(`session_id=${code}`))[0]).toMatchObject({ status: 'anonymous' });
  expect((await fetch(`${server.url}/q/MAILA`, { redirect: 'manual' })).status).toBe(404);
  // Once more there is nothing left to take back; a plain code is never taken.
  expect((await server.send<{ claims: number }>('POST', '/v1/codes/revoke', body)).body).toMatchObject({ retired: 0, claims: 0 });
  expect((await server.send('POST', '/v1/codes/revoke', { codes: ['KIELTV'], reason: 'x' })).status).toBe(404);
  expect((await server.send('POST', '/v1/codes/revoke', { reason: 'all' })).status).toBe(400);
});

test('the commands show the same', { timeout: 60_000 }, async () => {
  const footfall = async (...args: string[]): Promise<string> =>
    (
      await promisify(execFile)(process.execPath, ['--import', 'tsx', 'collector/cli.ts', ...args], {
        cwd: fileURLToPath(new URL('../../', import.meta.url)),
        env: { ...process.env, DATA_DIR: join(folder, 'data') },
      })
    ).stdout;
  expect(await footfall('scans', 'report', '--by', 'store')).toContain('kiel  2 scans, 2 browsers, 100 % known');
  expect(JSON.parse(await footfall('scans', 'report', '--by', 'store', '--json'))).toEqual(await report('by=store'));
  expect(await footfall('scans', 'dead', '--days', '9')).toContain('DEAD  -  never  Nobody looks');
});

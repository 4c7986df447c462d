/** Whole selections over real HTTP: what the formats hold, what a spreadsheet may not run, and readers that are slow or leave. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parse } from 'csv-parse/sync';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { csvHeader, csvRows } from '../../collector/export/csv.ts';
import { readsOn } from '../../collector/export/export.ts';
import { linksAsParquet } from '../../collector/export/parquet.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import { DAY, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({}, { now: START + 10 * DAY });
  await server.send('POST', '/v1/codes', { site: 'demo', code: 'SHELF1', target: 'https://shop.example/p', label: 'x', store_id: 'S1' });
  const items = [{ item_id: 'TV-55', price: '499.00', quantity: 1 }];
  const bought = (transaction_id: string, value: string) => ({ items, value, currency: 'EUR', transaction_id });
  await server.post([
    wire('page_view', { time: START, url: 'http://x.example/?utm_source=google&utm_medium=cpc&gclid=G1', referrer: 'https://google.com/' }),
    wire('purchase', { time: START + 1, customer_id: 'C1', props: bought('1', '0.10') }),
    wire('purchase', { time: START + 2, props: bought('2', '0.20') }),
    wire('page_view', { time: START + DAY, session_id: 'S2' }),
    wire('page_view', { time: START, anonymous_id: 'B2', session_id: 'T1' }),
    wire('login', { time: START + MINUTE, anonymous_id: 'B2', session_id: 'T2', customer_id: 'C2' }),
    wire('page_view', { time: START + DAY, anonymous_id: 'B2', session_id: 'T3' }),
    wire('login', { time: START + 2 * DAY, anonymous_id: 'B2', session_id: 'T4', customer_id: 'C3' }),
  ]);
});
afterAll(() => server.close());

const get = (path: string): Promise<Response> =>
  fetch(server.url + path, { headers: { authorization: `Bearer ${server.admin_token}`, 'accept-encoding': 'identity' } });

test('Parquet holds the same rows, with types: timestamps, integers, exact money as text', async () => {
  const response = await get('/v1/links?format=parquet');
  expect([response.headers.get('content-type'), response.headers.get('footfall-changes-cursor')]).toEqual([
    'application/vnd.apache.parquet',
    expect.stringMatching(/./),
  ]);
  const file = await response.arrayBuffer();
  const links = await server.links();
  expect(links.map(({ status, revenue }) => [status, revenue])).toContainEqual(['linked', '0.30']);
  expect(links.map(({ status }) => status)).toContain('ambiguous');
  expect(await parquetReadObjects({ file })).toEqual(links.map(asParquet));
  const { schema } = parquetMetadata(file);
  const typeOf = (column: string) => schema.find(({ name }) => name === column);
  expect(typeOf('started_at')).toMatchObject({ type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'REQUIRED' });
  expect(typeOf('revenue')).toMatchObject({ type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' });
  expect(typeOf('orders')).toMatchObject({ type: 'INT32' });
});

test('a store whose queries run elsewhere anyway gives the same bytes without a thread', async () => {
  const { queries } = server.store;
  const { position, body } = await readsOn(queries).exportLinks({ bots: false }, 'csv');
  const here = await bytesOf(body as AsyncIterable<Uint8Array>);
  expect(Buffer.from(here).toString()).toBe(await (await get('/v1/links?format=csv')).text());
  expect(position).toBe(await queries.lastPosition());
});

test('an empty selection is a whole Parquet file, and many rows are many row groups', async () => {
  const empty = await (await get('/v1/links?format=parquet&customer_id=nobody')).arrayBuffer();
  expect(await parquetReadObjects({ file: empty })).toEqual([]);
  const links = await server.links();
  const many = Array.from({ length: 10 }, (_, i) => ({ ...(links[0] as LinkRow), segment: i }));
  const file = await bytesOf(linksAsParquet(pagesOf(many, 4), 3));
  expect(parquetMetadata(file.buffer as ArrayBuffer).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([3, 3, 3, 1]);
  expect((await parquetReadObjects({ file: file.buffer as ArrayBuffer })).map((row) => row['segment'])).toEqual(many.map((_, i) => i));
});

test('rows that are long make smaller row groups', async () => {
  const links = await server.links();
  const long = Array.from({ length: 40 }, (_, i) => ({ ...(links[0] as LinkRow), segment: i, referrer: String(i).repeat(500_000) }));
  const file = await bytesOf(linksAsParquet(pagesOf(long, 10)));
  const groups = parquetMetadata(file.buffer as ArrayBuffer).row_groups.map(({ num_rows }) => Number(num_rows));
  expect(groups.length).toBeGreaterThan(1);
  expect((await parquetReadObjects({ file: file.buffer as ArrayBuffer })).map((read) => read['referrer'])).toEqual(
    long.map(({ referrer }) => referrer),
  );
});

test('no cell of a CSV begins as a formula, whatever the separator it is read with', () => {
  const hostile = [
    ...['=1+1', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', ' =1', '\u00a0=1', '\ufeff=1', '＝1', '＋1', '－1', '＠x', '\u0000=1'],
    ...['a;=1+1', 'a;"=1+1', 'a\t=1+1', 'a\n=1+1', 'a;  @x', '"=1+1', "x\";=cmd|'/C calc'!A0", 'a,=1+1', '=HYPERLINK("http://x","y")'],
  ];
  const texts = [
    'site',
    'session_id',
    'anonymous_id',
    'customer_id',
    'person_id',
    'landing_page',
    'referrer',
    'campaign',
    'revenue',
  ] as const;
  const rows = hostile.map((text) => ({
    ...row,
    ...Object.fromEntries(texts.map((name) => [name, text])),
    candidates: [{ customer_id: text, person_id: text, evidence_event_id: text, gap_ms: 1 }],
    products: [text],
  }));
  const csv = csvHeader() + csvRows(rows);
  const cells = (parse(csv, { relax_column_count: false }) as string[][]).flat();
  expect(cells).toHaveLength(37 * (rows.length + 1));
  for (const cell of cells) if (!/^-?\d+(\.\d+)?$/.test(cell)) expect(cell, JSON.stringify(cell)).not.toMatch(FORMULA);
  // Read as another country's spreadsheet does: cells end at semicolons, tabs and ends of lines, and these quotes mean nothing.
  for (const piece of csv.split(/[;\t\r\n]/)) expect(piece.replace(/^["'\s]*(?=")/, ''), JSON.stringify(piece)).not.toMatch(FORMULA);
  expect(csvRows([{ ...row, revenue: '-12.50' }])).toContain(',-12.50,');
});

test('a reader that stops costs little memory and no acknowledgement; when it goes on it gets the rest', async () => {
  await fill(10_000);
  const whole = await (await get('/v1/links?format=ndjson&bots=include')).arrayBuffer();
  expect(whole.byteLength).toBeGreaterThan(25_000_000);
  collectGarbage();
  const before = process.memoryUsage();
  const { socket, received } = await openExport('ndjson');
  socket.pause();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  collectGarbage();
  const held = process.memoryUsage();
  expect(held.arrayBuffers - before.arrayBuffers).toBeLessThan(8_000_000);
  expect((await server.post([wire('page_view', { time: START + 3 * DAY, session_id: 'meanwhile' })])).status).toBe(204);
  socket.resume();
  await once(socket, 'close');
  expect(received()).toBeGreaterThanOrEqual(whole.byteLength);
}, 60_000);

test('exports at once are limited, and one whose reader left makes room', async () => {
  const open = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const reader = await openExport('ndjson');
      reader.socket.pause();
      return reader;
    }),
  );
  const refused = await get('/v1/links?format=csv');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
  await refused.body?.cancel();
  for (const { socket } of open) socket.destroy();
  await expect.poll(async () => (await get('/v1/links?format=csv&customer_id=C1')).status).toBe(200);
}, 60_000);

const FORMULA = /^[\s\u00a0\ufeff]*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/;

const row: LinkRow = {
  ...{ site: 'demo', session_id: 'S', anonymous_id: 'B', segment: 0, started_at: 0, ended_at: 0, events: 1, status: 'linked' },
  ...{ customer_id: 'C', person_id: 'C', rule: 'session', strength: 'signed', evidence_event_id: 'e', evidence_type: 'login' },
  ...{ evidence_at: 0, evidence_gap_ms: 0, candidates: [], owners: 1, policy_version: 1, link_version: 1, changed_at: 0 },
  ...{ cause_event_id: 'e', landing_page: null, referrer: null, channel: null, source: null, medium: null, campaign: null },
  ...{ click_id: null, device_type: null, bot: false, page_views: 0, scans: [], products: [], orders: 0, revenue: null, currency: null },
};

/** A link as hyparquet gives it back. */
function asParquet(link: LinkRow): Record<string, unknown> {
  const time = (at: number | null): Date | null => (at === null ? null : new Date(at));
  const { started_at, ended_at, evidence_at, changed_at, evidence_gap_ms, candidates, scans, products } = link;
  return {
    ...link,
    ...{ started_at: time(started_at), ended_at: time(ended_at), evidence_at: time(evidence_at), changed_at: time(changed_at) },
    evidence_gap_ms: evidence_gap_ms === null ? null : BigInt(evidence_gap_ms),
    ...{ candidates: JSON.stringify(candidates), scans: JSON.stringify(scans), products: JSON.stringify(products) },
  };
}

async function* pagesOf(links: LinkRow[], size: number): AsyncGenerator<LinkRow[]> {
  for (let i = 0; i < links.length; i += size) yield links.slice(i, i + size);
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

/** Sessions whose rows are long. */
async function fill(sessions: number): Promise<void> {
  const long = 'x'.repeat(1_000);
  const lines = Array.from({ length: sessions }, (_, i): string => {
    const event: Partial<WireEvent> & { site: string } = {
      ...wire('page_view', { time: START + i, anonymous_id: `long${i}`, session_id: `long${i}` }),
      ...{ url: `https://shop.example/${long}`, referrer: `https://other.example/${long}`, site: 'demo' },
    };
    return JSON.stringify(event);
  });
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const response = await fetch(`${server.url}/v1/import`, { method: 'POST', headers, body: lines.join('\n') });
  expect(await response.json()).toMatchObject({ accepted: sessions });
}

/** An export on a socket of its own, once its first bytes are there. */
async function openExport(format: string): Promise<{ socket: Socket; received: () => number }> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let bytes = 0;
  socket.on('data', (data) => {
    bytes += data.length;
  });
  socket.on('error', () => undefined);
  const query = `/v1/links?format=${format}&bots=include`;
  socket.write(`GET ${query} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.admin_token}\r\nConnection: close\r\n\r\n`);
  await once(socket, 'data');
  return { socket, received: () => bytes };
}

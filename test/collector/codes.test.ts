/** Codes and stores over real HTTP: edits with their history, CSV files whole or not at all, and the commands about them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CodesImported } from '../../collector/http/codes.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-codes-'));
  server = await startServer({ data_dir: join(folder, 'data') });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Shown {
  code: string;
  target: string;
  active: boolean;
  store: { id: string; name: string; gln: string | null } | null;
  product: { sku: string | null; gtin: string | null } | null;
  history: { author: string; edited_at: number; old: object; new: object }[];
  field?: string;
}
const make = (body: object) => server.send<Shown>('POST', '/v1/codes', body);
const patch = (code: string, body: object) => server.send<Shown>('PATCH', `/v1/codes/${code}`, body);
const pathOf = async (code: string): Promise<string> => {
  const { headers } = await fetch(`${server.url}/q/${code}`, { redirect: 'manual' });
  return new URL(headers.get('location') ?? 'http://none/').pathname;
};

async function upload(body: string | Buffer, query = ''): Promise<{ status: number; body: CodesImported }> {
  const headers = { authorization: `Bearer ${server.admin_token}`, 'content-type': 'text/csv' };
  const response = await fetch(`${server.url}/v1/codes/import${query}`, {
    method: 'POST',
    headers,
    body: new Uint8Array(Buffer.from(body)),
  });
  return { status: response.status, body: (await response.json()) as CodesImported };
}
const faults = async (csv: string | Buffer): Promise<[number, string | null, string][]> => {
  const { status, body } = await upload(csv);
  expect(status).toBe(422);
  expect(body.imported).toBe(0);
  return body.rejected.map(({ line, field, reason }) => [line, field, reason]);
};
const footfall = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['--import', 'tsx', 'collector/cli.ts', ...args], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    env: { ...process.env, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'silent' },
  }).catch((error: { code: number; stdout: string; stderr: string }) => error);

test('an edited target counts from the next scan; the edit stays in the history with its author', async () => {
  await make({ code: 'EDIT1', target: `${server.url}/demo/a`, label: 'first' });
  expect(await pathOf('edit1')).toBe('/demo/a');
  const { status, body } = await patch('edit1', { target: `${server.url}/demo/b` });
  expect(status).toBe(200);
  expect(await pathOf('EDIT1')).toBe('/demo/b');
  expect(body.history).toEqual([
    { author: 'admin', edited_at: server.clock.now, old: { target: `${server.url}/demo/a` }, new: { target: `${server.url}/demo/b` } },
  ]);
  await patch('EDIT1', { target: `${server.url}/demo/b` });
  expect((await server.get<Shown>('/v1/codes/EDIT1')).history).toHaveLength(1);
  // Everything else is as it was.
  expect(await server.get('/v1/codes/EDIT1')).toMatchObject({ label: 'first', active: true });
});

test('a retired code goes to its fallback, and comes back', async () => {
  await make({ code: 'RETIRE', target: `${server.url}/demo/a` });
  await patch('RETIRE', { active: false, fallback: `${server.url}/demo/old` });
  expect(await pathOf('RETIRE')).toBe('/demo/old');
  await patch('RETIRE', { active: true });
  expect(await pathOf('RETIRE')).toBe('/demo/a');
});

test('an edit is judged as a new code is; who it is for may not change', async () => {
  await make({ code: 'JUDGE', target: `${server.url}/demo/a` });
  expect(await patch('JUDGE', { target: 'javascript:alert(1)' })).toMatchObject({ status: 400, body: { field: 'target' } });
  expect(await patch('JUDGE', { fallback: 'https://10.0.0.1/' })).toMatchObject({ status: 400, body: { field: 'fallback' } });
  expect(await patch('JUDGE', { product: { gtin: '9521000100016' } })).toMatchObject({ status: 400, body: { field: 'product.gtin' } });
  expect((await patch('JUDGE', { customer_id: 'C1' })).status).toBe(400);
  expect((await patch('JUDGE', { valid_from: 2, valid_until: 1 })).status).toBe(400);
  expect((await patch('NOSUCH', { label: 'x' })).status).toBe(404);
  expect((await server.get<Shown>('/v1/codes/JUDGE')).history).toEqual([]);
});

test('a store is renamed once, and every code of it says so', async () => {
  const body = { id: 'lyon', name: 'Lyon', gln: '9521000000018' };
  expect(await server.send('POST', '/v1/stores', body)).toMatchObject({ status: 201, body });
  expect((await server.send('POST', '/v1/stores', body)).status).toBe(409);
  expect(await server.send('POST', '/v1/stores', { id: 'x', gln: '9521000000019' })).toMatchObject({ status: 400, body: { field: 'gln' } });
  for (const code of ['LYON1', 'LYON2']) await make({ code, target: `${server.url}/demo/`, store_id: 'lyon' });
  expect(await server.send('PATCH', '/v1/stores/lyon', { name: 'Lyon Part-Dieu' })).toMatchObject({ status: 200, body: { gln: body.gln } });
  const { codes } = await server.get<{ codes: Shown[] }>('/v1/codes?store=lyon');
  expect(codes.map(({ code, store }) => [code, store?.name])).toEqual([
    ['LYON1', 'Lyon Part-Dieu'],
    ['LYON2', 'Lyon Part-Dieu'],
  ]);
  expect((await server.send('PATCH', '/v1/stores/nowhere', { name: 'x' })).status).toBe(404);
});

test('a CSV file becomes codes and stores; a dry run writes nothing', async () => {
  const csv =
    '\uFEFFcode;target;label;store_id;store_name;store_gln;placement;sku;gtin;valid_until;active\r\n' +
    'csv1;https://shop.com/a;"Shelf; left";oslo;Oslo;9521000000018;shelf;TV;9521000100015;2027-01-01;yes\r\n' +
    'csv2;https://shop.com/b;"two\r\nlines";oslo;;;window;;;;no\r\n' +
    '\r\n;https://shop.com/c;;;;;;;;;\r\n';
  const dry = await upload(csv, '?dry_run=1');
  expect(dry).toMatchObject({ status: 200, body: { rows: 3, imported: 0, dry_run: true, rejected: [] } });
  expect((await server.send('GET', '/v1/codes/CSV1')).status).toBe(404);
  expect(await upload(csv)).toMatchObject({ status: 200, body: { rows: 3, imported: 3, rejected: [] } });
  expect(await server.get('/v1/codes/CSV1')).toMatchObject({
    ...{ label: 'Shelf; left', placement: 'shelf', valid_until: Date.UTC(2027, 0, 1), active: true },
    ...{ store: { id: 'oslo', name: 'Oslo', gln: '9521000000018' }, product: { sku: 'TV', gtin: '9521000100015' } },
  });
  expect(await server.get('/v1/codes/CSV2')).toMatchObject({ active: false, store: { name: 'Oslo' } });
  expect((await server.get<{ codes: Shown[] }>('/v1/codes')).codes.some(({ target }) => target === 'https://shop.com/c')).toBe(true);
  // Once more: now the named codes are taken, and so nothing is imported.
  expect(await faults(csv)).toEqual([
    [2, 'code', 'the code CSV1 is taken'],
    [3, 'code', 'the code CSV2 is taken'],
  ]);
});

test('every fault is named with its line, and one is enough for nothing to be imported', async () => {
  const csv = [
    'code,target,gtin,store_gln,store_id,kind,customer_id,active',
    'BAD0,https://shop.com/ok,,,,,,',
    'BAD1,javascript:alert(1),,,,,,',
    'BAD2,https://127.0.0.1/,,,,,,',
    'BAD3,https://shop.com/,9521000100016,,,,,',
    'BAD4,https://shop.com/,,9521000000019,kiel,,,',
    'BAD0,https://shop.com/,,,,,,',
    '"B D",https://shop.com/,,,,,,',
    'BAD5,,,,,,,',
    'BAD6,https://shop.com/,,,,personal,,',
    'BAD7,https://shop.com/,,,,,,perhaps',
    'BAD8,https://shop.com/',
    'BAD9,https://xn--pple-43d.com/,,,,,,',
  ].join('\n');
  expect(await faults(csv)).toEqual([
    [3, 'target', expect.stringMatching(/https/)],
    [4, 'target', expect.stringMatching(/public host/)],
    [5, 'gtin', expect.stringMatching(/GTIN/)],
    [6, 'store_gln', expect.stringMatching(/GLN/)],
    [7, 'code', 'the same code as in line 2'],
    [8, 'code', expect.stringMatching(/letters, digits/)],
    [9, 'target', 'missing'],
    [10, 'customer_id', expect.stringMatching(/personal/)],
    [11, 'active', 'expected true or false'],
    [12, null, '2 cells where the header has 8'],
    [13, 'target', expect.stringMatching(/ASCII/)],
  ]);
  expect((await server.send('GET', '/v1/codes/BAD0')).status).toBe(404);
});

test('wrong encodings, headers and quotes are named too', async () => {
  const latin = Buffer.from('code,target,label\nENC1,https://shop.com/,M\xfcnchen\nENC2,https://shop.com/,K\xf6ln\n', 'latin1');
  expect(await faults(latin)).toEqual([
    [2, null, 'is not UTF-8'],
    [3, null, 'is not UTF-8'],
  ]);
  expect(await faults(Buffer.from('\uFEFFcode,target\n', 'utf16le'))).toEqual([[1, null, 'the file is UTF-16: save it as UTF-8']]);
  expect(await faults(Buffer.from('code,target\nA1,https://shop.com/\0\n'))).toEqual([[2, null, expect.stringMatching(/zero byte/)]]);
  expect(await faults('')).toEqual([[1, null, 'the file is empty']]);
  expect(await faults('code,url\n')).toEqual([
    [1, 'url', expect.stringMatching(/no such column/)],
    [1, 'target', 'the column is missing'],
  ]);
  expect(await faults('code,target,code\n')).toEqual([[1, 'code', 'the column is there twice']]);
  expect(await faults('code,target\nQ1,"https://shop.com/\nQ2,https://shop.com/\n')).toEqual([
    [3, null, expect.stringMatching(/cannot be read.*quote/)],
  ]);
});

test('10,000 rows and a megabyte are imported in one go; the 10,001st is refused', { timeout: 60_000 }, async () => {
  const row = (n: number): string => `BULK${n},https://shop.com/p/${n}?ref=${'x'.repeat(60)},label ${n}`;
  const rows = Array.from({ length: 10_000 }, (_, n) => row(n));
  const csv = ['code,target,label', ...rows].join('\n');
  expect(csv.length).toBeGreaterThan(1_000_000);
  expect(await faults(`${csv}\n${row(10_000)}`)).toEqual([[10_002, null, 'more than 10000 rows: split the file']]);
  const { body } = await upload(csv);
  expect(body).toMatchObject({ rows: 10_000, imported: 10_000 });
  const page = await server.get<{ codes: Shown[]; next_cursor: string }>('/v1/codes?limit=10000');
  expect(page.codes).toHaveLength(10_000);
  expect((await server.get<{ codes: Shown[] }>(`/v1/codes?limit=10000&cursor=${page.next_cursor}`)).codes.length).toBeGreaterThan(30);
});

test('the commands import, check, name the rejects, edit and retire', { timeout: 60_000 }, async () => {
  const good = join(folder, 'good.csv');
  const bad = join(folder, 'bad.csv');
  const rejects = join(folder, 'rejects.csv');
  writeFileSync(good, 'code,target,campaign\nCLI1,https://shop.com/1,cli\nCLI2,https://shop.com/2,cli\n');
  writeFileSync(bad, 'code,target\nCLI3,https://shop.com/3\nCLI1,https://shop.com/4\n=1+1,https://shop.com/5\n');
  expect((await footfall('codes', 'import', good, '--dry-run')).stdout).toContain('2 rows, 0 faults');
  expect((await footfall('codes', 'import', good)).stdout).toContain('imported 2 of 2 rows');
  const refused = await footfall('codes', 'import', bad, '--rejects', rejects);
  expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining('line 3: code: the code CLI1 is taken') });
  expect(readFileSync(rejects, 'utf8').split('\n').slice(0, 2)).toEqual(['line,field,reason', '3,code,the code CLI1 is taken']);
  await footfall('codes', 'edit', 'CLI1', '--target', 'https://shop.com/new');
  await footfall('codes', 'retire', 'cli2', '--fallback', 'https://shop.com/gone');
  expect(await server.get('/v1/codes/CLI1')).toMatchObject({ target: 'https://shop.com/new', history: [{ author: 'admin' }] });
  expect(await server.get('/v1/codes/CLI2')).toMatchObject({ active: false, fallback: 'https://shop.com/gone' });
  expect((await footfall('codes', 'list', '--campaign', 'cli')).stdout.split('\n')).toHaveLength(3);
});

test('a terminal sees how far an import is, a pipe does not', { timeout: 60_000 }, async () => {
  const file = join(folder, 'bar.csv');
  const rows = Array.from({ length: 5_000 }, (_, n) => `BAR${n},https://shop.com/${n},Shelf ${n} beside the window on the ground floor`);
  writeFileSync(file, `code,target,label\n${rows.join('\n')}\n`);
  const command = [process.execPath, '--import', 'tsx', 'collector/cli.ts', 'codes', 'import', file, '--dry-run'].join(' ');
  const { stdout } = await promisify(execFile)('script', ['-qec', command, '/dev/null'], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    env: { ...process.env, DATA_DIR: join(folder, 'data') },
  });
  const shares = [...stdout.matchAll(/sent \[(#*) *\] (\d+) %/g)].map(([, , share]) => Number(share));
  expect(shares.length).toBeGreaterThan(2);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(shares.at(-1)).toBe(100);
  expect(stdout).toContain('5000 rows, 0 faults');
  expect(await footfall('codes', 'import', file, '--dry-run')).toMatchObject({ stderr: '' });
});

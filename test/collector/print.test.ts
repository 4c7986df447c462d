/** What is printed can be read: sheets, SVGs and PNGs of 500 codes through a real reader. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeSvg } from '../../collector/scan/picture.ts';
import { codePng, encodePng } from '../../collector/scan/png.ts';
import { drawSheets, SHEET_NAMES, SHEETS } from '../../collector/scan/sheet.ts';
import { startServer, type TestServer } from './server.ts';

const run = promisify(execFile);
const CODES = 500;
let server: TestServer;
let folder: string;
let urls: string[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-print-'));
  server = await startServer({ data_dir: join(folder, 'data') });
  await server.send('PATCH', '/v1/sites/demo', { code_host: 'https://q.shop.example' });
  const rows = Array.from({ length: CODES }, (_, n) => {
    const label = `"Shelf ${n}, Käse & Größe"`;
    return `P${String(n).padStart(4, '0')},https://shop.com/p/${n},${label},kiel,Kiel,shelf`;
  });
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const body = ['code,target,label,store_id,store_name,placement', ...rows].join('\n');
  const answer = await fetch(`${server.url}/v1/codes/import`, { method: 'POST', headers, body });
  expect(await answer.json()).toMatchObject({ imported: CODES });
  urls = Array.from({ length: CODES }, (_, n) => `HTTPS://Q.SHOP.EXAMPLE/Q/P${String(n).padStart(4, '0')}`);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** What a reader finds in each picture. */
async function scanned(files: readonly string[]): Promise<string[][]> {
  const found = new Map<string, string[]>();
  for (let at = 0; at < files.length; at += 50) {
    // Its exit code says whether any picture held nothing: the answer shows it, too.
    const { stdout } = await run('zbarimg', ['-q', '--xml', ...files.slice(at, at + 50)], { maxBuffer: 1 << 26 }).catch(
      (error: { stdout: string }) => error,
    );
    for (const [, file = '', content = ''] of stdout.matchAll(/<source href='([^']+)'>(.*?)<\/source>/gs))
      found.set(
        file,
        [...content.matchAll(/<data><!\[CDATA\[(.*?)\]\]>/g)].map((match) => match[1] ?? ''),
      );
  }
  return files.map((file) => found.get(file) ?? []);
}

async function rasterised(pdf: Uint8Array, name: string, dpi: number): Promise<string[]> {
  const file = join(folder, `${name}.pdf`);
  writeFileSync(file, pdf);
  await run('pdftoppm', ['-r', String(dpi), '-gray', '-png', file, join(folder, name)]);
  return readdirSync(folder)
    .filter((entry) => entry.startsWith(`${name}-`) && entry.endsWith('.png'))
    .sort()
    .map((entry) => join(folder, entry));
}

const get = async (path: string): Promise<{ type: string | null; status: number; body: Buffer }> => {
  const response = await fetch(server.url + path, { headers: { authorization: `Bearer ${server.admin_token}` } });
  return { type: response.headers.get('content-type'), status: response.status, body: Buffer.from(await response.arrayBuffer()) };
};

test('500 codes on sheets: 500 of 500 are read back, each on its page', { timeout: 600_000 }, async () => {
  const response = await fetch(`${server.url}/v1/codes/sheet`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.admin_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sheet: 'a4-24', placement: 'shelf', store: 'kiel' }),
  });
  expect(response.headers.get('content-type')).toBe('application/pdf');
  const pages = await scanned(await rasterised(new Uint8Array(await response.arrayBuffer()), 'all', 300));
  expect(pages).toHaveLength(Math.ceil(CODES / 24));
  expect(pages.map((page) => [...page].sort())).toEqual(pages.map((_, page) => urls.slice(page * 24, page * 24 + 24)));
  console.log(`sheets: ${pages.flat().length} of ${CODES} codes read back from ${pages.length} pages`);
});

test('500 PNGs, with captions and without: 500 of 500', { timeout: 120_000 }, async () => {
  const files: string[] = [];
  for (const [n, url] of urls.entries()) {
    const file = join(folder, `png-${n}.png`);
    // The server's own picture for some, the same drawing for all.
    const code = url.split('/').at(-1) ?? '';
    const caption = `Shelf ${n}, Käse 'x'`;
    const png =
      n % 10 === 0 ? (await get(`/v1/codes/${code}.png?size=300&caption=1`)).body : codePng(url, n % 2 ? { size: 300, caption } : {});
    writeFileSync(file, png);
    files.push(file);
  }
  const read = await scanned(files);
  expect(read).toEqual(urls.map((url) => [url]));
  console.log(`PNG: ${read.flat().length} of ${CODES}`);
});

test('500 SVGs: 500 of 500', { timeout: 120_000 }, async () => {
  const files: string[] = [];
  for (const [n, url] of urls.entries()) {
    const code = url.split('/').at(-1) ?? '';
    const svg =
      n % 10 === 0 ? (await get(`/v1/codes/${code}.svg`)).body.toString() : codeSvg(url, { error_correction: n % 2 ? 'high' : 'low' });
    const file = join(folder, `svg-${n}.png`);
    writeFileSync(file, pixels(svg, 6));
    files.push(file);
  }
  const read = await scanned(files);
  expect(read).toEqual(urls.map((url) => [url]));
  console.log(`SVG: ${read.flat().length} of ${CODES}`);
});

test.each(SHEET_NAMES)('%s is filled from edge to edge, and every code on it is read', { timeout: 60_000 }, async (name) => {
  const layout = SHEETS[name];
  const count = layout.columns * layout.rows;
  // No label leaves its page.
  expect(layout.from[0] + (layout.columns - 1) * layout.pitch[0] + layout.label[0]).toBeLessThanOrEqual(layout.page[0] + 0.01);
  expect(layout.from[1] + (layout.rows - 1) * layout.pitch[1] + layout.label[1]).toBeLessThanOrEqual(layout.page[1] + 0.01);
  const labels = urls
    .slice(0, count)
    .map((url, n) => ({ url, lines: [`Label ${n} of a very long name that must be wrapped somewhere`, url] }));
  const drawn = await drawSheets(labels, layout);
  if (!drawn.ok) throw new Error('too small');
  expect(drawn.pages).toBe(1);
  const [page = []] = await scanned(await rasterised(drawn.pdf, name, 300));
  expect([...page].sort()).toEqual(labels.map(({ url }) => url));
});

test('used-up labels are skipped, a symbol too small for its label is refused', async () => {
  const label = { url: urls[0] ?? '', lines: ['x'] };
  const drawn = await drawSheets([label, label], SHEETS['a4-24'], { skip: 23 });
  expect(drawn).toMatchObject({ ok: true, pages: 2 });
  expect(await drawSheets([{ url: 'x'.repeat(1_500), lines: [] }], SHEETS['letter-30'])).toMatchObject({ ok: false });
});

test('pictures have the size, caption, margin and error correction asked for, or say what is wrong', async () => {
  const png = await get('/v1/codes/P0001.png?size=400');
  expect([png.type, png.body.readUInt32BE(16), png.body.readUInt32BE(20)]).toEqual(['image/png', 400, 400]);
  const svg = (await get('/v1/codes/p0001.svg?size=500&caption=%3Cb%3E%26&quiet_zone=2')).body.toString();
  expect(svg).toContain('width="500"');
  expect(svg).toContain('&#60;b&#62;&#38;</text>');
  const modules = (text: string): number => Number(/viewBox="0 0 (\d+)/.exec(text)?.[1]);
  expect(modules((await get('/v1/codes/P0001.svg')).body.toString())).toBe(modules(svg) + 4);
  expect(modules((await get('/v1/codes/P0001.svg?error_correction=high')).body.toString())).toBeGreaterThan(modules(svg) + 4);
  for (const query of ['size=9', 'size=x', 'quiet_zone=0', 'error_correction=best'])
    expect([query, (await get(`/v1/codes/P0001.svg?${query}`)).status]).toEqual([query, 400]);
  expect((await get('/v1/codes/NOSUCH.png')).status).toBe(404);
  expect((await server.send('POST', '/v1/codes/sheet', { codes: ['NOSUCH'] })).status).toBe(404);
  expect((await server.send('POST', '/v1/codes/sheet', { sheet: 'a5' })).status).toBe(400);
});

test('the command prints a sheet', { timeout: 60_000 }, async () => {
  const out = join(folder, 'cli.pdf');
  const { stdout } = await run(
    process.execPath,
    ['--import', 'tsx', 'collector/cli.ts', 'codes', 'sheet', 'P0001', 'p0002', '--out', out],
    {
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
      env: { ...process.env, DATA_DIR: join(folder, 'data') },
    },
  );
  expect(stdout).toContain('2 codes on 1 pages');
  expect(readFileSync(out).subarray(0, 5).toString()).toBe('%PDF-');
});

/** Draws our own kind of SVG (runs of one unit's height) as a PNG. */
function pixels(svg: string, scale: number): Buffer {
  const width = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]) * scale;
  const dark = new Uint8Array(width * width);
  for (const [, x, y, length] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h/g))
    for (let line = 0; line < scale; line++) {
      const at = (Number(y) * scale + line) * width + Number(x) * scale;
      dark.fill(1, at, at + Number(length) * scale);
    }
  return encodePng(dark, width, width);
}

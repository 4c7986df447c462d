/** The demo shop as a browser gets it, and that its pages, codes and numbers agree. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import express from 'express';
import decodeQR from 'qr/decode.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoRoutes } from '../../collector/http/demo.ts';
import { codeSvg } from '../../collector/scan/picture.ts';
import { startServer } from './server.ts';

const shopDir = fileURLToPath(new URL('../../examples/shop/', import.meta.url));
const read = (path: string) => readFileSync(shopDir + path, 'utf8');

interface Product {
  sku: string;
  slug: string;
  gtin: string;
  category: string;
  name: string;
  price: string;
}
interface Code {
  code: string;
  target: string;
  label: string;
  store_id: string;
  placement: string;
  product: { sku: string; gtin: string };
}
const { categories, products } = JSON.parse(read('catalogue.json')) as { categories: { id: string }[]; products: Product[] };
const { stores, codes } = JSON.parse(read('seed.json')) as { stores: { id: string; name: string; gln: string }[]; codes: Code[] };

let server: Server;
let base: string;

beforeAll(async () => {
  const app = express();
  app.use(
    '/demo',
    demoRoutes({
      shopDir,
      codeUrl: (code) => `https://q.shop.example/q/${code}`,
      hasCode: async (code) => codes.some((each) => each.code === code),
    }),
  );
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/demo/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('every page is there, carries the pasted snippet and nothing inline or foreign', async () => {
  const fixed = ['', 'search/?q=oled', 'cart/', 'checkout/', 'order/?id=AV-1', 'account/'];
  const paths = [...fixed, ...categories.map(({ id }) => `c/${id}/`), ...products.map(({ slug }) => `p/${slug}/`)];
  for (const path of paths) {
    const page = await fetch(base + path);
    const html = await page.text();
    expect([path, page.status, page.headers.get('content-type')]).toEqual([path, 200, 'text/html; charset=utf-8']);
    expect(html).toContain('<script async src="/t.js" data-site="demo"></script>');
    expect(html.match(/<script(?![^>]* src="\/[^/])[^>]*>|<style| style="| on[a-z]+="|(?:src|href)="(?!\/|#)[^"]*"/g)).toBeNull();
  }
});

test('everything that a page names is served', async () => {
  const named = new Set<string>();
  for (const path of ['index.html', '404.html', 'cart/index.html', ...products.map(({ slug }) => `p/${slug}/index.html`)]) {
    for (const [, url] of read(path).matchAll(/(?:src|href)="\/demo\/([^"]*)"/g)) named.add(url ?? '');
  }
  expect(named.size).toBeGreaterThan(100);
  for (const url of named) expect([url, (await fetch(base + url)).status]).toEqual([url, 200]);
});

test('pages and pictures come under a strict policy and are cached for a short time only', async () => {
  for (const path of ['', 'shop.js', 'shop.css', 'img/tv-55-oled.svg', 'qr/TV55AA.svg']) {
    const { headers } = await fetch(base + path);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('public, max-age=60');
    expect(headers.get('etag')).toBeTruthy();
  }
});

test('files have the types that browsers insist on', async () => {
  const types = { 'shop.js': 'text/javascript', 'shop.css': 'text/css', 'icon.svg': 'image/svg+xml', 'catalogue.json': 'application/json' };
  for (const [path, type] of Object.entries(types)) expect((await fetch(base + path)).headers.get('content-type')).toContain(type);
});

test('a page asked for without its last slash leads to it, its query kept', async () => {
  const answer = await fetch(`${base}p/tv-55-oled?ff_scan=abc`, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([301, '/demo/p/tv-55-oled/?ff_scan=abc']);
  expect((await fetch(base.slice(0, -1), { redirect: 'manual' })).headers.get('location')).toBe('/demo/');
});

test("what is not there, or not the shop's to show, is the shop's own 404 page", async () => {
  for (const path of [
    'p/tv-99/',
    'nope.html',
    'seed.json',
    'write-pages.mjs',
    'README.md',
    '..%2fpackage.json',
    '%E0%A4%A',
    'qr/',
    'qr/TV55AA.png',
  ]) {
    const answer = await fetch(base + path);
    expect([path, answer.status, answer.headers.get('cache-control')]).toEqual([path, 404, 'no-store']);
    expect(await answer.text()).toContain('This shelf is empty.');
  }
});

test("a code's picture says the code's URL in capitals, in whatever case it is asked for", async () => {
  const upper = await fetch(`${base}qr/TV55AA.svg`);
  expect(upper.headers.get('content-type')).toMatch(/^image\/svg\+xml/);
  const svg = await upper.text();
  expect(await (await fetch(`${base}qr/tv55aa.svg`)).text()).toBe(svg);
  expect(decodeQR(rasterise(svg))).toBe('HTTPS://Q.SHOP.EXAMPLE/Q/TV55AA');
});

test('a code that nobody registered has no picture', async () => {
  expect((await fetch(`${base}qr/ZZZZZZ.svg`)).status).toBe(404);
  expect((await fetch(`${base}qr/%3Csvg%3E.svg`)).status).toBe(404);
});

test('a symbol has its quiet zone, and grows with its error correction', () => {
  const text = 'HTTPS://Q.SHOP.EXAMPLE/Q/TV55AA';
  const size = (svg: string) => Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
  expect(size(codeSvg(text))).toBe(size(codeSvg(text, { quiet_zone: 1 })) + 6);
  expect(size(codeSvg(text, { error_correction: 'high' }))).toBeGreaterThan(size(codeSvg(text)));
  const { data, width } = rasterise(codeSvg(text), 1);
  for (let x = 0; x < width; x++) for (let y = 0; y < 4; y++) expect(data[(y * width + x) * 4]).toBe(255);
  expect(() => codeSvg('A'.repeat(5000))).toThrow();
});

test('every product has one shelf code and every code a product, with the same numbers', () => {
  expect(products.length).toBeGreaterThanOrEqual(36);
  expect(new Set(codes.map(({ code }) => code)).size).toBe(codes.length);
  expect(new Set(products.map(({ gtin }) => gtin)).size).toBe(products.length);
  const told = codes.map(({ code, product, target }) => ({ code, ...product, target }));
  const expected = products.map(({ sku, gtin, slug }) => ({
    code: expect.stringMatching(/^[A-Z0-9]{6}$/),
    sku,
    gtin,
    target: `p/${slug}/`,
  }));
  expect(told).toEqual(expected);
});

test('every code leads to the page that shows it, with the store on its label', async () => {
  for (const { code, target, store_id, product, placement } of codes) {
    const page = await fetch(new URL(target, base), { redirect: 'manual' });
    expect([code, page.status, placement]).toEqual([code, 200, 'shelf']);
    const html = await page.text();
    expect(html).toContain(`<img src="/demo/qr/${code}.svg"`);
    expect(html).toContain(`data-sku="${product.sku}"`);
    const store = stores.find(({ id }) => id === store_id);
    expect(html).toContain(store?.name.replace('&', '&amp;'));
  }
});

test('GTINs and GLNs have 13 digits, the last of which checks the others', () => {
  for (const number of [...products.map(({ gtin }) => gtin), ...stores.map(({ gln }) => gln)]) {
    expect(number).toMatch(/^952\d{10}$/);
    const sum = [...number].reduce((total, digit, at) => total + Number(digit) * (at % 2 === 0 ? 1 : 3), 0);
    expect([number, sum % 10]).toEqual([number, 0]);
  }
});

test('the checked-in pages are what the catalogue and the codes make', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [`${shopDir}write-pages.mjs`, '--check']).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe('');
});

/** Draws our own kind of SVG (runs of one unit's height) as pixels. */
function rasterise(svg: string, scale = 4): { width: number; height: number; data: Uint8ClampedArray } {
  const size = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
  const width = size * scale;
  const data = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x, y, run] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1/g)) {
    for (let row = Number(y) * scale; row < (Number(y) + 1) * scale; row++) {
      for (let column = Number(x) * scale; column < (Number(x) + Number(run)) * scale; column++) {
        data.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
      }
    }
  }
  return { width, height: width, data };
}

test('what is not there is the shop’s own 404, compressed as well, on the real collector', async () => {
  const server = await startServer();
  for (const path of ['/demo/nope', '/demo/qr/NOPE.svg', '/demo/p/zzz/']) {
    const response = await fetch(server.url + path, { headers: { 'accept-encoding': 'gzip' } });
    expect([response.status, (await response.text()).includes('<html')]).toEqual([404, true]);
  }
  await server.close();
});

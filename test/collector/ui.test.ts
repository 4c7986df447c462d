/** The page's files as a browser gets them: policy, encodings, validation. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uiRoutes } from '../../collector/http/ui.ts';

const SCRIPT = 'console.log("page");\n'.repeat(50);
const STYLE = 'body { color: teal; }\n'.repeat(50);
let dir: string;
let server: Server;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'footfall-ui-'));
  for (const [name, text] of [
    ['app.js', SCRIPT],
    ['app.css', STYLE],
  ] as const) {
    await writeFile(join(dir, name), text);
    await writeFile(join(dir, `${name}.br`), brotliCompressSync(text));
    await writeFile(join(dir, `${name}.gz`), gzipSync(text));
  }
  await writeFile(join(dir, 'secret.txt'), 'not for you');
  server = createServer(express().use('/', uiRoutes({ dir }))).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** Plain node:http, since fetch undoes encodings by itself. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('the page comes with a policy that lets in our own files only, and no string become script', async () => {
  const page = await get('/');
  expect(page.status).toBe(200);
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(page.headers['content-security-policy']).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  );
  expect(page.headers['x-content-type-options']).toBe('nosniff');
  expect(page.headers['referrer-policy']).toBe('no-referrer');
  expect(page.headers['cache-control']).toBe('no-cache');
});

test('the page needs nothing that its own policy forbids', async () => {
  const html = (await get('/')).body.toString();
  expect(html).toMatch(/^<!doctype html>/);
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=/);
  expect(
    html.match(/\b(?:src|href)="([^"]*)"/g)?.filter((one) => !/"(?:\/ui\/app\.(?:js|css)|data:image\/svg\+xml,[^"]*)"/.test(one)),
  ).toEqual([]);
});

test.each([
  ['/ui/app.js', SCRIPT, 'text/javascript; charset=utf-8'],
  ['/ui/app.css', STYLE, 'text/css; charset=utf-8'],
])('%s is sent as it was compressed by the build', async (path, text, type) => {
  const brotli = await get(path, { 'accept-encoding': 'gzip, deflate, br' });
  const gzip = await get(path, { 'accept-encoding': 'gzip' });
  const plain = await get(path);
  expect([brotli, gzip, plain].map(({ headers }) => headers['content-encoding'])).toEqual(['br', 'gzip', undefined]);
  expect(brotliDecompressSync(brotli.body).toString()).toBe(text);
  expect(gunzipSync(gzip.body).toString()).toBe(text);
  expect(plain.body.toString()).toBe(text);
  for (const { headers } of [brotli, gzip, plain]) {
    expect(headers['content-type']).toBe(type);
    expect(headers.vary).toBe('Accept-Encoding');
    expect(headers['cache-control']).toBe('no-cache');
    expect(headers['x-content-type-options']).toBe('nosniff');
  }
});

test('an encoding that the browser rules out is not sent', async () => {
  expect((await get('/ui/app.js', { 'accept-encoding': 'br;q=0, gzip;q=0.5' })).headers['content-encoding']).toBe('gzip');
});

test('a browser that has the file gets a 304 without a body, per encoding', async () => {
  const first = await get('/ui/app.js', { 'accept-encoding': 'br' });
  const etag = String(first.headers.etag);
  expect(etag).toBe(`W/"${createHash('sha256').update(first.body).digest('base64url').slice(0, 22)}"`);
  const again = await get('/ui/app.js', { 'accept-encoding': 'br', 'if-none-match': etag });
  expect([again.status, again.body.length]).toEqual([304, 0]);
  expect(again.headers.etag).toBe(etag);
  expect((await get('/ui/app.js', { 'if-none-match': etag })).status).toBe(200);
  const page = await get('/');
  expect((await get('/', { 'if-none-match': String(page.headers.etag) })).status).toBe(304);
});

test('a rebuilt file is served without a restart, under another tag', async () => {
  const before = await get('/ui/app.css');
  await writeFile(join(dir, 'app.css'), `${STYLE}/* newer */`);
  const after = await get('/ui/app.css');
  expect(after.body.toString()).toContain('newer');
  expect(after.headers.etag).not.toBe(before.headers.etag);
  await writeFile(join(dir, 'app.css'), STYLE);
});

test('HEAD answers the same headers and no body', async () => {
  const head = await get('/ui/app.js', { 'accept-encoding': 'br' }, 'HEAD');
  expect([head.status, head.headers['content-encoding'], head.body.length]).toEqual([200, 'br', 0]);
});

test.each([
  '/ui/',
  '/ui/secret.txt',
  '/ui/app.js.br',
  '/ui/..%2fsecret.txt',
  '/ui/%2e%2e/secret.txt',
  '/secret.txt',
  '/index.html',
])('anything else is left to others: %s is a 404', async (path) => {
  expect((await get(path)).status).toBe(404);
});

test('before a build the page is there and its files are a 404', async () => {
  const empty = createServer(express().use('/', uiRoutes({ dir: join(dir, 'nowhere') }))).listen(0, '127.0.0.1');
  await new Promise((resolve) => empty.once('listening', resolve));
  const base = `http://127.0.0.1:${(empty.address() as AddressInfo).port}`;
  expect((await fetch(`${base}/`)).status).toBe(200);
  expect((await fetch(`${base}/ui/app.js`)).status).toBe(404);
  empty.closeAllConnections();
  await new Promise((resolve) => empty.close(resolve));
});

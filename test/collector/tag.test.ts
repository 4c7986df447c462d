/** The tag over real HTTP: the short-lived address, versions that stay, hashes that fit, compressed as asked. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TagManifest } from '../../collector/http/tag.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
let manifest: TagManifest;
beforeAll(async () => {
  server = await startServer();
  manifest = (await (await fetch(`${server.url}/t/manifest.json`)).json()) as TagManifest;
});
afterAll(() => server.close());

test('each script of the manifest is served with the hash that it names', async () => {
  expect(Object.keys(manifest.files)).toEqual(expect.arrayContaining([`/t/${manifest.version}.js`, '/t/stub.js', '/t/debug.js']));
  for (const [path, { integrity, bytes }] of Object.entries(manifest.files)) {
    const response = await fetch(server.url + path);
    const body = Buffer.from(await response.arrayBuffer());
    expect(`sha384-${createHash('sha384').update(body).digest('base64')}`).toBe(integrity);
    expect(body.length).toBe(bytes);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('content-type')).toContain('text/javascript');
  }
});

test('a version is /t.js of its time, cached for ever; /t.js itself only for minutes', async () => {
  const [now, version] = await Promise.all([fetch(`${server.url}/t.js`), fetch(`${server.url}/t/${manifest.version}.js`)]);
  expect(await version.text()).toBe(await now.text());
  expect(version.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(now.headers.get('cache-control')).toContain('max-age=300');
  expect(now.headers.get('footfall-tag')).toBe(manifest.version);
  const etag = now.headers.get('etag') ?? '';
  expect((await fetch(`${server.url}/t.js`, { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test('brotli, gzip or neither, as the browser asks; source maps beside each', async () => {
  for (const [accepted, encoding] of [
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['identity', null],
  ] as const) {
    const response = await fetch(`${server.url}/t.js`, { headers: { 'accept-encoding': accepted } });
    expect(response.headers.get('content-encoding')).toBe(encoding);
    expect(await response.text()).toBe(readFileSync('dist/tag/t.js', 'utf8'));
  }
  for (const path of ['/t.js', `/t/${manifest.version}.js`, '/t/debug.js']) {
    const map = (await fetch(server.url + path)).headers.get('sourcemap') ?? '';
    expect(await (await fetch(server.url + map)).json()).toMatchObject({ version: 3 });
  }
});

test('a version that was served once is still there after an update', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'footfall-tags-'));
  const first = await startServer({ data_dir });
  await first.close();
  writeFileSync(join(data_dir, 'tags', '0.0.1-0badcafe.js'), 'older()');
  const second = await startServer({ data_dir });
  try {
    const response = await fetch(`${second.url}/t/0.0.1-0badcafe.js`);
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect(await response.text()).toBe('older()');
    expect((await fetch(`${second.url}/t/0.0.1-ffffffff.js`)).status).toBe(404);
    const { files, version } = (await (await fetch(`${second.url}/t/manifest.json`)).json()) as TagManifest;
    expect(Object.keys(files)).toEqual(expect.arrayContaining(['/t/0.0.1-0badcafe.js', `/t/${version}.js`]));
  } finally {
    await second.close();
    rmSync(data_dir, { recursive: true });
  }
});

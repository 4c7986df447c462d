/** The `footfall` command as its user runs it, with and without a collector running. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { START, startServer, type TestServer, wire } from '../collector/server.ts';

let server: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'footfall-cli-'));
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function footfall(args: string[], data_dir = server.data_dir): Promise<{ code: number; out: string; error: string }> {
  const env = { ...process.env, DATA_DIR: data_dir, DEMO: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/footfall.js', ...args], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, error: err }),
    );
  });
}

const history = [
  wire('page_view', { event_id: 'i1', time: START - 5_000, session_id: 'I1', anonymous_id: 'I' }),
  wire('login', { event_id: 'i2', time: START - 1_000, session_id: 'I2', anonymous_id: 'I', customer_id: 'C1' }),
];

test('import keeps the events’ own times, links them, names bad lines, and can be run again', async () => {
  const file = join(folder, 'events.ndjson.gz');
  writeFileSync(
    file,
    gzipSync([...history.map((event) => JSON.stringify({ ...event, site: 'demo' })), '{"event_id":"i3"}', 'junk', ''].join('\n')),
  );
  const first = await footfall(['import', file, '--signed', '--json']);
  expect(JSON.parse(first.out)).toEqual({
    accepted: 2,
    duplicate: 0,
    rejected: 2,
    reasons: [
      { event_id: 'i3', reason: 'bad_type', line: 3 },
      { event_id: null, reason: 'bad_event', line: 4 },
    ],
  });
  expect(JSON.parse((await footfall(['import', file, '--signed', '--json'])).out)).toMatchObject({ accepted: 0, duplicate: 2 });
  const links = await server.links('anonymous_id=I');
  expect(links.map(({ started_at, rule, strength }) => [started_at, rule, strength])).toEqual([
    [START - 5_000, 'device_before', 'signed'],
    [START - 1_000, 'session', 'signed'],
  ]);
});

test('a line of an unknown site costs no other line, whatever the content type', async () => {
  await server.send('POST', '/v1/sites', { site: 'second' });
  const line = (event_id: string, site: string): string =>
    JSON.stringify({ ...wire('page_view', { event_id, time: START - 9_000 }), site });
  const response = await fetch(`${server.url}/v1/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.admin_token}`, 'content-type': 'application/json' },
    body: [line('u1', 'demo'), line('u2', 'nope'), 'junk', line('u3', 'second')].join('\n'),
  });
  expect(await response.json()).toMatchObject({
    accepted: 2,
    rejected: 2,
    reasons: [
      { line: 2, reason: 'bad_field', field: 'site' },
      { line: 3, reason: 'bad_event' },
    ],
  });
});

test('export writes a file; lists print for people and for programs', async () => {
  const out = join(folder, 'links.csv');
  expect((await footfall(['links', 'export', '--out', out])).code).toBe(0);
  expect((await footfall(['sites', 'list'])).out).toMatch(/^demo {2}Demo shop {2}http/);
  const made = await footfall(['tokens', 'create', 'bi', '--scope', 'read', '--json']);
  const { token, token_id } = JSON.parse(made.out) as { token: string; token_id: string };
  expect((await fetch(`${server.url}/v1/links`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  expect((await footfall(['tokens', 'revoke', token_id])).code).toBe(0);
  expect((await fetch(`${server.url}/v1/links`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
});

test('without a running collector it opens the data directory itself', async () => {
  const data_dir = join(folder, 'alone');
  expect((await footfall(['sites', 'add', 'shop', '--origin', 'https://shop.example'], data_dir)).code).toBe(0);
  expect(JSON.parse((await footfall(['sites', 'list', '--json'], data_dir)).out)).toEqual(
    expect.arrayContaining([expect.objectContaining({ site: 'shop', origins: ['https://shop.example'] })]),
  );
});

test('exit codes tell refused from misused', async () => {
  expect((await footfall(['--help'])).code).toBe(0);
  expect(await footfall(['sites', 'add', 'demo'])).toMatchObject({ code: 1, error: expect.stringContaining('there already') });
  expect((await footfall(['import', '/no/such/file'])).code).toBe(1);
  expect((await footfall(['nonsense'])).code).toBe(2);
  expect((await footfall(['links', 'export', '--format', 'xls'])).code).toBe(2);
});

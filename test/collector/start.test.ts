/** Starts that cannot go on say what is wrong and what was expected; a start after a stop goes on where it was. */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { createCollector } from '../../collector/collector.ts';
import { readConfig } from '../../collector/config.ts';
import { START, startServer, wire } from './server.ts';

const folder = (): string => mkdtempSync(join(tmpdir(), 'footfall-'));

test('a bad setting stops the start with its name and what was expected', () => {
  for (const [name, value, expected] of [
    ['PORT', 'eighty', /PORT="eighty": expected a number from 0 to 65535/],
    ['PORT', '70000', /PORT/],
    ['PUBLIC_URL', 'shop.example', /PUBLIC_URL="shop.example": expected an http\(s\) URL/],
    ['LOG_LEVEL', 'loud', /LOG_LEVEL="loud": expected one of fatal/],
    ['DEMO', 'yes', /DEMO="yes": expected 0 or 1/],
    ['ADMIN_TOKEN', 'secret', /ADMIN_TOKEN/],
    ['COLLECT_RATE', '-1', /COLLECT_RATE/],
    ['TRUST_PROXY', 'all', /TRUST_PROXY/],
  ] as const)
    expect(() => readConfig({ [name]: value })).toThrow(expected);
});

test('a data directory that cannot be written says so', async () => {
  const file = join(folder(), 'file');
  writeFileSync(file, '');
  await expect(createCollector({ port: 0, data_dir: file, log_level: 'silent' })).rejects.toThrow(/DATA_DIR=.*cannot be written/);
  await expect(createCollector({ port: 0, data_dir: '/proc/nope/data', log_level: 'silent' })).rejects.toThrow(
    /DATA_DIR=.*cannot be written/,
  );
});

test('a folder for spooled scans that is not there stops the start', async () => {
  const settings = { port: 0, data_dir: folder(), log_level: 'silent' } as const;
  await expect(createCollector({ ...settings, spool_dir: '/proc/nope' })).rejects.toThrow(/SPOOL_DIR=\/proc\/nope: not a folder/);
});

test('a second collector on one data directory is refused, and names the first', async () => {
  const server = await startServer();
  await expect(createCollector({ port: 0, data_dir: server.data_dir, log_level: 'silent' })).rejects.toThrow(
    /in use by another collector \(process \d+ at http/,
  );
  await server.close();
});

test('a connection on which nothing was ever sent does not hold up the end', async () => {
  const server = await startServer();
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  // Answered after it: by now the server knows of the connection.
  await fetch(`${server.url}/healthz`);
  const began = performance.now();
  await server.close();
  // After ten seconds it would be cut off with all others.
  expect(performance.now() - began).toBeLessThan(9_000);
  socket.destroy();
});

test('a port that is taken says so', async () => {
  const server = await startServer();
  const port = Number(new URL(server.url).port);
  await expect(createCollector({ port, data_dir: folder(), log_level: 'silent' })).rejects.toThrow(`PORT=${port}: already in use`);
  await server.close();
});

test('a schema newer than the program stops the start', async () => {
  const data_dir = folder();
  await (await startServer({ data_dir })).close();
  const db = new Database(join(data_dir, 'footfall.db'));
  db.pragma('user_version = 999');
  db.close();
  await expect(createCollector({ port: 0, data_dir, log_level: 'silent' })).rejects.toThrow(/newer than this program/);
});

test('after a restart the links go on: what was known stays, what comes is joined to it', async () => {
  const data_dir = folder();
  const first = await startServer({ data_dir });
  await first.post([wire('page_view', { time: START, session_id: 'R1' })]);
  await first.close();
  const second = await startServer({ data_dir });
  expect(second.admin_token).toBe(first.admin_token);
  expect(second.admin_token_is_new).toBe(false);
  await second.post([wire('login', { time: START + 1, session_id: 'R2', customer_id: 'C1' })]);
  expect((await second.links()).map(({ session_id, rule }) => [session_id, rule])).toEqual([
    ['R1', 'device_before'],
    ['R2', 'session'],
  ]);
  await second.close();
  rmSync(data_dir, { recursive: true });
});

test('the admin token is kept for its owner only', async () => {
  const data_dir = folder();
  const server = await startServer({ data_dir });
  const file = join(data_dir, 'admin-token');
  expect(readFileSync(file, 'utf8').trim()).toBe(server.admin_token);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await server.close();
  chmodSync(data_dir, 0o700);
});

test('a stop under load answers what it took: every acknowledged event is stored', async () => {
  const data_dir = folder();
  const server = await startServer({ data_dir });
  const ids = Array.from({ length: 200 }, (_, n) => `stop-${n}`);
  const sent = ids.map((event_id) =>
    server.post([{ ...wire('page_view', { time: START }), event_id }]).then(
      ({ status }) => status,
      () => 0,
    ),
  );
  await sent[0];
  await server.close();
  const statuses = await Promise.all(sent);
  const again = await startServer({ data_dir });
  for (const [n, status] of statuses.entries())
    if (status === 204) expect(await again.store.queries.events({ event_id: ids[n] as string }, 0, 1)).toHaveLength(1);
  expect(statuses.filter((status) => status === 204).length).toBeGreaterThan(0);
  await again.close();
});

test('the tag, health and readiness are served', async () => {
  const server = await startServer();
  expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'alive' });
  expect(await (await fetch(`${server.url}/readyz`)).json()).toEqual({ status: 'ready' });
  const tag = await fetch(`${server.url}/t.js`, { headers: { 'accept-encoding': 'gzip, br' } });
  expect(tag.headers.get('content-encoding')).toBe('br');
  const etag = tag.headers.get('etag') ?? '';
  expect((await fetch(`${server.url}/t.js`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  await server.close();
});

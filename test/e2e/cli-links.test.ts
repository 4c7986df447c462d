/** `footfall links export` as its user runs it: every format, killed and run again, and the changes since. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../collector/server.ts';

const ROWS = 12_000;
let server: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'footfall-export-'));
beforeAll(async () => {
  server = await startServer({}, { now: START + DAY });
  const lines = Array.from({ length: ROWS }, (_, i) =>
    JSON.stringify({ ...wire('page_view', { time: START + i, anonymous_id: `B${i}`, session_id: `S${i}` }), site: 'demo' }),
  );
  const headers = { authorization: `Bearer ${server.admin_token}` };
  await fetch(`${server.url}/v1/import`, { method: 'POST', headers, body: lines.join('\n') });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function start(args: readonly string[]): ChildProcess {
  const env = { ...process.env, DATA_DIR: server.data_dir };
  return spawn(process.execPath, ['bin/footfall.js', 'links', 'export', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function run(...args: string[]): Promise<{ code: number; out: Buffer; error: string }> {
  const child = start(args);
  const [out, error]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (data: Buffer) => out.push(data));
  child.stderr?.on('data', (data: Buffer) => error.push(data));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out: Buffer.concat(out), error: Buffer.concat(error).toString() };
}

test.each(['csv', 'ndjson', 'parquet'])('%s: killed midway and run again, it is what it would have been', async (format) => {
  const [whole, cut] = [join(folder, `whole.${format}`), join(folder, `cut.${format}`)];
  const first = await run('--format', format, '--out', whole, '--json');
  expect(JSON.parse(first.out.toString())).toMatchObject({ rows: ROWS, bytes: readFileSync(whole).length, resumed: false, format });
  const killed = start(['--format', format, '--out', cut]);
  while (!existsSync(`${cut}.part.json`)) await new Promise((resolve) => setTimeout(resolve, 1));
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  const { rows } = JSON.parse(readFileSync(`${cut}.part.json`, 'utf8')) as { rows: number };
  expect([rows > 0, rows < ROWS, existsSync(cut)]).toEqual([true, true, false]);
  const second = await run('--format', format, '--out', cut, '--json');
  expect([second.code, JSON.parse(second.out.toString())]).toMatchObject([0, { rows: ROWS, resumed: true }]);
  expect(readFileSync(cut).equals(readFileSync(whole))).toBe(true);
  expect([`${cut}.part`, `${cut}.part.json`].filter(existsSync)).toEqual([]);
  if (format !== 'parquet') expect(readFileSync(whole).equals((await run('--format', format)).out)).toBe(true);
  else expect(await parquetReadObjects({ file: new Uint8Array(readFileSync(whole)).buffer })).toHaveLength(ROWS);
});

test('another question begins anew, and a moment narrows', async () => {
  const out = join(folder, 'since.ndjson');
  const killed = start(['--format', 'ndjson', '--out', out]);
  while (!existsSync(`${out}.part.json`)) await new Promise((resolve) => setTimeout(resolve, 1));
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  const since = new Date(START + ROWS - 5).toISOString();
  const { out: summary } = await run('--format', 'ndjson', '--since', since, '--out', out, '--json');
  expect(JSON.parse(summary.toString())).toMatchObject({ rows: 5, resumed: false });
  expect(readFileSync(out, 'utf8').trimEnd().split('\n')).toHaveLength(5);
});

test('the cursor of an export gives the changes after it', async () => {
  const summary = await run('--format', 'csv', '--out', join(folder, 'base.csv'), '--json');
  const { changes_cursor } = JSON.parse(summary.out.toString()) as { changes_cursor: string };
  await server.post([wire('login', { time: START + ROWS, anonymous_id: 'B1', session_id: 'S1', customer_id: 'C1' })]);
  const changes = await run('--format', 'ndjson', '--since', changes_cursor);
  expect(JSON.parse(changes.out.toString())).toMatchObject({ type: 'upsert', link: { session_id: 'S1', customer_id: 'C1' } });
  const again = await run('--format', 'ndjson', '--since', changes_cursor, '--out', join(folder, 'changes.ndjson'), '--json');
  expect(JSON.parse(again.out.toString())).toMatchObject({ rows: 1 });
  expect(readFileSync(join(folder, 'changes.ndjson'))).toEqual(changes.out);
});

test('what is asked wrongly is refused, without a file', async () => {
  const out = join(folder, 'wrong.csv');
  expect(await run('--json')).toMatchObject({ code: 2, error: expect.stringContaining('--out') });
  expect(await run('--since', 'Mw', '--out', out)).toMatchObject({ code: 2, error: expect.stringContaining('ndjson') });
  expect(await run('--status', 'lost', '--out', out)).toMatchObject({ code: 1, error: expect.stringContaining('status') });
  expect(await run('--since', '2026-99-99', '--out', out)).toMatchObject({ code: 1, error: expect.stringContaining('from') });
  expect([out, `${out}.part`, `${out}.part.json`].filter(existsSync)).toEqual([]);
});

/** Imports as files and senders really are: gzip by its bytes, cut off, with a byte order mark, and slower than any page. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ImportAnswer } from '../../collector/http/import.ts';
import { limitUploads, mayTakeLong } from '../../collector/http/slow-uploads.ts';
import { inputLines } from '../../collector/intake/input-lines.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'footfall-import-'));
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Lines that gzip cannot make much smaller, so that a cut is somewhere among them. */
const linesOf = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) =>
    JSON.stringify(wire('page_view', { event_id: `${name}-${n}`, time: START, session_id: name, title: randomBytes(200).toString('hex') })),
  );
const post = async (body: Buffer): Promise<{ status: number; body: ImportAnswer & { title?: string; line?: number } }> => {
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const answer = await fetch(`${server.url}/v1/import?site=demo`, { method: 'POST', headers, body: new Uint8Array(body) });
  return { status: answer.status, body: (await answer.json()) as ImportAnswer };
};
function footfall(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const env = { ...process.env, DATA_DIR: server.data_dir };
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'collector/cli.ts', ...args], { env }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, error: err }),
    );
  });
}

test('gzip is known by its first bytes, whatever the file is called', { timeout: 60_000 }, async () => {
  const packed = join(folder, 'packed.ndjson');
  writeFileSync(packed, gzipSync(linesOf('packed', 3).join('\n')));
  expect((await footfall('import', packed, '--site', 'demo')).out).toContain('accepted 3, duplicate 0, rejected 0');
  const plain = join(folder, 'plain.ndjson.gz');
  writeFileSync(plain, linesOf('plain', 2).join('\r\n'));
  expect((await footfall('import', plain, '--site', 'demo')).out).toContain('accepted 2, duplicate 0, rejected 0');
  expect(await post(gzipSync(linesOf('sent', 4).join('\n')))).toMatchObject({ status: 200, body: { accepted: 4 } });
});

test('a file that is cut off keeps what came whole, and one line says how far that was', { timeout: 60_000 }, async () => {
  const whole = gzipSync(linesOf('cut', 500).join('\n'));
  const file = join(folder, 'cut.ndjson.gz');
  writeFileSync(file, whole.subarray(0, whole.length * 0.6));
  const { code, out, error } = await footfall('import', file, '--site', 'demo');
  const line = Number(/^footfall: The gzip data is cut off or damaged after line (\d+);[^\n]*\n$/.exec(error)?.[1]);
  expect(code).toBe(1);
  expect(line).toBeGreaterThan(100);
  expect(line).toBeLessThan(500);
  expect(out).toContain(`accepted ${line}, duplicate 0, rejected 0`);
  // Over HTTP the same; and the whole file brings the rest.
  expect(await post(whole.subarray(0, whole.length * 0.6))).toMatchObject({ status: 400, body: { line, accepted: 0, duplicate: line } });
  writeFileSync(file, whole);
  expect((await footfall('import', file, '--site', 'demo')).out).toContain(`accepted ${500 - line}, duplicate ${line}, rejected 0`);
});

test('a byte order mark before the first line does no harm', async () => {
  expect(await post(Buffer.from(`\uFEFF${linesOf('bom', 2).join('\n')}\n`))).toMatchObject({ status: 200, body: { accepted: 2 } });
});

test('lines come whole however the bytes are cut, and one far too long takes no memory', async () => {
  const text = 'ä€😀\r\n\n{"x":1}\nlast';
  const chunks = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
  const lines = async (source: Readable): Promise<string[]> => {
    const found: string[] = [];
    for await (const line of inputLines(source)) found.push(line);
    return found;
  };
  expect(await lines(Readable.from(chunks))).toEqual(['ä€😀', '', '{"x":1}', 'last']);
  expect(await lines(Readable.from([]))).toEqual([]);
  const chunk = Buffer.alloc(65_536, 'x');
  const long = await lines(Readable.from([...Array.from({ length: 200 }, () => chunk), Buffer.from('\nshort\n')]));
  expect(long.map(({ length }) => length < 1_200_000)).toEqual([true, true]);
  expect(long[1]).toBe('short');
});

test('a body may take as long as it flows where that is allowed; others, and one that stalls, are ended', { timeout: 30_000 }, async () => {
  const slow: Server = createServer({ requestTimeout: 0 }, (req, res) => {
    if (req.url === '/import') mayTakeLong(req);
    req.resume().on('end', () => res.end('taken'));
  });
  limitUploads(slow, 1_500);
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  const { port } = slow.address() as AddressInfo;
  /** Sends a byte each 100 ms for so long; the answer's status, or what ended it. */
  const dribble = (path: string, ms: number, whole = true): Promise<number | string> =>
    new Promise((resolve) => {
      const req = request({ port, path, method: 'POST' }, (res) => {
        res.resume();
        resolve(res.statusCode ?? 0);
      });
      req.on('error', ({ message }) => resolve(message));
      const timer = setInterval(() => req.write('x'), 100);
      void sleep(ms).then(() => {
        clearInterval(timer);
        if (whole) req.end();
      });
    });
  expect(await Promise.all([dribble('/import', 6_000), dribble('/import', 500, false), dribble('/', 6_000), dribble('/', 500)])).toEqual([
    ...[200, 408, 408, 200],
  ]);
  // A connection without a request under way is not a slow upload.
  const idle = connect(port, '127.0.0.1');
  await sleep(3_500);
  expect(idle.destroyed).toBe(false);
  idle.destroy();
  await new Promise((resolve) => slow.close(resolve));
});

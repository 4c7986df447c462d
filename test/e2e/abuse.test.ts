/** Bad input over real HTTP: each attack is answered or timed out soon, and costs its sender's batch at most; good events are stored. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startYardstick } from '../yardstick.ts';
import { pause, type Running, startProcess } from './faults/process.ts';

let server: Running;
let stored: Database.Database;
const data_dir = mkdtempSync(join(tmpdir(), 'footfall-abuse-'));
const yardstick = startYardstick();
/** For how many seconds the event loop may be held up. */
const heldUp = (): number => 0.1 * yardstick.worst();
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
beforeAll(async () => {
  server = await startProcess(data_dir);
  stored = new Database(join(data_dir, 'footfall.db'), { readonly: true });
});
afterAll(async () => {
  agent.destroy();
  await yardstick.stop();
  stored.close();
  server.child.kill('SIGTERM');
  await server.ended;
  rmSync(data_dir, { recursive: true });
});

interface Attack {
  body: string | Buffer;
  headers?: Record<string, string>;
  status: number;
  /** Events of the body that must be stored all the same, by what follows the batch's name. */
  good?: readonly string[];
}

const MEGABYTES = 64;
const bomb = gzipSync(Buffer.alloc(MEGABYTES * 1024 * 1024, '{"a":'));
const zip = { 'content-encoding': 'gzip' };
/** By what they do; `name` makes their events' ids unique. */
const ATTACKS: Record<string, (name: string) => Attack> = {
  'a gzip bomb': () => ({ body: bomb, headers: zip, status: 413 }),
  'gzip cut in the middle': (name) => ({ body: gzipSync(batch([event(name)])).subarray(0, 40), headers: zip, status: 400 }),
  'noise as gzip': () => ({ body: randomBytes(60_000), headers: zip, status: 400 }),
  'an unknown encoding': (name) => ({ body: batch([event(name)]), headers: { 'content-encoding': 'br' }, status: 400 }),
  '64 KiB of brackets': () => ({ body: '['.repeat(65_000), status: 400 }),
  '64 KiB of nesting in a batch': (name) => ({
    body: batch([
      event(`${name}-1`),
      `{"event_id":"${name}-x","type":"login","time":${Date.now()},"props":${nested(31_000)}}`,
      event(`${name}-2`),
    ]),
    status: 200,
    good: ['-1', '-2'],
  }),
  'nesting beside the props': (name) => ({
    body: batch([event(`${name}-1`), `{"event_id":"${name}-x","junk":${nested(31_000)},"type":"login","time":${Date.now()}}`]),
    status: 200,
    good: ['-1'],
  }),
  'nesting in place of an event': (name) => ({ body: batch([event(`${name}-1`), nested(31_000)]), status: 200, good: ['-1'] }),
  'numbers of 250,000 digits': (name) => ({
    body: gzipSync(batch([event(`${name}-1`), event(`${name}-2`, { value: 1 }).replace('"value":1', `"value":${'9'.repeat(250_000)}`)])),
    headers: zip,
    status: 204,
    good: ['-1', '-2'],
  }),
  'exponents beyond all numbers': (name) => ({
    body: batch([event(`${name}-1`, { value: 1, n: 1 }).replace('"value":1', '"value":1e131072').replace('"n":1', '"n":-1e400')]),
    status: 204,
    good: ['-1'],
  }),
  'NULs and lone surrogates': (name) => ({
    body: batch([
      event(`${name}-1`, { '\0': '\0', text: '\ud800', items: [{ item_id: '\udfff\0' }], coupon: 'a\0b' }),
      event(`${name}-2`, {}, { title: '\ud83d', url: 'https://x.example/\0' }),
      event(`${name}\0`),
    ]),
    status: 200,
    good: ['-1', '-2'],
  }),
  'bytes that are no UTF-8': (name) => ({
    body: Buffer.from(batch([event(`${name}-1`), '"\xff\xc0\x80"']), 'latin1'),
    status: 200,
    good: ['-1'],
  }),
  '5,000 values and more': (name) => ({
    body: batch([event(`${name}-1`), event(`${name}-2`, { list: Array.from({ length: 6_000 }, () => 0) })]),
    status: 200,
    good: ['-1'],
  }),
  'keys of the prototype': (name) => ({
    body: batch([
      event(`${name}-1`, { a: 1 }).replace(
        '"props":{',
        '"__proto__":{"admin":true},"props":{"__proto__":{"a":1},"constructor":{"prototype":1},',
      ),
    ]),
    status: 204,
    good: ['-1'],
  }),
  '100 events that are none': (name) => ({
    body: batch([event(`${name}-1`), ...Array.from({ length: 99 }, () => 'null')]),
    status: 200,
    good: ['-1'],
  }),
};

test.each(Object.entries(ATTACKS))('%s: answered within 100 ms, good events of the batch stored', async (_title, attack) => {
  const times: number[] = [];
  // The best of a few: other programs on this machine may hold up any one.
  for (let n = 0; n < 5 || (Math.min(...times) >= 100 && n < 50); n += 1) {
    const name = `A${randomBytes(6).toString('hex')}`;
    const { body, headers, status, good = [] } = attack(name);
    const started = performance.now();
    const answer = await send(body, headers);
    times.push(performance.now() - started);
    expect(answer.status, answer.text).toBe(status);
    for (const suffix of good) expect(isStored(`${name}${suffix}`), `${name}${suffix} is stored`).toBe(true);
  }
  expect(Math.min(...times)).toBeLessThan(100);
});

test('under all of them at once the event loop is never held up for 100 ms, memory stays flat, and visitors are served', async () => {
  await flood(150);
  let best = { lag: Number.POSITIVE_INFINITY, slowest: Number.POSITIVE_INFINITY };
  const before = (await metrics()).rss;
  for (let n = 0; n < 3 && (best.lag > heldUp() || best.slowest > 1_000); n += 1) {
    await metrics();
    const slowest = await flood(150);
    const { lag } = await metrics();
    if (lag < best.lag) best = { lag, slowest };
  }
  const { rss } = await metrics();
  console.info(
    `abuse: event loop held up ${(best.lag * 1_000).toFixed(0)} ms at most, slowest answer to a visitor ${best.slowest.toFixed(0)} ms, ` +
      `memory ${(before / 1e6).toFixed(0)} -> ${(rss / 1e6).toFixed(0)} MB`,
  );
  expect(best.lag).toBeLessThanOrEqual(heldUp());
  expect(rss - before).toBeLessThan(100e6);
});

test('5,000 distinct garbage user agents: parsed within bounds, all events stored', async () => {
  const shapes = [
    (n: number) => randomBytes(250).toString('hex') + n,
    (n: number) => `Mozilla/5.0 (${' '.repeat(480)}${n}`,
    (n: number) => `android ${n} `.repeat(40),
    (n: number) => `Linux; Android 10; a${n}; build/`.repeat(16),
  ];
  let best = { lag: Number.POSITIVE_INFINITY, rate: 0 };
  for (let round = 0; round < 3 && best.lag > heldUp(); round += 1) {
    await metrics();
    const started = performance.now();
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < 5_000) {
        next += 1;
        const n = next;
        const agentText = shapes[n % shapes.length]?.(n + round * 5_000) ?? '';
        const answer = await send(batch([event(`U${round}-${n}`)]), { 'user-agent': agentText, origin: server.url });
        expect(answer.status).toBe(204);
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    const rate = 5_000 / ((performance.now() - started) / 1_000);
    const { lag } = await metrics();
    if (lag < best.lag) best = { lag, rate };
  }
  console.info(
    `garbage user agents: ${best.rate.toFixed(0)} a second taken, event loop held up ${(best.lag * 1_000).toFixed(0)} ms at most`,
  );
  expect(best.lag).toBeLessThanOrEqual(heldUp());
  expect(isStored('U0-5000')).toBe(true);
});

test('slow headers and slow bodies are timed out, and meanwhile visitors are served', async () => {
  const { port } = new URL(server.url);
  const head = 'POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{';
  const started = performance.now();
  const headers = Array.from({ length: 200 }, () => dribble(Number(port), 'POST /e HTTP/1.1\r\nHost: x\r\nX-A: '));
  const bodies = Array.from({ length: 200 }, () => dribble(Number(port), head));
  await pause(1_000);
  const served = performance.now();
  expect((await send(batch([event(`slow-${served}`)]))).status).toBe(204);
  expect(performance.now() - served).toBeLessThan(1_000);
  const ends = await Promise.all([Promise.all(headers), Promise.all(bodies)]);
  const [slowHeaders, slowBodies] = ends.map((list) => Math.max(...list) - started) as [number, number];
  console.info(`slowloris: headers cut after ${(slowHeaders / 1_000).toFixed(1)} s, bodies after ${(slowBodies / 1_000).toFixed(1)} s`);
  expect(slowHeaders).toBeLessThan(14_000);
  expect(slowBodies).toBeLessThan(35_000);
  expect((await metrics()).held, 'what they held is given back').toBe(0);
});

/** Sends so many of each attack, 32 at a time, and a visitor's batches meanwhile. Answers the slowest of those, in ms. */
async function flood(count: number): Promise<number> {
  const attacks = Array.from({ length: count }, () => Object.values(ATTACKS)).flat();
  let slowest = 0;
  let done = false;
  const visitor = (async () => {
    while (!done) {
      const started = performance.now();
      const answer = await send(batch([event(`V${randomBytes(6).toString('hex')}`)]));
      expect(answer.status).toBe(204);
      slowest = Math.max(slowest, performance.now() - started);
      await pause(10);
    }
  })();
  let next = 0;
  const attacker = async (): Promise<void> => {
    for (let attack = attacks[next++]; attack; attack = attacks[next++]) {
      const { body, headers } = attack(`F${randomBytes(6).toString('hex')}`);
      // A refused body may end the connection before it is sent whole.
      await send(body, headers).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: 16 }, attacker));
  done = true;
  await visitor;
  return slowest;
}

/** What the collector says of itself since it was asked last: longest hold-up of its event loop in seconds, memory in bytes. */
async function metrics(): Promise<{ lag: number; rss: number; held: number }> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    lag: value('nodejs_eventloop_lag_max_seconds'),
    rss: value('process_resident_memory_bytes'),
    held: value('footfall_held_bytes'),
  };
}

function isStored(event_id: string): boolean {
  return stored.prepare('SELECT 1 FROM events WHERE event_id = ?').get(event_id) !== undefined;
}

function event(event_id: string, props: object = {}, more: object = {}): string {
  const place = { anonymous_id: `B${event_id.slice(0, 4)}`, session_id: `S${event_id.slice(0, 4)}`, url: 'https://x.example/' };
  return JSON.stringify({ event_id, type: 'page_view', time: Date.now(), ...place, ...more, props });
}

function batch(events: readonly string[]): string {
  return `{"v":1,"site":"demo","sent_at":${Date.now()},"events":[${events.join(',')}]}`;
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

function send(body: string | Buffer, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const req = request(
      `${server.url}/e`,
      { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
      (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        res.once('end', () => resolve({ status: res.statusCode ?? 0, text })).once('error', reject);
      },
    );
    req.once('error', reject);
    req.end(body);
  });
}

/** A client that sends a byte every half second after this beginning. Resolves with the moment when it was cut off. */
function dribble(port: number, beginning: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(beginning));
    const timer = setInterval(() => socket.write('a'), 500);
    socket.resume();
    socket
      .on('error', () => undefined)
      .once('close', () => {
        clearInterval(timer);
        resolve(performance.now());
      });
  });
}

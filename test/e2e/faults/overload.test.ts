/** More than can be stored: what is beyond the bounds is told to come back, memory stays flat, and another site's visitors are served. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compare, pause, startProcess, storedIn } from './process.ts';

/** Connections, and requests that each sends before it waits for the first answer: far more than may wait for a commit. */
const CONNECTIONS = 120;
const PIPELINED = 100;
const SECONDS = 8;

test('ten times too much: 503 with Retry-After, memory flat, nothing acknowledged lost, another site served', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'footfall-overload-'));
  const { child, url, ended } = await startProcess(data_dir);
  try {
    const headers = {
      authorization: `Bearer ${readFileSync(join(data_dir, 'admin-token'), 'utf8').trim()}`,
      'content-type': 'application/json',
    };
    await fetch(`${url}/v1/sites`, { method: 'POST', headers, body: JSON.stringify({ site: 'quiet', origins: [] }) });
    const port = Number(new URL(url).port);
    const until = performance.now() + SECONDS * 1_000;
    const flood = Array.from({ length: CONNECTIONS }, (_, n) => floodOver(port, n, until));
    await pause(2_000);
    const early = await memory(url);
    const waits: number[] = [];
    const quiet: string[] = [];
    for (let n = 0; performance.now() < until - 500; n += 1) {
      const started = performance.now();
      const event_id = `quiet-${n}`;
      const answer = await fetch(`${url}/e`, { method: 'POST', body: bodyOf('quiet', [event_id]) });
      expect(answer.status, 'a visitor of another site').toBe(204);
      quiet.push(event_id);
      waits.push(performance.now() - started);
      await pause(20);
    }
    const late = await memory(url);
    const floods = await Promise.all(flood);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const acknowledged = [...floods.flatMap((one) => one.acknowledged), ...quiet];
    const refused = floods.reduce((sum, one) => sum + one.refused, 0);
    const { ids } = await storedIn(data_dir);
    const { lost, doubled } = compare(acknowledged, ids);
    waits.sort((a, b) => a - b);
    const p99 = waits[Math.floor(waits.length * 0.99)] ?? 0;
    console.info(
      `overload: ${CONNECTIONS * PIPELINED} requests at once, ${acknowledged.length} events acknowledged, ${refused} answers 503; ` +
        `another site's ${waits.length} requests took ${(waits[waits.length >> 1] ?? 0).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms; ` +
        `memory ${(early / 1e6).toFixed(0)} -> ${(late / 1e6).toFixed(0)} MB; lost ${lost}, doubled ${doubled}`,
    );
    expect({ lost, doubled, odd: floods.flatMap((one) => one.odd) }).toEqual({ lost: 0, doubled: 0, odd: [] });
    expect(refused).toBeGreaterThan(1_000);
    expect(waits.length).toBeGreaterThan(5);
    expect(p99).toBeLessThan(3_000);
    expect(late - early).toBeLessThan(100e6);
    expect(late).toBeLessThan(600e6);
  } finally {
    child.kill('SIGKILL');
    await ended;
    rmSync(data_dir, { recursive: true });
  }
});

interface Flood {
  acknowledged: string[];
  refused: number;
  odd: string[];
}

/** Sends PIPELINED requests, reads their answers, and does it again until this moment. */
function floodOver(port: number, n: number, until: number): Promise<Flood> {
  const flood: Flood = { acknowledged: [], refused: 0, odd: [] };
  return new Promise((resolve) => {
    let round = 0;
    let waiting: string[] = [];
    let text = '';
    const socket = connect(port, '127.0.0.1', next);
    function next(): void {
      if (performance.now() > until) return void socket.end();
      round += 1;
      waiting = Array.from({ length: PIPELINED }, (_, i) => `f${n}-${round}-${i}`);
      socket.write(waiting.map((id) => requestOf(bodyOf('demo', [id]))).join(''));
    }
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = answerEnd(text); end > 0; end = answerEnd(text)) {
        const answer = text.slice(0, end);
        text = text.slice(end);
        const id = waiting.shift() ?? '';
        const status = answer.slice(9, 12);
        if (status === '204') flood.acknowledged.push(id);
        else if (status === '503' && /^retry-after: \d/im.test(answer)) flood.refused += 1;
        else flood.odd.push(answer);
        if (waiting.length === 0) next();
      }
    });
    socket.on('error', () => undefined).once('close', () => resolve(flood));
  });
}

/** Where the first whole answer ends, or 0. */
function answerEnd(text: string): number {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return 0;
  const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return text.length >= end ? end : 0;
}

function bodyOf(site: string, ids: readonly string[]): string {
  const time = Date.now();
  const events = ids.map((event_id) => ({
    event_id,
    type: 'page_view',
    time,
    anonymous_id: `B${browserOf(event_id)}`,
    session_id: `S${browserOf(event_id)}`,
    title: 't'.repeat(300),
  }));
  return JSON.stringify({ v: 1, site, sent_at: time, events });
}

/** Few enough that the cache of browsers is soon as full as it gets. */
const browserOf = (event_id: string): number => Number(event_id.replace(/\D/g, '')) % 2_000;

function requestOf(body: string): string {
  return `POST /e HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function memory(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}

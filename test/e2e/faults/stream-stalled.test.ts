/** Consumers of the stream that stop reading: the collector's memory stays flat, it goes on collecting, and they lose nothing. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startProcess } from './process.ts';

const EVENTS = 4_000;
const PADDING = 10_000;
const STALLED = 20;

test('twenty stalled streams of 40 MB each grow no memory, and one that reads on gets every event', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'footfall-stalled-'));
  const { child, url, ended } = await startProcess(data_dir);
  const token = readFileSync(join(data_dir, 'admin-token'), 'utf8').trim();
  const rss = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024;
  const send = async (from: number, count: number): Promise<void> => {
    const text = 'x'.repeat(PADDING);
    for (let n = from; n < from + count; n += 5) {
      const events = Array.from({ length: 5 }, (_, i) => ({
        ...{ event_id: `stall-${n + i}`, type: 'page_view', time: Date.now(), anonymous_id: 'B1', session_id: 'S1' },
        ...{ url: 'http://localhost/', props: { text } },
      }));
      const body = JSON.stringify({ v: 1, site: 'demo', sent_at: Date.now(), events });
      expect((await fetch(`${url}/e`, { method: 'POST', body })).status).toBe(204);
    }
  };
  await send(0, EVENTS);
  const before = rss();
  const { hostname, port } = new URL(url);
  const sockets = await Promise.all(
    Array.from(
      { length: STALLED },
      () =>
        new Promise<Socket>((resolve) => {
          const socket = connect(Number(port), hostname, () => {
            socket.pause();
            socket.write(
              `GET /v1/stream?types=event HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nLast-Event-ID: 0.0\r\n\r\n`,
              () => resolve(socket),
            );
          });
        }),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await send(EVENTS, 100);
  const grown = rss() - before;
  console.log(
    `stalled streams: ${STALLED} of ${Math.round((EVENTS * PADDING) / 1e6)} MB each, resident memory ${Math.round(before)} MB, grown by ${Math.round(grown)} MB`,
  );
  expect(grown).toBeLessThan(250);

  const [reader] = sockets as [Socket];
  const seen = new Set<string>();
  let text = '';
  reader.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (const [, id = ''] of text.matchAll(/"event_id":"(stall-\d+)"/g)) seen.add(id);
    text = text.slice(-200);
  });
  reader.resume();
  await expect.poll(() => seen.size, { timeout: 120_000 }).toBe(EVENTS + 100);

  for (const socket of sockets) socket.destroy();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  rmSync(data_dir, { recursive: true });
});

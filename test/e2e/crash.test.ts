/** kill -9 under load: whatever was acknowledged is there after a restart, exactly once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSqlite } from '../../collector/store/sqlite.ts';

const ROUNDS = 5;
const CONNECTIONS = 32;

test(`over ${ROUNDS} rounds of kill -9, nothing acknowledged is lost or doubled`, async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'footfall-crash-'));
  const acknowledged = new Set<string>();
  let next = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, url } = await startProcess(data_dir);
    let alive = true;
    child.once('exit', () => {
      alive = false;
    });
    const sender = async (): Promise<void> => {
      while (alive) {
        next += 1;
        const ids = [`k${next}-a`, `k${next}-b`];
        const ok = await send(url, ids, next).catch(() => false);
        if (ok) for (const id of ids) acknowledged.add(id);
      }
    };
    const senders = Array.from({ length: CONNECTIONS }, sender);
    await new Promise((resolve) => setTimeout(resolve, 400 + round * 150));
    child.kill('SIGKILL');
    await Promise.all(senders);
  }
  const store = openSqlite(join(data_dir, 'footfall.db'));
  const seen = new Map<string, number>();
  for (let after = 0; ; ) {
    const page = await store.queries.events({}, after, 1_000);
    for (const { event_id } of page) seen.set(event_id, (seen.get(event_id) ?? 0) + 1);
    const last = page.at(-1);
    if (!last) break;
    after = last.event_pk;
  }
  const links = store.queries.allLinks({});
  let linked = 0;
  for await (const { events } of links) linked += events;
  await store.close();
  rmSync(data_dir, { recursive: true });

  const lost = [...acknowledged].filter((id) => !seen.has(id));
  const doubled = [...seen].filter(([, count]) => count > 1);
  console.info(`acknowledged ${acknowledged.size} in ${ROUNDS} rounds: lost ${lost.length}, doubled ${doubled.length}`);
  expect(acknowledged.size).toBeGreaterThan(500);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
  expect(linked).toBe(seen.size);
});

function send(url: string, ids: readonly string[], n: number): Promise<boolean> {
  const time = Date.now();
  const events = ids.map((event_id) => ({
    event_id,
    type: 'page_view',
    time,
    anonymous_id: `B${n % 500}`,
    session_id: `S${n % 900}`,
    url: 'https://x.example/',
  }));
  return fetch(`${url}/e`, { method: 'POST', body: JSON.stringify({ v: 1, site: 'demo', sent_at: time, events }) }).then(
    ({ status }) => status === 204,
  );
}

function startProcess(data_dir: string): Promise<{ child: ChildProcess; url: string }> {
  const env = { ...process.env, DATA_DIR: data_dir, PORT: '0', LOG_LEVEL: 'silent', COLLECT_RATE: '0' };
  const child = spawn(process.execPath, ['dist/collector/main.js'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the collector ended with ${code} before it was ready`)));
    child.stdout.on('data', (chunk: Buffer) => {
      const url = /ready at (\S+)/.exec(chunk.toString())?.[1];
      if (url) resolve({ child, url });
    });
  });
}

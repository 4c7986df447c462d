/** While the store fails, a scan is still sent on, kept durably elsewhere, and stored with its token once the store is back. */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AcceptedEvent } from '../../collector/domain/accepted-event.ts';
import { StoreUnavailable } from '../../collector/errors.ts';
import type { Intake } from '../../collector/intake/intake.ts';
import { createLog } from '../../collector/log.ts';
import { createMetrics } from '../../collector/metrics.ts';
import { codeCache } from '../../collector/scan/code-cache.ts';
import { createRecorder } from '../../collector/scan/recorder.ts';
import { openSpool } from '../../collector/scan/spool.ts';
import { START, startServer, wire } from './server.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-spool-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';
const scan = async (url: string): Promise<URL> => {
  const { status, headers } = await fetch(url, { redirect: 'manual', headers: { 'user-agent': PHONE } });
  expect(status).toBe(302);
  return new URL(headers.get('location') ?? '');
};
const event = (event_id: string): AcceptedEvent => ({ event_id, site: 'demo', type: 'scan' }) as AcceptedEvent;

test('a scan during a store failure is sent on with a valid token, and stands in the journey afterwards', async () => {
  const data_dir = join(folder, 'data');
  let server = await startServer({ data_dir });
  await server.send('POST', '/v1/codes', { code: 'FAIL1', target: `${server.url}/demo/`, store: { id: 'kiel', name: 'Kiel' } });
  // Every write and read of the store fails from here on.
  await server.store.close();
  const locations = await Promise.all(Array.from({ length: 20 }, () => scan(`${server.url}/q/FAIL1`)));
  const tokens = locations.map((location) => location.searchParams.get('ff_scan') ?? '');
  expect(new Set(tokens).size).toBe(20);
  expect(tokens.every((token) => /^[\w-]{31}\.[\w-]{12}$/.test(token))).toBe(true);
  const spool = join(data_dir, 'scans.spool');
  expect(readFileSync(spool, 'utf8').split('\n').filter(Boolean)).toHaveLength(20);
  await server.close().catch(() => undefined);

  // The token's page view came in before the scan itself was known.
  server = await startServer({ data_dir });
  try {
    const scans = (await server.store.queries.events({ type: 'scan' }, 0, 100)).filter((each) => each.scan?.code === 'FAIL1');
    expect(scans).toHaveLength(20);
    expect(existsSync(spool) || existsSync(`${spool}.replay`)).toBe(false);
    await server.post([wire('page_view', { time: START, anonymous_id: 'F', session_id: 'f', scan: tokens[0] ?? '' })]);
    expect((await server.links('session_id=f'))[0]?.scans).toMatchObject([{ code: 'FAIL1', store_id: 'kiel' }]);
  } finally {
    await server.close();
  }
});

test('the spool is replayed while it runs; a scan that comes in meanwhile is not lost', async () => {
  const stored: string[] = [];
  let failing = true;
  const intake = {
    async submit({ events }: { events: readonly AcceptedEvent[] }) {
      if (failing) throw new StoreUnavailable('down');
      stored.push(...events.map(({ event_id }) => event_id));
      return [];
    },
  } as unknown as Intake;
  const spool = await openSpool(join(folder, 'spool'));
  const recorder = createRecorder({
    ...{ intake, spool, log: createLog('silent'), metrics: createMetrics({ waiting: () => 0 }), pause: 20 },
  });
  expect(await Promise.all(['a', 'b'].map((id) => recorder.record(event(id))))).toEqual([true, true]);
  await recorder.replay();
  expect(spool.waiting).toBe(true);
  expect(await recorder.record(event('c'))).toBe(true);
  failing = false;
  await expect.poll(() => [...stored].sort().join('')).toBe('abc');
  await expect.poll(() => spool.waiting).toBe(false);
  await recorder.close();
});

test('a store that hangs keeps no visitor waiting', async () => {
  const spool = await openSpool(join(folder, 'spool'));
  const intake = { submit: () => new Promise(() => undefined) } as unknown as Intake;
  const recorder = createRecorder({
    ...{ intake, spool, log: createLog('silent'), metrics: createMetrics({ waiting: () => 0 }), patience: 50, pause: 60_000 },
  });
  // Were it to wait for the store, this would never end.
  expect(await recorder.record(event('a'))).toBe(true);
  expect(spool.waiting).toBe(true);
});

test('a line that a crash cut off takes no other with it; what was spooled before a crash is replayed first', async () => {
  const file = join(folder, 'spool');
  const spool = await openSpool(file);
  await spool.append(event('a'));
  appendFileSync(file, '{"event_id":"cut');
  await (await openSpool(file)).append(event('b'));
  const again = await openSpool(file);
  const stored: string[] = [];
  const failing = async (): Promise<void> => {
    throw new StoreUnavailable('down');
  };
  await expect(again.replay(failing)).rejects.toThrow(StoreUnavailable);
  await again.append(event('c'));
  const store = async (events: AcceptedEvent[]): Promise<void> => void stored.push(...events.map(({ event_id }) => event_id));
  expect(await again.replay(store)).toBe(2);
  expect(await again.replay(store)).toBe(1);
  expect(stored).toEqual(['a', 'b', 'c']);
  expect(again.waiting).toBe(false);
});

test('the cache answers while the store fails, and never keeps what was read before an edit', async () => {
  let now = 0;
  let row = { target: 'old' };
  let answer: () => Promise<{ target: string } | null> = async () => row;
  const cache = codeCache<{ target: string }>(
    () => answer(),
    () => now,
  );
  expect(await cache.get('A')).toEqual({ target: 'old' });
  row = { target: 'new' };
  expect(await cache.get('A')).toEqual({ target: 'old' });
  cache.forget('A');
  expect(await cache.get('A')).toEqual({ target: 'new' });
  answer = async () => {
    throw new StoreUnavailable('down');
  };
  now = 60_000;
  expect(await cache.get('A')).toEqual({ target: 'new' });
  await expect(cache.get('B')).rejects.toThrow(StoreUnavailable);
  // A read under way while an edit is stored.
  let finish: (value: { target: string }) => void = () => undefined;
  answer = () => new Promise((resolve) => (finish = resolve));
  const reading = cache.get('C');
  cache.forget('C');
  finish({ target: 'before the edit' });
  await reading;
  answer = async () => ({ target: 'after the edit' });
  expect(await cache.get('C')).toEqual({ target: 'after the edit' });
});

test('a cookie is set on the redirect only where the site says so, on its own domain, and never for a machine', async () => {
  const server = await startServer({ data_dir: join(folder, 'data') });
  try {
    const cookieOn = async (headers: Record<string, string> = {}): Promise<string | null> =>
      (await fetch(`${server.url}/q/TV55AA`, { redirect: 'manual', headers: { 'user-agent': PHONE, ...headers } })).headers.get(
        'set-cookie',
      );
    expect(await cookieOn()).toBeNull();
    await server.send('PATCH', '/v1/sites/demo', { scan_cookie: true });
    expect(await cookieOn()).toMatch(/^ff_id=[\w-]{21}; Path=\/; Max-Age=\d+; SameSite=Lax$/);
    expect(await cookieOn({ cookie: 'ff_id=known-visitor-1' })).toMatch(/^ff_id=known-visitor-1;/);
    expect(await cookieOn({ cookie: 'ff_id=<bad>' })).toMatch(/^ff_id=[\w-]{21};/);
    expect(await cookieOn({ 'user-agent': 'WhatsApp/2.23.20.0' })).toBeNull();
    await server.send('PATCH', '/v1/sites/demo', { cookie_domain: 'shop.example' });
    expect(await cookieOn()).toBeNull();
  } finally {
    await server.close();
  }
});

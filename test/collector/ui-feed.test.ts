/** How the page reads the collector: a real server, its errors, its silence, and its changes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { type Api, asFailure, createApi, type Failure } from '../../collector/ui/api.ts';
import { followCustomer } from '../../collector/ui/customer-feed.ts';
import { followLinks } from '../../collector/ui/links-feed.ts';
import { pause, startPolling } from '../../collector/ui/poll.ts';
import { openStream, type Stream } from '../../collector/ui/stream.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A collector that answers as told; the page's requests go to it as a browser would send them. */
async function collectorThat(answer: RequestListener): Promise<{ api: Api; server: Server }> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, api: createApi(undefined, (path, init) => fetch(`${base}${String(path)}`, init)) };
}

const failureOf = (asked: Promise<unknown>): Promise<Failure> => asked.then(() => expect.fail('it answered'), asFailure);

test('the query is encoded, and what is not set is left out', async () => {
  let seen: unknown[] = [];
  const { api } = await collectorThat((req, res) => {
    seen = [req.url, req.method];
    res.end('{"links":[]}');
  });
  expect(await api.get('/v1/links', { customer_id: 'a&b=c', limit: 5, rule: '', cursor: null })).toEqual({ links: [] });
  expect(seen).toEqual(['/v1/links?customer_id=a%26b%3Dc&limit=5', 'GET']);
});

test('a refused token, a problem, nonsense and silence are told apart', async () => {
  const { api, server } = await collectorThat((req, res) => {
    if (req.url === '/refused') res.writeHead(401).end('{"title":"Unauthorized"}');
    else if (req.url === '/problem') res.writeHead(409).end('{"title":"Conflict","detail":"Two sessions have this id."}');
    else res.writeHead(200).end('<html>');
  });
  expect(await failureOf(api.get('/refused'))).toMatchObject({ kind: 'refused', status: 401 });
  expect(await failureOf(api.get('/problem'))).toEqual({ kind: 'failed', status: 409, message: 'Two sessions have this id.' });
  expect(await failureOf(api.get('/nonsense'))).toMatchObject({ kind: 'failed', status: 200 });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await failureOf(api.get('/gone'))).toMatchObject({ kind: 'unreachable' });
});

/** A browser's EventSource over node's fetch: lines in, messages out, and a new connection where one breaks. */
function eventSource(base: string, headers: Record<string, string>) {
  return (url: string) => {
    const listeners = new Map<string, (event: { data: string; lastEventId: string }) => void>();
    const end = new AbortController();
    const source = {
      readyState: 0,
      onopen: null as (() => void) | null,
      onerror: null as (() => void) | null,
      addEventListener: (type: string, listener: (event: { data: string; lastEventId: string }) => void) =>
        void listeners.set(type, listener),
      close: () => end.abort(),
    };
    const read = async (): Promise<void> => {
      const answer = await fetch(base + url, { headers, signal: end.signal });
      if (!answer.ok || !answer.body) throw new Error('refused');
      source.readyState = 1;
      source.onopen?.();
      let text = '';
      for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
        const messages = (text + chunk).split('\n\n');
        text = messages.pop() ?? '';
        for (const message of messages) {
          const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(message)?.[1] ?? '';
          if (field('data')) listeners.get(field('event'))?.({ data: field('data'), lastEventId: field('id') });
        }
      }
    };
    void read()
      .catch(() => undefined)
      .finally(() => {
        source.readyState = 2;
        if (!end.signal.aborted) source.onerror?.();
      });
    return source;
  };
}

/** A real collector, its API as the page asks it, and its stream. */
async function realCollector(
  settings: Parameters<typeof startServer>[0] = {},
): Promise<{ server: TestServer; api: Api; stream: Stream; refused: () => number }> {
  const server = await startServer(settings);
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const api = createApi(undefined, (path, init) =>
    fetch(server.url + String(path), { ...init, headers: { ...init?.headers, ...headers } }),
  );
  let times = 0;
  const stream = openStream({
    site: 'demo',
    onRefused: () => {
      times += 1;
    },
    connect: eventSource(server.url, headers),
  });
  closing.push(() => {
    stream.stop();
    void server.close();
  });
  return { server, api, stream, refused: () => times };
}
const SOON = { timeout: 8_000 };

test('the feed shows a page of links, then each change as it is stored, with how it stood before', async () => {
  const { server, api, stream } = await realCollector();
  await server.post([wire('page_view', { time: START - 5_000, session_id: 'S1' })]);
  const feed = followLinks(api, stream, 'demo');
  closing.push(feed.stop);
  await vi.waitFor(() => expect(feed.loaded.value).toBe(true), SOON);
  expect([...feed.table.value.rows.values()].map(({ status }) => status)).toEqual(['anonymous']);
  await server.post([wire('login', { time: START, session_id: 'S2', customer_id: 'C1' })]);
  await vi.waitFor(
    () =>
      expect([...feed.table.value.rows.values()].map(({ session_id, customer_id }) => [session_id, customer_id]).sort()).toEqual([
        ['S1', 'C1'],
        ['S2', 'C1'],
      ]),
    SOON,
  );
  expect([...feed.table.value.fresh.values()].map(({ was }) => was).sort()).toEqual(['anonymous', null]);
  expect(feed.events.value[0]?.type).toBe('login');
});

test('held still, the feed shows nothing new; afterwards all of it', async () => {
  const { server, api, stream } = await realCollector();
  const feed = followLinks(api, stream, 'demo');
  closing.push(feed.stop);
  await vi.waitFor(() => expect(feed.loaded.value).toBe(true), SOON);
  feed.paused.value = true;
  await server.post([wire('page_view', { time: START, session_id: 'S9' })]);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(feed.table.value.rows.size).toBe(0);
  feed.paused.value = false;
  await vi.waitFor(() => expect(feed.table.value.rows.size).toBe(1), SOON);
});

test('a stream that breaks says so, and goes on where it was', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'footfall-'));
  const { server, api, stream, refused } = await realCollector({ data_dir });
  const feed = followLinks(api, stream, 'demo');
  await vi.waitFor(() => expect(feed.loaded.value).toBe(true), SOON);
  await server.post([wire('page_view', { time: START, session_id: 'S1' })]);
  await vi.waitFor(() => expect(feed.events.value).toHaveLength(1), SOON);
  await server.close();
  await vi.waitFor(() => expect([stream.lost.value, refused() > 0]).toEqual([true, true]), SOON);
  const again = await startServer({ data_dir, port: Number(new URL(server.url).port) });
  await again.post([wire('page_view', { time: START + 1, session_id: 'S2' })]);
  await vi.waitFor(() => expect([stream.lost.value, feed.events.value.length]).toEqual([false, 2]), SOON);
  feed.stop();
  stream.stop();
  await again.close();
  rmSync(data_dir, { recursive: true });
});

test('a journey is read again as soon as the customer gets a session or an event', async () => {
  const { server, api, stream } = await realCollector();
  await server.post([
    wire('page_view', { time: START - 9_000, session_id: 'S1', event_id: 'before' }),
    wire('page_view', { time: START, anonymous_id: 'B2', session_id: 'S2', event_id: 'elsewhere' }),
  ]);
  await server.post([wire('login', { time: START - 1_000, anonymous_id: 'B2', session_id: 'S2', event_id: 'login', customer_id: 'a/b' })]);
  const customer = followCustomer(api, stream, 'demo', 'a/b', 20);
  closing.push(customer.stop);
  const ids = (): string[] => customer.events.value.map(({ event_id }) => event_id);
  await vi.waitFor(() => expect(ids()).toEqual(['elsewhere', 'login']), SOON);
  await server.post([wire('login', { time: START + 1, session_id: 'S3', event_id: 'second', customer_id: 'a/b' })]);
  await vi.waitFor(() => expect(ids()).toEqual(['second', 'elsewhere', 'login', 'before']), SOON);
  await vi.waitFor(() => expect(customer.links.value.map(({ session_id }) => session_id).sort()).toEqual(['S1', 'S2', 'S3']), SOON);
  await server.post([wire('page_view', { time: START + 2, session_id: 'S3', event_id: 'plain' })]);
  await vi.waitFor(() => expect(ids()[0]).toBe('plain'), SOON);
});

test('a customer that is not there is a failure, not an empty journey', async () => {
  const { api, stream } = await realCollector();
  const customer = followCustomer(api, stream, 'demo', 'nobody');
  closing.push(customer.stop);
  await vi.waitFor(() => expect(customer.failure.value?.status).toBe(404), SOON);
});

test('polling slows down while it fails, and stops for good when the token is refused', async () => {
  expect([0, 1, 2, 3, 20].map((failures) => pause(1_000, failures))).toEqual([1_000, 2_000, 4_000, 8_000, 15_000]);
  let reads = 0;
  const reports: (Failure | null)[] = [];
  const stop = startPolling({
    interval: 1,
    isHidden: () => false,
    report: (failure) => reports.push(failure),
    read: async () => {
      reads += 1;
      if (reads === 2) throw { kind: 'unreachable', status: 0, message: 'gone' } satisfies Failure;
      if (reads === 4) throw { kind: 'refused', status: 401, message: 'no' } satisfies Failure;
      return false;
    },
  });
  closing.push(stop);
  await expect.poll(() => reports).toHaveLength(4);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(reports.map((failure) => failure?.kind ?? null)).toEqual([null, 'unreachable', null, 'refused']);
});

test('nothing is read while nobody looks', async () => {
  let hidden = true;
  let reads = 0;
  const stop = startPolling({ interval: 2, isHidden: () => hidden, report: () => undefined, read: async () => ++reads < 0 });
  closing.push(stop);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(reads).toBe(0);
  hidden = false;
  await expect.poll(() => reads).toBeGreaterThan(0);
});

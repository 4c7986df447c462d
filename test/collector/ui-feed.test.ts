/** How the page reads the collector: a real server, its errors, its silence, and its changes. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { type Api, asFailure, createApi, type Failure } from '../../collector/ui/api.ts';
import { concerns, followCustomer } from '../../collector/ui/customer-feed.ts';
import { followLinks } from '../../collector/ui/links-feed.ts';
import { pause, startPolling } from '../../collector/ui/poll.ts';
import type { LinkRow } from '../../collector/ui/types.ts';

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

const row = (session_id: string, more: Partial<LinkRow> = {}): LinkRow =>
  ({
    site: 'demo',
    anonymous_id: 'b1',
    session_id,
    segment: 0,
    started_at: 1,
    status: 'anonymous',
    customer_id: null,
    changed_at: 1,
    ...more,
  }) as LinkRow;

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

test('the feed shows a page of links, then each change after its cursor', async () => {
  const asked: string[] = [];
  const changes = [
    { type: 'upsert', link: row('s2', { changed_at: 2 }), old: null },
    { type: 'upsert', link: row('s1', { changed_at: 3, status: 'linked', rule: 'device_before', customer_id: 'C1' }), old: row('s1') },
  ];
  const { api } = await collectorThat((req, res) => {
    const url = new URL(String(req.url), 'http://x');
    asked.push(`${url.pathname} ${url.searchParams.get('since') ?? url.searchParams.get('order')}`);
    if (url.pathname === '/v1/links') res.end(JSON.stringify({ links: [row('s1')], next_cursor: null, changes_cursor: '7' }));
    else res.end(JSON.stringify(url.searchParams.get('since') === '7' ? { changes, next_cursor: '9' } : { changes: [], next_cursor: '9' }));
  });
  const feed = followLinks(api, 'demo', 5, () => false);
  closing.push(feed.stop);
  const heard: number[] = [];
  feed.listen((some) => heard.push(some.length));
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(3));
  expect(asked.slice(0, 4)).toEqual(['/v1/links desc', '/v1/links/changes 7', '/v1/links/changes 9', '/v1/links/changes 9']);
  expect([...feed.table.value.rows.values()].map((one) => [one.session_id, one.status])).toEqual([
    ['s1', 'linked'],
    ['s2', 'anonymous'],
  ]);
  expect(heard).toEqual([2]);
  expect(feed.loaded.value).toBe('all');
});

test('a cursor that the collector no longer knows makes the feed begin anew', async () => {
  let pages = 0;
  const { api } = await collectorThat((req, res) => {
    const url = new URL(String(req.url), 'http://x');
    if (url.pathname === '/v1/links') {
      pages += 1;
      res.end(JSON.stringify({ links: [row(`s${pages}`)], next_cursor: null, changes_cursor: `of page ${pages}` }));
    } else if (url.searchParams.get('since') === 'of page 2') res.end('{"changes":[],"next_cursor":"of page 2"}');
    else res.writeHead(400).end('{"title":"No such cursor"}');
  });
  const feed = followLinks(api, 'demo', 5, () => false);
  closing.push(feed.stop);
  await vi.waitFor(() => expect([...feed.table.value.rows.values()][0]?.session_id).toBe('s2'));
});

test('a journey is read again as soon as a change gives the customer a session', async () => {
  let linked = false;
  const events = () => [{ event_id: 'login' }, ...(linked ? [{ event_id: 'earlier' }] : [])];
  const { api } = await collectorThat((req, res) => {
    const url = new URL(String(req.url), 'http://x');
    if (url.pathname === '/v1/links')
      res.end(JSON.stringify({ links: linked ? [row('s1', { customer_id: 'a/b' })] : [], next_cursor: null, changes_cursor: '1' }));
    else if (url.pathname === '/v1/links/changes') {
      const fresh = linked && url.searchParams.get('since') === '1';
      res.end(
        JSON.stringify({
          changes: fresh ? [{ type: 'upsert', link: row('s1', { customer_id: 'a/b' }), old: row('s1') }] : [],
          next_cursor: linked ? '2' : '1',
        }),
      );
    } else if (url.pathname === '/v1/customers/a%2Fb/timeline') res.end(JSON.stringify({ events: events(), next_before: null }));
    else res.writeHead(404).end('{}');
  });
  const feed = followLinks(api, 'demo', 5, () => false);
  const customer = followCustomer(api, feed, 'demo', 'a/b', 5, () => false);
  closing.push(feed.stop, customer.stop);
  await vi.waitFor(() => expect(customer.events.value.map((event) => event.event_id)).toEqual(['login']));
  linked = true;
  await vi.waitFor(() => expect(customer.links.value.map((link) => link.session_id)).toEqual(['s1']));
  expect(customer.events.value.map((event) => event.event_id)).toEqual(['login', 'earlier']);
});

test('a change concerns those whom it gives a session, takes one from, or renames', () => {
  const link = row('s1', { customer_id: 'C1', person_id: 'P' });
  expect(concerns({ type: 'upsert', link, old: null }, 'demo', 'C1')).toBe(true);
  expect(concerns({ type: 'upsert', link, old: null }, 'demo', 'P')).toBe(true);
  expect(concerns({ type: 'delete', link: null, old: link }, 'demo', 'C1')).toBe(true);
  expect(concerns({ type: 'person', link: null, old: null, customer_id: 'C1', person_id: 'P' }, 'demo', 'C1')).toBe(true);
  expect(concerns({ type: 'upsert', link, old: null }, 'other', 'C1')).toBe(false);
  expect(concerns({ type: 'upsert', link: row('s1'), old: null }, 'demo', 'C1')).toBe(false);
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
  await vi.waitFor(() => expect(reports).toHaveLength(4));
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
  await vi.waitFor(() => expect(reads).toBeGreaterThan(0));
});

/** The stream over real HTTP: what is stored arrives once, in order, soon, and to those who may see it; a reconnect goes on exactly. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiLimit } from '../../collector/http/api-limit.ts';
import { createAudit } from '../../collector/http/audit.ts';
import { createAuth } from '../../collector/http/auth.ts';
import { createApi } from '../../collector/http/endpoint.ts';
import { createFrontier } from '../../collector/http/frontier.ts';
import { streamRoutes } from '../../collector/http/stream.ts';
import { type EventSource, type Message, openStream } from './event-source.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.send('POST', '/v1/sites', { site: 'other' });
});
afterAll(() => server.close());

const open = (query = '', lastEventId?: string, token = server.admin_token): Promise<EventSource> =>
  openStream(`${server.url}/v1/stream${query}`, token, lastEventId);

async function take(source: EventSource, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  while (taken.length < count) {
    const { value, done } = await source.messages.next();
    if (done) break;
    taken.push(value as Message);
  }
  return taken;
}

test('an event and the links that it changed arrive as it is stored, the event first', async () => {
  const source = await open();
  expect(source.response.headers.get('content-type')).toMatch(/^text\/event-stream\b/);
  expect(source.response.headers.get('cache-control')).toContain('no-transform');
  await server.post([wire('page_view', { time: START }), wire('login', { time: START + 1_000, customer_id: 'C1' })]);
  const messages = await take(source, 3);
  source.close();
  expect(messages.map(({ type }) => type)).toEqual(['event', 'event', 'upsert']);
  expect(messages[1]?.data).toMatchObject({ type: 'login', customer_id: 'C1', anonymous_id: 'B1', site: 'demo' });
  expect(messages[2]?.data).toMatchObject({ link: { session_id: 'S1', customer_id: 'C1', status: 'linked' } });
});

test('a consumer cut off ten times while others write sees every event and every change once, in order', { timeout: 60_000 }, async () => {
  const { position: from, event_pk } = await server.store.queries.frontier();
  const place = `${from}.${event_pk}`;
  const sent: string[] = [];
  // The last is written when all cuts are over: they come while the writer writes.
  let cut = (): void => undefined;
  const cutOff = new Promise<void>((resolve) => {
    cut = resolve;
  });
  const writer = (async () => {
    for (let n = 0; n < 300; n += 1) {
      if (n === 299) await cutOff;
      const events = [0, 1, 2].map((i) =>
        wire(i === 2 ? 'login' : 'page_view', {
          event_id: `cut-${n}-${i}`,
          ...{ anonymous_id: `cut${n % 40}`, session_id: `cut${n % 40}-${n}`, time: START + n * 1_000 + i },
          ...(i === 2 && { customer_id: `K${n % 25}` }),
        }),
      );
      sent.push(...events.map(({ event_id }) => event_id));
      expect((await server.post(events)).status).toBe(204);
    }
  })();

  const seen: Message[] = [];
  let last: string | undefined = place;
  let cuts = 0;
  for (; cuts < 10; cuts += 1) {
    const source = await open('', last);
    seen.push(...(await take(source, 37 + cuts * 11)));
    source.close();
    last = seen.at(-1)?.id;
  }
  cut();
  await writer;
  const total = sent.length + (await changesAfter(from)).length;
  const source = await open('', last);
  seen.push(...(await take(source, total - seen.length)));
  source.close();

  const events = seen.filter(({ type }) => type === 'event').map(({ data }) => data.event_id);
  const positions = seen.filter(({ type }) => type !== 'event').map(({ data }) => data.position);
  expect(events).toEqual(sent);
  expect(positions).toEqual((await changesAfter(from)).map(({ position }) => position));
  expect(seen).toHaveLength(total);
});

test('types and site narrow, and the place moves on past what does not fit', async () => {
  const source = await open('?types=person&site=other');
  const before = await server.store.queries.frontier();
  for (const [site, ...customers] of [
    ['demo', 'P1', 'P2'],
    ['other', 'P3', 'P4'],
  ] as const) {
    await server.post(
      customers.map((customer_id) =>
        wire('login', { ...{ anonymous_id: customer_id, session_id: customer_id }, time: START, customer_id }),
      ),
      { site },
    );
    const merge = { type: 'merge', site, customers, into: customers[0], reason: 'one person' };
    expect((await server.send('POST', '/v1/decisions', merge)).status).toBe(201);
  }
  const [message] = await take(source, 1);
  source.close();
  expect(message).toMatchObject({ type: 'person', data: { customer_id: 'P4', person_id: 'P3' } });
  expect(Number(message?.id.split('.')[1])).toBe(before.event_pk + 4);
});

test.each([
  ['its token', async (id: string) => server.send('DELETE', `/v1/tokens/${id}`)],
  ['what its token may read', async (id: string) => server.send('PATCH', `/v1/tokens/${id}`, { scopes: ['write'] })],
  ['the sites of its token', async (id: string) => server.send('PATCH', `/v1/tokens/${id}`, { sites: ['other'] })],
])('a silent stream shows that it lives and ends with %s; its place moves on', async (_what, lose) => {
  const { body } = await server.send<{ token: string; token_id: string }>('POST', '/v1/tokens', { name: 'short', scopes: ['read'] });
  const auth = await createAuth(server.store, server.admin_token);
  const frontier = createFrontier(server.store.queries.frontier);
  const audit = createAudit({ store: server.store, days: 0, log: server.log, now: Date.now });
  const limit = apiLimit({ auth, api_rate: 0, trust_proxy: 0, now: Date.now });
  const api = createApi({ auth, audit, limit, settled: async () => undefined, sites: server.store.sites, now: Date.now });
  const { close } = streamRoutes({ api, store: server.store, auth, frontier, log: server.log, now: Date.now, heartbeat_ms: 50 });
  const listener = express().use(api.router).listen(0);
  const source = await openStream(`http://localhost:${(listener.address() as AddressInfo).port}/v1/stream?types=person`, body.token);
  const end = source.messages.next();
  const first = await server.store.queries.frontier();
  await server.post([wire('page_view', { time: START })]);
  await expect.poll(() => source.last_event_id()).toBe(`${first.position}.${first.event_pk + 1}`);
  expect(source.comments()).toBeGreaterThan(0);
  expect((await lose(body.token_id)).status).toBeLessThan(300);
  await auth.reload();
  expect((await end).done).toBe(true);
  await close();
  await audit.close();
  listener.close();
});

test('a collector that stops ends its streams at once', async () => {
  const stopping = await startServer();
  const source = await openStream(`${stopping.url}/v1/stream`, stopping.admin_token);
  const began = performance.now();
  await stopping.close();
  expect(performance.now() - began).toBeLessThan(5_000);
  expect((await source.messages.next()).done).toBe(true);
});

test('a token sees its sites only', async () => {
  const { body } = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'other', scopes: ['read'], sites: ['other'] });
  const source = await open('', undefined, body.token);
  await server.post([wire('page_view', { time: START + 5_000 })]);
  await server.post([wire('page_view', { time: START + 6_000, event_id: 'others' })], { site: 'other' });
  const [message] = await take(source, 1);
  source.close();
  expect(message?.data).toMatchObject({ event_id: 'others', site: 'other' });
  expect((await open('?site=demo', undefined, body.token)).response.status).toBe(403);
});

test.each([
  ['?types=events', undefined, 400, 'types'],
  ['', 'yesterday', 400, 'Last-Event-ID'],
  ['?last_event_id=1', undefined, 400, 'Last-Event-ID'],
  ['?site=none', undefined, 404, 'site'],
])('%s %s answers %i', async (query, last, status, field) => {
  const source = await open(query, last);
  expect(source.response.status).toBe(status);
  if (field !== undefined) expect(await source.response.json()).toMatchObject({ status, field });
  source.close();
});

async function changesAfter(from: number): Promise<{ position: number }[]> {
  const page = await server.store.queries.changesSince(from, 1_000, null);
  return page.length < 1_000 ? page : [...page, ...(await changesAfter(page.at(-1)?.position ?? 0))];
}

/** `POST /e` over real HTTP: the contract's answers, nothing lost of the good events, everything refused kept and counted. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Batch, DAY, HOUR, MINUTE, type Props } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const stored = async (event_id: string): Promise<object | undefined> => {
  const { body } = await server.send<{ failed: { event_id: string }[] }>('GET', '/v1/failed?limit=1000');
  const { queries } = server.store;
  const [event] = await queries.events({ event_id }, 0, 1);
  return event ?? body.failed.find((row) => row.event_id === event_id);
};
const metric = async (line: string): Promise<number> => {
  const text = await server.metrics();
  return Number(
    text
      .split('\n')
      .find((candidate) => candidate.startsWith(line))
      ?.split(' ')
      .at(-1) ?? 0,
  );
};
const raw = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}/e`, { method: 'POST', body: new Uint8Array(Buffer.from(body)), headers });

test('a good batch is answered 204 and stored; a second time it is a duplicate with the same answer', async () => {
  const event = wire('page_view', { time: START });
  expect((await server.post([event])).status).toBe(204);
  expect((await server.post([event])).status).toBe(204);
  expect(await server.store.queries.events({ event_id: event.event_id }, 0, 10)).toHaveLength(1);
  expect(await metric('footfall_events_total{fate="duplicate"}')).toBe(1);
});

test('a copy that says something else is dropped and counted as a conflict', async () => {
  const event = wire('page_view', { time: START, title: 'first' });
  await server.post([event]);
  expect((await server.post([{ ...event, title: 'second' }])).status).toBe(204);
  expect((await server.store.queries.events({ event_id: event.event_id }, 0, 10))[0]?.payload.title).toBe('first');
  expect(await metric('footfall_events_total{fate="conflicting_duplicate"}')).toBe(1);
});

test('a copy that names another customer, browser or session is a conflict too', async () => {
  const conflicts = () => metric('footfall_events_total{fate="conflicting_duplicate"}');
  const login = wire('login', { time: START, anonymous_id: 'conflicts', session_id: 'D1', customer_id: 'D' });
  await server.post([login]);
  const before = await conflicts();
  await server.post([{ ...login, customer_id: 'E' }]);
  await server.post([{ ...login, anonymous_id: 'other' }]);
  await server.post([{ ...login, session_id: 'D2' }]);
  expect(await conflicts()).toBe(before + 3);
  expect((await server.links('customer_id=E')).length).toBe(0);
});

test('pages of other origins may not read an answer', async () => {
  for (const origin of ['https://evil.example', 'null']) {
    const response = await server.post([wire('page_view', { time: START })], { headers: { origin } });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  }
});

test('in a half-bad batch the good events are stored, the bad ones named, kept and counted', async () => {
  const good = wire('page_view', { time: START });
  const bad = [
    [{ ...wire('page_view', { time: START }), event_id: 'no spaces please' }, 'bad_id'],
    [{ ...wire('page_view', { time: START }), event_id: 'dec_1' }, 'bad_id'],
    [{ ...wire('Page View', { time: START }) }, 'bad_type'],
    [{ ...wire('page_view', { time: START }), time: 'noon' }, 'bad_time'],
    [wire('page_view', { time: START + 3 * DAY }), 'future'],
    [wire('page_view', { time: START, anonymous_id: 'a b' }), 'bad_field'],
    [wire('login', { time: START, customer_id: 'email:x' }), 'bad_field'],
    [wire('page_view', { time: START, props: { text: 'x'.repeat(33_000) } }), 'too_large'],
    [wire('page_view', { time: START, props: JSON.parse(`${'{"a":'.repeat(20)}1${'}'.repeat(20)}`) as Props }), 'too_deep'],
    [17, 'bad_event'],
  ] as const;
  const before = await metric('footfall_events_rejected_total{reason="bad_id"}');
  const response = await server.post([good, ...bad.map(([event]) => event as object)]);
  expect(response.status).toBe(200);
  const answer = (await response.json()) as { accepted: number; rejected: { reason: string; field?: string }[] };
  expect(answer.accepted).toBe(1);
  expect(answer.rejected.map(({ reason }) => reason)).toEqual(bad.map(([, reason]) => reason));
  expect(answer.rejected[5]?.field).toBe('anonymous_id');
  expect(await stored(good.event_id)).toMatchObject({ type: 'page_view' });
  const { body } = await server.send<{ failed: { reason: string; raw: string }[] }>('GET', '/v1/failed?limit=1000');
  expect(body.failed.map(({ reason }) => reason)).toEqual(expect.arrayContaining(bad.map(([, reason]) => reason)));
  expect(await metric('footfall_events_rejected_total{reason="bad_id"}')).toBe(before + 2);
});

test('what is no batch is 400, too much is 413, another method 405', async () => {
  for (const body of ['', 'hello', '[]', '{}', '{"v":1,"events":[]}', '{"v":1,"site":"demo","events":{}}'])
    expect((await raw(body)).status, body).toBe(400);
  expect((await raw('x'.repeat(65_537))).status).toBe(413);
  const many = Array.from({ length: 101 }, (_, n) => wire('page_view', { time: START + n }));
  expect((await server.post(many)).status).toBe(413);
  expect((await fetch(`${server.url}/e`)).status).toBe(405);
});

test('a batch says which version of the format it is; a newer one is taken if it decodes', async () => {
  const batch = (v: unknown): string =>
    JSON.stringify({ v, site: 'demo', sent_at: START, events: [wire('page_view', { time: START, session_id: 'S-version' })] });
  for (const v of [undefined, null, '1', 0, -1, 1.5]) expect((await raw(batch(v))).status, String(v)).toBe(400);
  for (const v of [1, 2, 17]) expect((await raw(batch(v))).status).toBe(204);
});

test('a byte order mark before the batch does no harm', async () => {
  const event = wire('page_view', { time: START });
  const batch = JSON.stringify({ v: 1, site: 'demo', sent_at: START, events: [event] });
  expect((await raw(`\uFEFF${batch}`)).status).toBe(204);
  expect(await stored(event.event_id)).toMatchObject({ type: 'page_view' });
});

test('an unknown site or a foreign origin is 403; a script without an origin is let in', async () => {
  const events = [wire('page_view', { time: START })];
  expect((await server.post(events, { site: 'nobody' })).status).toBe(403);
  expect((await server.post(events, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
  expect((await server.post(events, { headers: { origin: 'null' } })).status).toBe(403);
  const allowed = await server.post(events, { headers: { origin: server.url } });
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe(server.url);
  expect(allowed.headers.get('access-control-allow-credentials')).toBe('true');
});

test('gzip is understood; a bomb and a broken stream are refused at once', async () => {
  const event = wire('page_view', { time: START });
  const batch = JSON.stringify({ v: 1, site: 'demo', sent_at: START, events: [event] });
  expect((await raw(gzipSync(batch), { 'content-encoding': 'gzip' })).status).toBe(204);
  expect((await raw(gzipSync(Buffer.alloc(20_000_000)), { 'content-encoding': 'gzip' })).status).toBe(413);
  expect((await raw('not gzip', { 'content-encoding': 'gzip' })).status).toBe(400);
  expect((await raw(batch, { 'content-encoding': 'br' })).status).toBe(400);
});

test('the visitor’s own cookie is set again for its own host, and only that', async () => {
  const cookieFor = async (headers: Record<string, string>, type = 'page_view') =>
    (await server.post([wire(type, { time: START })], { headers })).headers.get('set-cookie');
  expect(await cookieFor({ origin: server.url, cookie: 'x=1; ff_id=B1' })).toMatch(/^ff_id=B1; Path=\/; Max-Age=\d+; SameSite=Lax$/);
  expect(await cookieFor({ origin: server.url, cookie: 'x=1; ff_id=B1' }, 'reset')).toBeNull();
  // An answer to an earlier request may still bring the cookie back after a refusal: the refusal's own answer removes it.
  const refusal = wire('consent', { time: START, consent: 'denied' });
  const { headers } = await server.post([refusal], { headers: { origin: server.url } });
  expect(headers.get('set-cookie')).toBe('ff_id=; Path=/; Max-Age=0; SameSite=Lax');
  expect(await cookieFor({ origin: server.url })).toBeNull();
  expect(await cookieFor({ origin: server.url, cookie: 'ff_id=<script>' })).toBeNull();
});

test('a clock that is off is corrected for display, and never runs past receipt', async () => {
  const at = async (time: number, sent_at: number): Promise<number | undefined> => {
    const event = wire('page_view', { time });
    await server.post([event], { sent_at });
    return (await server.store.queries.events({ event_id: event.event_id }, 0, 1))[0]?.occurred_at;
  };
  expect(await at(START - MINUTE, START)).toBe(START - MINUTE);
  expect(await at(START - HOUR, START - HOUR + MINUTE)).toBe(START - MINUTE);
  expect(await at(START + DAY - MINUTE, START + DAY)).toBe(START - MINUTE);
  expect(await at(START + 4 * MINUTE, START + 4 * MINUTE)).toBe(START);
});

test('tokens and e-mail addresses in URLs, and ids without consent, never reach the store', async () => {
  const event = wire('page_view', {
    time: START,
    url: 'http://localhost/p?utm_source=x&token=SECRET1&q=jane%40mail.example&ff_scan=a.b#access_token=SECRET2',
    referrer: 'https://user:SECRET3@other.example/?email=jane@mail.example',
  });
  const refused = wire('page_view', { time: START, consent: 'denied' });
  await server.post([refused]);
  expect(await stored(refused.event_id)).toBeUndefined();
  await server.send('PATCH', '/v1/sites/demo', { consent: 'cookieless' });
  await server.post([event, refused]);
  const [row] = await server.store.queries.events({ event_id: event.event_id }, 0, 1);
  expect(JSON.stringify(row)).not.toMatch(/SECRET|mail\.example|ff_scan/);
  expect(row?.payload.url).toBe('http://localhost/p?utm_source=x&token=removed&q=removed#access_token=removed');
  const [bare] = await server.store.queries.events({ event_id: refused.event_id }, 0, 1);
  expect(bare).toMatchObject({ anonymous_id: null, session_id: null });
});

test('a customer on an event that is no claim is dropped and counted; so are ids that name nobody', async () => {
  const before = await metric('footfall_dropped_total{reason="customer_names_nobody"}');
  await server.post([
    wire('page_view', { time: START, session_id: 'S-none', customer_id: 'C9' }),
    ...['0', 'null', ' Undefined ', '[object Object]', '--', '0000'].map((customer_id) =>
      wire('login', { time: START, session_id: 'S-none', customer_id }),
    ),
  ]);
  expect((await server.links('session_id=S-none')).map(({ status }) => status)).toEqual(['anonymous']);
  expect(await metric('footfall_dropped_total{reason="customer_names_nobody"}')).toBe(before + 6);
});

test('a malformed customer costs an event that is no claim only that customer', async () => {
  const before = await metric('footfall_dropped_total{reason="customer_on_no_claim"}');
  const bad: object[] = [
    { customer_id: { id: 1 } },
    { customer_id: 'x'.repeat(257) },
    { customer_id: 'email:x' },
    { email_sha256: 'jane@mail.example' },
    { customer_token: 7 },
  ];
  const views = bad.map((more) => wire('page_view', { time: START, session_id: 'S-malformed', ...more }));
  const answer = await server.post([...views, wire('login', { event_id: 'bad-login', time: START, ...bad[0] })]);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { accepted: 5, rejected: [{ event_id: 'bad-login', reason: 'bad_field', field: 'customer_id' }] },
  ]);
  expect((await server.links('session_id=S-malformed'))[0]).toMatchObject({ status: 'anonymous', events: 5 });
  expect(await metric('footfall_dropped_total{reason="customer_on_no_claim"}')).toBe(before + 5);
});

test('NULs, lone surrogates and prototype keys are stored as harmless text', async () => {
  const event = wire('page_view', { time: START });
  const body = JSON.stringify({ v: 1, site: 'demo', sent_at: START, events: [event] }).replace(
    '"url"',
    '"title":"a\\u0000b\\ud800c","props":{"__proto__":{"polluted":true},"x":"\\udfff"},"url"',
  );
  expect((await raw(body)).status).toBe(204);
  const [row] = await server.store.queries.events({ event_id: event.event_id }, 0, 1);
  expect(row?.payload.title).toBe('a\uFFFDb\uFFFDc');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('one IP may not flood one site: 429 says when to come back', async () => {
  const limited = await startServer({ collect_rate: 1, collect_burst: 3 });
  const statuses: number[] = [];
  for (let n = 0; n < 5; n += 1) statuses.push((await limited.post([wire('page_view', { time: START })])).status);
  expect(statuses).toEqual([204, 204, 204, 429, 429]);
  const refused = await limited.post([wire('page_view', { time: START })]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  limited.clock.now += 2_000;
  expect((await limited.post([wire('page_view', { time: START })])).status).toBe(204);
  await limited.close();
});

const FIXTURES = join(import.meta.dirname, '../fixtures/wire');

test.each(readdirSync(FIXTURES))('the golden batch %s is stored whole', async (file) => {
  const { batch } = JSON.parse(readFileSync(join(FIXTURES, file), 'utf8')) as { batch: Batch };
  const latest = Math.max(...batch.events.map(({ time }) => time));
  const other = await startServer({}, { now: Math.max(START, latest) });
  await other.send('POST', '/v1/sites', { site: batch.site });
  await other.send('PATCH', `/v1/sites/${batch.site}`, { consent: 'cookieless' });
  const response = await fetch(`${other.url}/e`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: JSON.stringify(batch),
  });
  expect(response.status).toBe(204);
  const seen = await other.store.queries.events({}, 0, 1_000);
  expect(seen.map(({ event_id }) => event_id)).toEqual(batch.events.map(({ event_id }) => event_id));
  await other.close();
});

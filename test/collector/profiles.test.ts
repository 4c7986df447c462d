/** A customer's profile on a real collector: one person over two browsers, a phone at the shelf and the till. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Profile } from '../../collector/profile/profile.ts';
import { DAY, HOUR, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

type Answer = Profile & { as_of: number; changes_cursor: string };

const clock = { now: START };
const EMAIL = createHash('sha256').update('jane@example.com').digest('hex');
const tv = { item_id: 'TV-55', item_name: 'TV 55', price: '499.00', quantity: 1 };
const cable = { item_id: 'HDMI-2', price: '9.90', quantity: 2 };
const ago = (ms: number): number => START - ms;
let server: TestServer;

beforeAll(async () => {
  server = await startServer({}, clock);
  // The laptop, ten days ago, from an ad: nobody yet.
  const laptop = (type: string, at: number, more: Partial<WireEvent> = {}) =>
    wire(type, { time: ago(at), anonymous_id: 'laptop', session_id: 'L1', ...more });
  await sent([
    laptop('page_view', 10 * DAY, { url: 'http://localhost/p/tv?gclid=abc', consent: 'granted' }),
    laptop('view_item', 10 * DAY - 1_000, { props: { items: [tv], currency: 'EUR' } }),
    laptop('search', 10 * DAY - 2_000, { props: { search_term: 'hdmi cable' } }),
  ]);
  // The same laptop, a day later: she signs up, and buys.
  await sent([
    laptop('page_view', 9 * DAY, { session_id: 'L2', url: 'http://localhost/?utm_source=news&utm_medium=email' }),
    laptop('sign_up', 9 * DAY - 1_000, { session_id: 'L2', customer_id: 'C1', email_sha256: EMAIL, props: { traits: { tier: 'gold' } } }),
    laptop('add_to_cart', 9 * DAY - 2_000, { session_id: 'L2', props: { items: [tv], currency: 'EUR', value: '499.00' } }),
    laptop('purchase', 9 * DAY - 3_000, {
      ...{ event_id: 'order-991', session_id: 'L2', customer_id: 'C1' },
      props: { transaction_id: '991', value: '499.00', currency: 'EUR', items: [tv] },
    }),
  ]);
  // The shop's backend tells of the same order, of its refund, and the till of another order in another currency.
  await backend([
    {
      event_id: 'hook-991',
      type: 'purchase',
      time: ago(9 * DAY - 4_000),
      customer_id: 'C1',
      props: { transaction_id: '991', value: '499', currency: 'EUR' },
    },
    { event_id: 'back-991', type: 'refund', time: ago(5 * DAY), props: { transaction_id: '991', value: '99.01', currency: 'EUR' } },
    {
      ...{ event_id: 'till-1', type: 'purchase', time: ago(4 * DAY), customer_id: 'LOYAL-7' },
      props: { transaction_id: '991', order_source: 'till', value: '0.10', currency: 'CHF' },
    },
  ]);
  await server.send('POST', '/v1/decisions', { type: 'merge', customers: ['C1', 'LOYAL-7'], into: 'C1', reason: 'her card' });
  // The phone, today: a cart that is left.
  await sent([
    wire('login', { time: ago(2 * HOUR), anonymous_id: 'phone', session_id: 'P1', customer_id: 'C1' }),
    wire('add_to_cart', {
      time: ago(2 * HOUR - 1_000),
      anonymous_id: 'phone',
      session_id: 'P1',
      props: { items: [cable], currency: 'EUR' },
    }),
  ]);
  // Somebody else.
  await sent([
    wire('login', { time: ago(HOUR), anonymous_id: 'other', session_id: 'O1', customer_id: 'C2' }),
    wire('purchase', {
      time: ago(HOUR - 1),
      anonymous_id: 'other',
      session_id: 'O1',
      customer_id: 'C2',
      props: { value: '5.00', currency: 'EUR' },
    }),
  ]);
});
afterAll(() => server.close());

async function sent(events: Partial<WireEvent>[]): Promise<void> {
  expect((await server.post(events)).status).toBe(204);
}

async function backend(events: Partial<WireEvent>[]): Promise<void> {
  const headers = { authorization: `Bearer ${server.admin_token}` };
  expect((await server.post(events, { headers })).status).toBe(204);
}

const profile = (id: string): Promise<Answer> => server.get<Answer>(`/v1/customers/${encodeURIComponent(id)}`);

test('a profile is the person’s: identifiers, browsers, consent, traits', async () => {
  const jane = await profile('C1');
  expect(jane.person_id).toBe('C1');
  expect(jane.identifiers.map(({ customer_id, kind, strength }) => [customer_id.split(':')[0], kind, strength]).sort()).toEqual([
    ['C1', 'customer', 'signed'],
    ['LOYAL-7', 'customer', 'signed'],
    ['email', 'email', 'stated'],
  ]);
  expect(jane.browsers.map(({ anonymous_id, sessions }) => [anonymous_id, sessions])).toEqual([
    ['phone', 1],
    ['laptop', 2],
  ]);
  expect(jane.consent).toBeNull();
  expect(jane.traits).toEqual({ tier: 'gold' });
  expect(jane).toMatchObject({ sessions: 3, first_seen_at: ago(10 * DAY), last_seen_at: ago(2 * HOUR - 1_000) });
});

test('any of the person’s ids gives the same profile', async () => {
  const { customer_id: _c1, as_of: _a1, ...byWeb } = await profile('C1');
  const { customer_id: _c2, as_of: _a2, ...byCard } = await profile('LOYAL-7');
  expect(byCard).toEqual(byWeb);
});

test('an order told twice is one order, its refund a row of its own, and currencies stay apart, to the last digit', async () => {
  const jane = await profile('C1');
  expect(
    jane.orders.map(({ type, source, order_id, event_id, value, currency }) => [type, source, order_id, event_id, value, currency]),
  ).toEqual([
    ['purchase', 'till', '991', 'till-1', '0.10', 'CHF'],
    ['refund', 'shop', '991', 'back-991', '-99.01', 'EUR'],
    ['purchase', 'shop', '991', 'order-991', '499.00', 'EUR'],
  ]);
  expect(jane.revenue).toEqual([
    { currency: 'CHF', orders: 1, gross: '0.10', refunds: 0, returned: '0', net: '0.10' },
    { currency: 'EUR', orders: 1, gross: '499.00', refunds: 1, returned: '-99.01', net: '399.99' },
  ]);
  expect(jane).toMatchObject({ order_count: 2, refund_count: 1, last_order_at: ago(4 * DAY) });
});

test('each order has its first and last touch, over all browsers', async () => {
  const order = (await profile('C1')).orders.find(({ event_id }) => event_id === 'order-991');
  expect(order?.first_touch).toMatchObject({ session_id: 'L1', channel: 'paid_search', click_id: 'gclid:abc' });
  expect(order?.last_touch).toMatchObject({ session_id: 'L2', channel: 'email', source: 'news' });
});

test('last products, searches and the cart: what is in it, and whether it was left', async () => {
  const jane = await profile('C1');
  expect(jane.last_products.map(({ item_id, type }) => [item_id, type])).toEqual([
    ['HDMI-2', 'add_to_cart'],
    ['TV-55', 'purchase'],
  ]);
  expect(jane.last_searches).toEqual([{ search_term: 'hdmi cable', at: ago(10 * DAY - 2_000) }]);
  expect(jane.cart).toEqual({
    filled_at: ago(2 * HOUR - 1_000),
    items: [{ item_id: 'HDMI-2', item_name: null, price: '9.90', quantity: 2 }],
    abandoned: false,
  });
  expect(jane.segments).not.toContain('cart_left');
  clock.now += 3 * HOUR;
  const later = await profile('C1');
  expect(later.cart?.abandoned).toBe(true);
  expect(later.segments).toContain('cart_left');
  clock.now = START;
});

test('scores by quintile over the site’s buyers, and the segments that follow', async () => {
  const [jane, other] = [await profile('C1'), await profile('C2')];
  // Two buyers: NTILE(5) puts the lesser into 1, the better into 2.
  expect(jane.rfm).toMatchObject({ recency: 1, frequency: 2, monetary: 2 });
  expect(other.rfm).toMatchObject({ recency: 2, frequency: 1, monetary: 1 });
  expect(other.segments).toEqual(['new']);
});

test('as_of, changes_cursor, and an ETag that stands while nothing changes', async () => {
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const first = await fetch(`${server.url}/v1/customers/C2`, { headers });
  const etag = first.headers.get('etag') ?? '';
  expect(first.headers.get('cache-control')).toBe('private, no-cache');
  expect(await first.json()).toMatchObject({ as_of: clock.now, changes_cursor: expect.any(String) as string });
  clock.now += MINUTE;
  const again = await fetch(`${server.url}/v1/customers/C2`, { headers: { ...headers, 'if-none-match': etag } });
  expect([again.status, await again.text()]).toEqual([304, '']);
  await sent([wire('page_view', { time: ago(MINUTE), anonymous_id: 'other', session_id: 'O1' })]);
  const changed = await fetch(`${server.url}/v1/customers/C2`, { headers: { ...headers, 'if-none-match': etag } });
  expect(changed.status).toBe(200);
  clock.now = START;
});

test('a customer that nobody named is a 404; a timeline says as_of and changes_cursor too', async () => {
  expect((await server.send('GET', '/v1/customers/nobody')).status).toBe(404);
  expect(await server.get('/v1/customers/C1/timeline?limit=2')).toMatchObject({
    events: [{ type: 'add_to_cart' }, { type: 'login' }],
    next_before: expect.any(String) as string,
    as_of: START,
    changes_cursor: expect.any(String) as string,
  });
});

test.each([
  ['customer_id', 'LOYAL-7'],
  ['email', ' Jane@Example.com '],
  ['email_sha256', EMAIL],
  ['order', '991'],
  ['order_id', '991'],
  ['session', 'L1'],
  ['browser', 'phone'],
])('lookup by %s finds the person', async (by, value) => {
  const { status, body } = await server.send<{ profiles: Profile[] }>('POST', '/v1/customers/lookup', { [by]: value });
  expect(status).toBe(200);
  expect(body.profiles.map(({ person_id }) => person_id)).toEqual(['C1']);
});

test('a lookup of nobody is an empty list; one that names nothing or two things is refused, with the field', async () => {
  expect(await server.send('POST', '/v1/customers/lookup', { order: 'none' })).toMatchObject({ status: 200, body: { profiles: [] } });
  expect(await server.send('POST', '/v1/customers/lookup', { customer_id: 'undefined' })).toMatchObject({ body: { profiles: [] } });
  expect(await server.send('POST', '/v1/customers/lookup', {})).toMatchObject({ status: 400 });
  expect(await server.send('POST', '/v1/customers/lookup', { order: '1', session: '2' })).toMatchObject({ status: 400 });
  expect(await server.send('POST', '/v1/customers/lookup', { order: 5 })).toMatchObject({ status: 400, body: { field: 'order' } });
});

test('events are listed in the order of storing, by any id, type and time, with a cursor', async () => {
  type Page = { events: { event_id: string; type: string; session_id: string | null }[]; next_cursor: string | null };
  const all = await server.get<Page>('/v1/events?limit=1000');
  expect(all.next_cursor).toBeNull();
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page = await server.get<Page>(`/v1/events?limit=3${cursor && `&cursor=${cursor}`}`);
    ids.push(...page.events.map(({ event_id }) => event_id));
    cursor = page.next_cursor;
  }
  expect(ids).toEqual(all.events.map(({ event_id }) => event_id));
  const types = async (query: string): Promise<string[]> => (await server.get<Page>(`/v1/events?${query}`)).events.map(({ type }) => type);
  expect(await types('session_id=L1')).toEqual(['page_view', 'view_item', 'search']);
  expect(await types('anonymous_id=phone')).toEqual(['login', 'add_to_cart']);
  expect(await types('customer_id=LOYAL-7')).toEqual(['purchase']);
  // Her card's purchase as well, which came last of the first lot.
  const hers = await types('person_id=C1');
  expect([...hers].sort()).toEqual([...(await types('customer_id=C1')), 'purchase'].sort());
  expect(hers.slice(-2)).toEqual(['login', 'add_to_cart']);
  // Who became somebody else is no person any more.
  expect(await types('person_id=LOYAL-7')).toEqual([]);
  expect(await types('event_id=order-991')).toEqual(['purchase']);
  expect(await types('type=refund')).toEqual(['refund']);
  expect(await types(`from=${ago(2 * HOUR)}&to=${ago(HOUR)}`)).toEqual(['login', 'add_to_cart']);
  expect(await server.send('GET', '/v1/events?cursor=!')).toMatchObject({ status: 400, body: { field: 'cursor' } });
});

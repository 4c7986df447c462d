/** Customers listed, and reports over a site: how much is linked by day, and where people are lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

const clock = { now: START };
const ago = (ms: number): number => START - ms;
let server: TestServer;

interface Listed {
  customers: { customer_id: string; person_id: string; orders: number; revenue: string; segments: string[]; sessions: number }[];
  next_cursor: string | null;
}

/** A visit that logs in as `as`, and does these things. */
function visit(as: string | null, browser: string, at: number, url: string, ...types: string[]): Partial<WireEvent>[] {
  const place = { anonymous_id: browser, session_id: `${browser}-${at}` };
  const props = { items: [{ item_id: 'TV-55', price: '100.00', quantity: 1 }], value: '100.00', currency: 'EUR' };
  return [
    wire('page_view', { ...place, time: at, url }),
    ...types.map((type, index) => wire(type, { ...place, time: at + MINUTE * (index + 1), url, props })),
    ...(as === null ? [] : [wire('login', { ...place, time: at + HOUR / 2, url, customer_id: as })]),
  ];
}

beforeAll(async () => {
  server = await startServer({}, clock);
  await server.send('PATCH', '/v1/sites/demo', { timezone: 'America/New_York' });
  const AD = 'http://localhost/?gclid=x';
  const HOME = 'http://localhost/';
  const events = [
    // Jane comes by an ad on the phone, and buys on the laptop: one person, two browsers.
    ...visit('jane', 'phone', ago(3 * DAY), AD, 'view_item'),
    ...visit('jane', 'laptop', ago(2 * DAY), HOME, 'view_item', 'add_to_cart', 'purchase'),
    ...visit('bob', 'bobs', ago(2 * DAY), AD, 'view_item', 'add_to_cart'),
    ...visit(null, 'stranger', ago(DAY), AD),
    ...[1, 2, 3, 4].flatMap((n) => visit(`buyer-${n}`, `b${n}`, ago(n * 3 * HOUR), HOME, 'purchase')),
    ...visit('buyer-4', 'b4', ago(HOUR), HOME, 'purchase'),
    // 01:00 in London is the evening before in New York.
    ...visit(null, 'night', Date.UTC(2026, 10, 18, 1), HOME),
  ];
  for (let at = 0; at < events.length; at += 50) expect((await server.post(events.slice(at, at + 50))).status).toBe(204);
});
afterAll(() => server.close());

test('customers are listed by id with a cursor, each with sessions, orders and revenue of the person', async () => {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Listed = await server.get<Listed>(`/v1/customers?limit=2${cursor && `&cursor=${cursor}`}`);
    ids.push(...page.customers.map(({ customer_id }) => customer_id));
    cursor = page.next_cursor;
  }
  expect(ids).toEqual(['bob', 'buyer-1', 'buyer-2', 'buyer-3', 'buyer-4', 'jane']);
  const { customers } = await server.get<Listed>('/v1/customers?search=buyer-4');
  expect(customers).toMatchObject([{ customer_id: 'buyer-4', orders: 2, revenue: '200.00', sessions: 2 }]);
});

test('or by their newest session, each once', async () => {
  const first = await server.get<Listed>('/v1/customers?order=recent&limit=3');
  expect(first.customers.map(({ customer_id }) => customer_id)).toEqual(['buyer-4', 'buyer-3', 'buyer-2']);
  const rest = await server.get<Listed>(`/v1/customers?order=recent&cursor=${first.next_cursor}`);
  expect(rest.customers.map(({ customer_id }) => customer_id)).toEqual(['buyer-1', 'bob', 'jane']);
  expect(rest.next_cursor).toBeNull();
});

test('a segment lists the persons whose profiles say so', async () => {
  for (const segment of ['big_spender', 'loyal', 'at_risk', 'new', 'cart_left']) {
    const { customers } = await server.get<Listed>(`/v1/customers?segment=${segment}`);
    for (const { customer_id, segments } of customers) {
      expect(segments).toContain(segment);
      expect((await server.get<{ segments: string[] }>(`/v1/customers/${customer_id}`)).segments).toEqual(segments);
    }
    const expected = {
      big_spender: ['buyer-4'],
      loyal: ['buyer-4'],
      at_risk: [],
      new: ['buyer-1', 'buyer-2', 'buyer-3', 'jane'],
      cart_left: ['bob'],
    };
    expect(customers.map(({ customer_id }) => customer_id)).toEqual(expected[segment as keyof typeof expected]);
  }
});

test('links by day stand on the site’s own clock, and add up', async () => {
  const { days, timezone } = await server.get<{ timezone: string; days: Record<string, unknown>[] }>('/v1/reports/links');
  expect(timezone).toBe('America/New_York');
  expect(days.map(({ day }) => day)).toEqual(['2026-11-17', '2026-11-18', '2026-11-19', '2026-11-20']);
  expect(days[0]).toMatchObject({ sessions: 2, linked: 1, anonymous: 1, linked_share: 0.5 });
  expect(days[1]).toMatchObject({ sessions: 2, linked: 2, linked_share: 1, by_rule: { session: 2, device_before: 0 } });
});

test('the funnel counts Jane once, and as two where browsers are counted', async () => {
  type Funnel = { rows: { entry: string; entered: number; viewed: number; carted: number; purchased: number }[] };
  const rowOf = async (by: string, entry: string): Promise<unknown> =>
    (await server.get<Funnel>(`/v1/reports/funnel?by=${by}`)).rows.find((row) => row.entry === entry);
  expect(await rowOf('person', 'ad')).toEqual({ entry: 'ad', entered: 3, viewed: 2, carted: 2, purchased: 1 });
  expect(await rowOf('browser', 'ad')).toEqual({ entry: 'ad', entered: 3, viewed: 2, carted: 1, purchased: 0 });
  expect(await rowOf('person', 'all')).toEqual({ entry: 'all', entered: 8, viewed: 6, carted: 6, purchased: 5 });
  expect(await rowOf('browser', 'all')).toEqual({ entry: 'all', entered: 9, viewed: 7, carted: 6, purchased: 5 });
});

test('an order at the till is the end of a person’s way, not of a browser’s', async () => {
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const till = { event_id: 'till', type: 'purchase', time: ago(MINUTE), customer_id: 'bob', props: { value: '1', currency: 'EUR' } };
  expect((await server.post([till], { headers })).status).toBe(204);
  clock.now += MINUTE;
  type Funnel = { rows: { entry: string; purchased: number }[] };
  const purchased = async (by: string): Promise<unknown> =>
    (await server.get<Funnel>(`/v1/reports/funnel?by=${by}`)).rows.find(({ entry }) => entry === 'ad')?.purchased;
  expect([await purchased('person'), await purchased('browser')]).toEqual([2, 0]);
  clock.now = START;
});

test('the health report counts what was late, by machines, without a browser and refused', async () => {
  const now = START;
  const seen = { anonymous_id: 'h1', session_id: 'h1-1' };
  await server.send('PATCH', '/v1/sites/demo', { consent: 'cookieless' });
  const before = await health();
  await server.post([
    wire('page_view', { ...seen, time: now - 2 * HOUR }),
    wire('consent', { ...seen, time: now, consent: 'denied' }),
    wire('page_view', { anonymous_id: 'h2', session_id: 'h2-1', time: now, consent: 'denied' }),
    wire('Bad Type', { ...seen, time: now }),
  ]);
  clock.now += 20_000;
  const after = await health();
  expect(after.days.at(-1)).toEqual({
    ...before.days.at(-1),
    ...{ received: (before.days.at(-1)?.received ?? 0) + 3, late: (before.days.at(-1)?.late ?? 0) + 1 },
    ...{ without_browser: (before.days.at(-1)?.without_browser ?? 0) + 1, consents: 1, refusals: 1 },
  });
  expect(after.failed).toEqual([{ reason: 'bad_type', events: 1, last_at: START }]);
});

const health = () =>
  server.get<{ days: Record<string, number | string>[]; failed: object[] }>('/v1/reports/health?days=7') as Promise<{
    days: { received: number; late: number; without_browser: number }[];
    failed: object[];
  }>;

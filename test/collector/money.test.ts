/** Amounts of money as shops really send them: none is lost in silence, and no two orders become one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decimal } from '../../collector/linking/money.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

test('a JSON number is the decimal that is meant', () => {
  expect(decimal(1.1 * 3)).toBe('3.3');
  expect(decimal(0.1 + 0.2)).toBe('0.3');
  expect(decimal(19.99 * 3)).toBe('59.97');
  expect(decimal(-0.1 - 0.2)).toBe('-0.3');
  expect(decimal(100 / 3)).toBe('33.33333333');
  expect(decimal(499)).toBe('499');
  expect(decimal(123456789012.345)).toBe('123456789012.345');
  expect(decimal(1e-9)).toBe('0');
  expect(decimal(-1e-9)).toBe('0');
  expect(decimal(0.000000016)).toBe('0.00000002');
  for (let cents = 0; cents < 100_000; cents += 7) {
    const [written, sum] = [(cents / 100).toFixed(2), cents * 0.01];
    expect(Number(decimal(sum))).toBe(Number(written));
  }
});

test('what is no amount stays none, and strings are taken as they are', () => {
  for (const none of [1e15, 1e21, Number.NaN, Number.POSITIVE_INFINITY, '3.3000000000000003', '1,20', '', null, true, {}])
    expect(decimal(none)).toBeNull();
  expect(decimal(' 3.30 ')).toBe('3.30');
});

interface Stored {
  events: { event_id: string; props: Record<string, unknown> }[];
}

test("the value of a sum of floats is the order's; what is no amount is kept as it came, and counted", async () => {
  const visit = { anonymous_id: 'B1', session_id: 'S1', type: 'purchase', time: server.clock.now - 1_000 };
  const items = (price: unknown): object => ({ items: [{ item_id: 'A', price, quantity: 3 }] });
  const events = [
    { ...visit, event_id: 'sum', props: { transaction_id: 'N1', value: 1.1 * 3, currency: 'EUR', ...items(0.1 + 0.2) } },
    { ...visit, event_id: 'comma', props: { transaction_id: 'N2', value: '3,30', currency: 'EUR', ...items('1,10') } },
  ];
  expect((await server.post(events as unknown as Parameters<TestServer['post']>[0])).status).toBe(204);
  expect(await server.links('session_id=S1')).toMatchObject([{ orders: 2, revenue: '3.3', currency: 'EUR' }]);
  const stored = (await server.get<Stored>('/v1/events?type=purchase')).events;
  const props = Object.fromEntries(stored.map((event) => [event.event_id, event.props]));
  expect(props['sum']).toMatchObject({ value: '3.3', items: [{ price: '0.3' }] });
  expect(props['comma']).toMatchObject({ raw_value: '3,30', items: [{ raw_price: '1,10' }] });
  expect(props['comma']).not.toHaveProperty('value');
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/^footfall_dropped_total\{reason="bad_money"\} 2$/m);
});

test("the shop's order N1 and the till's N1 are two, in the links as in the profile; a repeated one is one", async () => {
  const visit = { anonymous_id: 'B2', session_id: 'S2', type: 'purchase', time: server.clock.now - 1_000, customer_id: 'C2' };
  const shop = { transaction_id: 'N1', value: '10.00', currency: 'EUR' };
  const till = { ...shop, value: '5.00', order_source: 'till' };
  await server.post([
    { ...visit, event_id: 'shop-1', props: shop },
    { ...visit, event_id: 'till-1', props: till },
    { ...visit, event_id: 'till-2', props: till },
  ]);
  expect(await server.links('session_id=S2')).toMatchObject([{ orders: 2, revenue: '15.00', currency: 'EUR' }]);
  const profile = await server.get<object>('/v1/customers/C2?site=demo');
  expect(profile).toMatchObject({ order_count: 2, revenue: [{ currency: 'EUR', orders: 2, net: '15.00' }] });
});

test('a refund that names neither value nor items gives back what is left of its order, once', async () => {
  const at = server.clock.now - 60_000;
  const visit = { anonymous_id: 'B3', session_id: 'S3', customer_id: 'C3' };
  const of = (order: string, props: object = {}): object => ({ props: { transaction_id: order, ...props } });
  const bought = { value: '100.10', currency: 'EUR', items: [{ item_id: 'A', price: '100.10', quantity: 1 }] };
  await server.post([
    { ...visit, event_id: 'buy-1', type: 'purchase', time: at, ...of('W1', bought) },
    { ...visit, event_id: 'buy-2', type: 'purchase', time: at + 1, ...of('W2', bought) },
    { ...visit, event_id: 'buy-3', type: 'purchase', time: at + 2, ...of('W3', bought) },
  ] as Parameters<TestServer['post']>[0]);
  const refunds = [
    { event_id: 'whole-1', time: at + 10, ...of('W1') },
    { event_id: 'part-2', time: at + 11, ...of('W2', { value: '40.05', currency: 'EUR' }) },
    { event_id: 'whole-2', time: at + 12, ...of('W2') },
    { event_id: 'again-2', time: at + 13, ...of('W2') },
    { event_id: 'items-3', time: at + 14, ...of('W3', { items: [{ item_id: 'A', quantity: 1 }] }) },
    { event_id: 'nobody', time: at + 15, ...of('W4') },
  ];
  // Last to come, first to be sent: order makes no difference.
  for (const refund of refunds.reverse())
    await server.post([{ ...visit, type: 'refund', ...refund }] as unknown as Parameters<TestServer['post']>[0]);
  const profile = await server.get<{ orders: { event_id: string; value: string | null }[]; revenue: object[] }>(
    '/v1/customers/C3?site=demo',
  );
  const given = Object.fromEntries(profile.orders.map(({ event_id, value }) => [event_id, value]));
  expect(given).toMatchObject({
    'whole-1': '-100.10',
    'part-2': '-40.05',
    'whole-2': '-60.05',
    'again-2': '0.00',
    'items-3': null,
    nobody: null,
  });
  expect(profile.revenue).toMatchObject([{ currency: 'EUR', gross: '300.30', returned: '-200.20', net: '100.10' }]);
});

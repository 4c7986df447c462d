/** Why links are as they are: for sessions, browsers and customers, with the statements that made or changed them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, type WireEvent } from '../../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../server.ts';

let server: TestServer;
const login = wire('login', { session_id: 'S2', time: START + DAY, customer_id: 'web' });
beforeAll(async () => {
  server = await startServer({}, { now: START + 40 * DAY });
  await server.post([wire('page_view', { session_id: 'S1', time: START }), login]);
});
afterAll(() => server.close());

interface Why {
  why: { segment: number; rule: string | null; status: string; sentence: string; candidates: object[] }[];
  history: { cause: object; from: object | null; to: object | null }[];
  decisions: object[];
  boundaries: object[];
  customers: string[];
  person_id: string;
  browsers: object[];
  possible_hub: boolean;
}
const explain = (path: string): Promise<Why> => server.get<Why>(`/v1/${path}/explain`);

test('a session’s history names the event or decision behind each change', async () => {
  await server.post([wire('login', { session_id: 'S3', time: START + 2 * DAY, customer_id: 'loyalty' })]);
  const { body } = await server.send<{ decision_id: string }>('POST', '/v1/decisions', {
    ...{ type: 'merge', customers: ['web', 'loyalty'], into: 'web', reason: 'one card' },
  });
  const { why, history } = await explain('sessions/S1');
  expect(why[0]).toMatchObject({ rule: 'device_before', status: 'linked' });
  expect(
    history.map(({ cause, from, to }) => [cause, (from as { status?: string } | null)?.status, (to as { status: string }).status]),
  ).toEqual([
    [expect.objectContaining({ type: 'login' }), undefined, 'linked'],
    [expect.objectContaining({ type: 'login' }), 'linked', 'ambiguous'],
    [{ decision_id: body.decision_id, type: 'merge', author: 'admin', reason: 'one card' }, 'ambiguous', 'linked'],
  ]);
});

test('a browser shows its claims, revoked ones too, and what was decided of it', async () => {
  await server.send('POST', '/v1/decisions', { type: 'kiosk', anonymous_id: 'B1', reason: 'on the counter' });
  const { boundaries, decisions, why } = await explain('browsers/B1');
  expect(boundaries).toEqual([
    expect.objectContaining({ event_id: login.event_id, customer_id: 'web', revoked: false }),
    expect.objectContaining({ customer_id: 'loyalty' }),
  ]);
  // Nothing of the store's own keys.
  for (const boundary of boundaries) expect(Object.keys(boundary).filter((name) => name.endsWith('_pk'))).toEqual([]);
  expect(decisions).toEqual([expect.objectContaining({ type: 'kiosk', reason: 'on the counter' })]);
  expect(why.map(({ status }) => status)).toEqual(['kiosk', 'linked', 'linked']);
});

test('a customer shows who it is one person with, why, and on which browsers', async () => {
  const { person_id, customers, browsers, decisions, possible_hub } = await explain('customers/loyalty');
  expect([person_id, customers.sort(), possible_hub]).toEqual(['web', ['loyalty', 'web'], false]);
  expect(browsers).toHaveLength(2);
  expect(decisions).toEqual([expect.objectContaining({ type: 'merge', into: 'web' })]);
  const { status } = await server.send('GET', '/v1/customers/nobody/explain');
  expect(status).toBe(404);
});

test('a customer on more than 20 browsers in 30 days is listed for review, and judged by nobody', async () => {
  const batch = (from: number): WireEvent[] =>
    Array.from({ length: 11 }, (_, n) =>
      wire('login', { anonymous_id: `H${from + n}`, session_id: `H${from + n}`, time: START + 30 * DAY, customer_id: 'staff' }),
    );
  await server.post([...batch(0), ...batch(11)]);
  expect(await server.get('/v1/review/hubs')).toEqual({
    possible_hubs: [{ site: 'demo', customer_id: 'staff', browsers: 22, claims: 22 }],
  });
  expect((await explain('customers/staff')).possible_hub).toBe(true);
  expect((await server.links('customer_id=staff')).length).toBe(22);
});

test('another policy is tried dry: how many links would change, by rule', async () => {
  await server.post([
    wire('page_view', { anonymous_id: 'W', session_id: 'W1', time: START }),
    wire('login', { anonymous_id: 'W', session_id: 'W2', time: START + 20 * DAY, customer_id: 'late' }),
  ]);
  const before = await server.links();
  expect(await server.get('/v1/relink?window_days=14')).toMatchObject({
    changed: 1,
    moves: [{ from: 'device_before', to: 'anonymous', segments: 1 }],
  });
  expect(await server.get('/v1/relink')).toMatchObject({ changed: 0, moves: [] });
  expect(await server.links()).toEqual(before);
});

/** Two people on one laptop, no logout, over real HTTP: neither gets the other's sessions. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, MINUTE } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../collector/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({}, { now: START + 20 * DAY });
});
afterAll(() => server.close());

test('sessions of nobody in particular between two people are ambiguous, with both as candidates', async () => {
  const visit = (session_id: string, day: number, customer_id?: string) => [
    wire('page_view', { session_id, time: START + day * DAY }),
    ...(customer_id ? [wire('login', { session_id, time: START + day * DAY + MINUTE, customer_id })] : []),
    wire('view_item', { session_id, time: START + day * DAY + 2 * MINUTE }),
  ];
  await server.post([...visit('S1', 0), ...visit('S2', 1, 'jane'), ...visit('S3', 2), ...visit('S4', 3, 'bob'), ...visit('S5', 4)]);
  const links = await server.links();
  expect(links.map(({ session_id, status, customer_id, rule }) => [session_id, status, customer_id, rule])).toEqual([
    ['S1', 'ambiguous', null, null],
    ['S2', 'linked', 'jane', 'session'],
    ['S3', 'ambiguous', null, null],
    ['S4', 'linked', 'bob', 'session'],
    ['S5', 'ambiguous', null, null],
  ]);
  expect(links[2]?.candidates.map(({ customer_id, gap_ms }) => [customer_id, gap_ms])).toEqual([
    ['jane', DAY - MINUTE],
    ['bob', DAY - MINUTE],
  ]);
  const explained = await server.get<{ why: { sentence: string; would_change: string[] }[] }>('/v1/sessions/S3/explain');
  expect(explained.why[0]?.sentence).toMatch(/2 people.*jane, bob.*nobody gets it/);
  expect(explained.why[0]?.would_change.join()).toMatch(/merge/);
});

test('in one session, each keeps what came from his own login on', async () => {
  const at = (minute: number) => START + 10 * DAY + minute * MINUTE;
  await server.post([
    wire('page_view', { anonymous_id: 'B2', session_id: 'T', time: at(0) }),
    wire('login', { anonymous_id: 'B2', session_id: 'T', time: at(1), customer_id: 'jane' }),
    wire('purchase', {
      anonymous_id: 'B2',
      session_id: 'T',
      time: at(2),
      customer_id: 'jane',
      props: { value: '10.00', currency: 'EUR', transaction_id: '1' },
    }),
    wire('login', { anonymous_id: 'B2', session_id: 'T', time: at(3), customer_id: 'bob' }),
    wire('page_view', { anonymous_id: 'B2', session_id: 'T', time: at(4) }),
  ]);
  const links = await server.links('session_id=T');
  expect(links.map(({ segment, customer_id, events, revenue }) => [segment, customer_id, events, revenue])).toEqual([
    [0, 'jane', 3, '10.00'],
    [1, 'bob', 2, null],
  ]);
});

/** What an operator's decision costs those who are being collected from meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
const MINUTE = 60_000;
const SESSIONS = 1_800;

beforeAll(async () => {
  server = await startServer();
  // One till's browser: a session every ten minutes, in every sixth a login of the till's own id.
  const events = Array.from({ length: SESSIONS }, (_, n) => {
    const stamp = { anonymous_id: 'till', session_id: `S${n}`, time: server.clock.now - (SESSIONS - n) * 10 * MINUTE };
    return n % 6 === 0
      ? { ...stamp, event_id: `login-${n}`, type: 'login', customer_id: 'BIG' }
      : { ...stamp, event_id: `page-${n}`, type: 'page_view', url: 'https://shop.example/' };
  });
  for (let from = 0; from < SESSIONS; from += 100) expect((await server.post(events.slice(from, from + 100))).ok).toBe(true);
  // The first logins reach all of these sessions: what they change is done when nothing waits any more.
  for (;;) {
    const said = await server.metrics();
    if (/^footfall_journal_ahead_bytes 0$/m.test(said) && /^footfall_relinks_waiting 0$/m.test(said)) break;
    await sleep(50);
  }
});
afterAll(() => server.close());

interface Answer {
  changed: number;
  complete?: boolean;
}

/** Milliseconds in which the answer to an event came, for as long as this took. */
async function longestAckDuring<T>(work: Promise<T>): Promise<{ answer: T; longest: number }> {
  let over = false;
  const answer = work.finally(() => {
    over = true;
  });
  let longest = 0;
  for (let n = 0; !over; n += 1) {
    const started = performance.now();
    await server.post([{ event_id: `during-${started}-${n}`, type: 'page_view', time: server.clock.now }]);
    longest = Math.max(longest, performance.now() - started);
  }
  return { answer: await answer, longest };
}

test('a dry run of a hub with 300 claims among 1,800 sessions holds nobody up, and says that it did not judge them all', async () => {
  const hub = { site: 'demo', type: 'hub', customer_id: 'BIG', reason: 'a till' };
  const { answer, longest } = await longestAckDuring(server.send<Answer>('POST', '/v1/decisions?dry_run=1', hub));
  console.info(`the longest acknowledgement during the dry run took ${longest.toFixed(0)} ms`);
  expect(answer).toMatchObject({ status: 200, body: { complete: false } });
  expect(answer.body.changed).toBeGreaterThanOrEqual(200);
  expect(longest).toBeLessThan(5_000);

  const made = await longestAckDuring(server.send<Answer>('POST', '/v1/decisions', hub));
  console.info(`the longest acknowledgement during the decision took ${made.longest.toFixed(0)} ms`);
  expect(made.answer.body.changed).toBe(SESSIONS);
  expect(made.longest).toBeLessThan(5_000);
  expect(new Set((await server.links('status=linked')).map(({ customer_id }) => customer_id))).toEqual(new Set());
});

test('a small decision is rehearsed whole', async () => {
  const merge = { site: 'demo', type: 'merge', customers: ['BIG', 'C1'], into: 'C1', reason: 'one till' };
  const { body } = await server.send<Answer>('POST', '/v1/decisions?dry_run=1', merge);
  expect(body).toMatchObject({ complete: true, changed: 0 });
});

/** What operators and their programs write is cleaned as the wire's text is: NUL and lone surrogates name the same customer on every way in. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const DIRTY = 'C\0\ud800x';
const CLEAN = 'C\uFFFD\uFFFDx';

test('a merge reaches the customer that a page named with the same broken text, and keeps its reason clean', async () => {
  await server.post([
    wire('login', { time: START, anonymous_id: 'T1', session_id: 'T1', customer_id: DIRTY }),
    wire('login', { time: START, anonymous_id: 'T2', session_id: 'T2', customer_id: 'other' }),
  ]);
  expect((await server.links('session_id=T1'))[0]?.customer_id).toBe(CLEAN);
  const body = { type: 'merge', customers: [DIRTY, 'other'], into: 'other', reason: 'a\0b\udfff' };
  expect((await server.send('POST', '/v1/decisions', body)).status).toBe(201);
  expect((await server.links('person_id=other')).map(({ customer_id }) => customer_id)).toEqual([CLEAN, 'other']);
  const { decisions } = await server.get<{ decisions: object[] }>('/v1/decisions');
  expect(decisions).toEqual([expect.objectContaining({ customers: [CLEAN, 'other'], reason: 'a\uFFFDb\uFFFD' })]);
});

test('in paths and queries a NUL names the cleaned id', async () => {
  await server.post([wire('login', { time: START, anonymous_id: 'N', session_id: 'N', customer_id: 'N\0' })]);
  expect((await server.links('customer_id=N%00')).map(({ session_id }) => session_id)).toEqual(['N']);
  const { status, body } = await server.send<{ events: object[] }>('GET', '/v1/customers/N%00/timeline');
  expect([status, body.events.length]).toEqual([200, 1]);
});

test('a code’s label and its personal customer are cleaned', async () => {
  const made = { target: `${server.url}/demo/`, kind: 'personal', customer_id: DIRTY, label: 'x\0' };
  const { status, body } = await server.send<object>('POST', '/v1/codes', made);
  expect([status, body]).toEqual([201, expect.objectContaining({ customer_id: CLEAN, label: 'x\uFFFD' })]);
});

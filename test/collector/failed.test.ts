/** Refused events are kept as they came, listed, and tried again when the reason is gone. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({}, { now: START });
});
afterAll(() => server.close());

interface Failed {
  event_id: string | null;
  reason: string;
  raw: string;
}

const failed = async (): Promise<Failed[]> => (await server.get<{ failed: Failed[] }>('/v1/failed')).failed;
const retry = async (): Promise<unknown> => (await server.send('POST', '/v1/failed/retry')).body;

test('what is still bad stays; what time has made good is stored with its own time, and leaves the list', async () => {
  const time = START + 3 * DAY;
  await server.post([
    wire('page_view', { event_id: 'early', time, title: 'Tomorrow' }),
    wire('login', { event_id: 'early-login', time: time + 1_000, customer_id: 'C7' }),
    { event_id: 'never', type: 'NOT A TYPE', time: START },
  ]);
  expect((await failed()).map(({ event_id, reason }) => [event_id, reason])).toEqual([
    ['early', 'future'],
    ['early-login', 'future'],
    ['never', 'bad_type'],
  ]);
  expect(await retry()).toEqual({ tried: 3, stored: 0, duplicate: 0, failed: 3 });
  server.clock.now = START + 4 * DAY;
  expect(await retry()).toEqual({ tried: 3, stored: 2, duplicate: 0, failed: 1 });
  expect((await failed()).map(({ event_id }) => event_id)).toEqual(['never']);
  expect(await server.links()).toMatchObject([{ customer_id: 'C7', strength: 'stated', events: 2 }]);
});

test('tried again, an event that came again meanwhile is a duplicate, and leaves the list', async () => {
  const event = wire('page_view', { event_id: 'twice', time: server.clock.now + 3 * DAY, session_id: 'S9' });
  await server.post([event]);
  server.clock.now += 2 * DAY;
  expect((await server.post([event])).status).toBe(204);
  expect(await retry()).toEqual({ tried: 2, stored: 0, duplicate: 1, failed: 1 });
  expect((await failed()).map(({ event_id }) => event_id)).toEqual(['never']);
});

test('what the store itself refused is kept whole, and tried again as it was', async () => {
  const event = {
    ...{ site: 'demo', event_id: 'kept', type: 'page_view', time: START, occurred_at: START, received_at: START, anonymous_id: 'K' },
    ...{ session_id: 'K1', claim: null, barrier: null, kiosk: false, scan_id: null, scan: null, scan_flag: null },
    device: { device_type: 'desktop', browser: 'Firefox', os: 'Linux', bot: false },
    payload: { url: 'http://localhost/' },
  };
  await server.store.write((tx) => tx.saveFailed('demo', [{ event_id: 'kept', reason: 'not_stored', raw: JSON.stringify(event) }], START));
  expect(await retry()).toEqual({ tried: 2, stored: 1, duplicate: 0, failed: 1 });
  expect(await server.links('anonymous_id=K')).toMatchObject([{ session_id: 'K1', events: 1, page_views: 1, device_type: 'desktop' }]);
});

test('a reader sees the refused events of its sites; only an admin tries them', async () => {
  const { body } = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'reader', scopes: ['read', 'write'] });
  await server.send('POST', '/v1/sites', { site: 'two' });
  const two = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'two', scopes: ['read'], sites: ['two'] });
  const seen = async (token: string): Promise<unknown[]> => {
    const answer = await fetch(`${server.url}/v1/failed`, { headers: { authorization: `Bearer ${token}` } });
    return ((await answer.json()) as { failed: unknown[] }).failed;
  };
  expect(await seen(body.token)).toEqual(await failed());
  expect(await seen(two.body.token)).toEqual([]);
  for (const [method, path] of [
    ['POST', '/v1/failed/retry'],
    ['POST', '/v1/backup'],
  ] as const) {
    const answer = await fetch(server.url + path, { method, headers: { authorization: `Bearer ${body.token}` } });
    expect(answer.status, path).toBe(403);
  }
});

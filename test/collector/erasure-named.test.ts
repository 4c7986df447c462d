/** Access and erasure of who is named by no event, and of who has more than a page shows; and of a person who is merged meanwhile. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({}, { now: START });
});
afterAll(() => server.close());

type Line = { record: string } & Record<string, unknown>;
async function subject(id: string): Promise<Line[]> {
  const response = await fetch(`${server.url}/v1/customers/${id}/export?site=demo`, {
    headers: { authorization: `Bearer ${server.admin_token}` },
  });
  expect(response.status).toBe(200);
  return (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}
const records = async (id: string): Promise<string[]> => (await subject(id)).map(({ record }) => record);
const status = async (method: string, path: string): Promise<number> => (await server.send(method, path)).status;
const erase = (id: string) =>
  server.send<{ report: Record<string, number> }>('DELETE', `/v1/customers/${id}?site=demo`).then(({ body }) => body.report);
const personal = (code: string, customer_id: string) =>
  server.send('POST', '/v1/codes', { code, site: 'demo', target: `${server.url}/demo/`, kind: 'personal', customer_id });

test('who has a personal code only is exported, and erased from it', async () => {
  expect((await personal('PC01', 'P1')).status).toBe(201);
  expect(await records('P1')).toEqual(['subject', 'code']);
  expect(await erase('P1')).toMatchObject({ customers: 1, codes: 1, events: 0 });
  expect(await server.get('/v1/codes?customer_id=P1')).toMatchObject({ codes: [] });
  expect([await status('GET', '/v1/customers/P1/export?site=demo'), await status('DELETE', '/v1/customers/P1?site=demo')]).toEqual([
    404, 404,
  ]);
});

test('a code’s history forgets who had it before', async () => {
  expect((await personal('PC02', 'P2')).status).toBe(201);
  expect((await server.send('PATCH', '/v1/codes/PC02', { customer_id: 'P3' })).status).toBe(200);
  expect((await personal('PC03', 'P2')).status).toBe(201);
  await erase('P2');
  const text = JSON.stringify(await server.get('/v1/codes/PC02'));
  expect([text.includes('P2'), text.includes('P3')]).toEqual([false, true]);
});

test('who is named by a merge, by a hub or by a refused event only is exported and erased', async () => {
  for (const said of [
    { type: 'merge', customers: ['M1', 'M2'], into: 'M1', reason: 'one card' },
    { type: 'hub', customer_id: 'H1', reason: 'the till' },
  ])
    expect((await server.send('POST', '/v1/decisions', said)).status).toBe(201);
  await server.post([{ event_id: 'bad', type: 'BAD', time: START, customer_id: 'F1' }]);
  expect(await records('M2')).toEqual(['subject', 'decision']);
  expect(await records('H1')).toEqual(['subject', 'decision']);
  expect(await records('F1')).toEqual(['subject', 'failed_event']);
  expect(await erase('M2')).toMatchObject({ customers: 2, decisions: 1 });
  expect(await erase('H1')).toMatchObject({ decisions: 1 });
  expect(await erase('F1')).toMatchObject({ failed_events: 1 });
  for (const id of ['M1', 'M2', 'H1', 'F1'])
    expect([
      id,
      await status('GET', `/v1/customers/${id}/export?site=demo`),
      await status('DELETE', `/v1/customers/${id}?site=demo`),
    ]).toEqual([id, 404, 404]);
  expect(await server.get('/v1/decisions')).toMatchObject({ decisions: [] });
});

test('the export has every order and browser, and what was decided of those browsers', async () => {
  for (let batch = 0; batch < 6; batch += 1)
    expect(
      (
        await server.post(
          Array.from({ length: 50 }, (_, n) => {
            const id = batch * 50 + n;
            const props = { transaction_id: `O${id}`, value: '10.00', currency: 'EUR' };
            const on = { anonymous_id: `N${id % 60}`, session_id: `N${id}`, time: START - DAY + id * 1_000 };
            return wire('purchase', { ...on, customer_id: 'MANY', props });
          }),
        )
      ).status,
    ).toBe(204);
  const kiosk = { type: 'kiosk', anonymous_id: 'N7', reason: 'on the counter' };
  const { body } = await server.send<{ decision_id: string }>('POST', '/v1/decisions', kiosk);
  await server.send('POST', '/v1/decisions', { type: 'revoke', target: body.decision_id, reason: 'it is not' });
  const lines = await subject('MANY');
  const of = (record: string): Line[] => lines.filter((line) => line.record === record);
  expect(new Set(of('order').map(({ order_id }) => order_id)).size).toBe(300);
  expect(of('order').every(({ last_touch }) => last_touch !== null)).toBe(true);
  expect(new Set(of('browser').map(({ anonymous_id }) => anonymous_id)).size).toBe(60);
  expect(of('browser').every(({ device_type }) => typeof device_type === 'string')).toBe(true);
  expect([of('event').length, of('claim').length, of('link').length]).toEqual([300, 300, 300]);
  expect(of('decision').map(({ type }) => type)).toEqual(['kiosk', 'revoke']);
});

test('a merge that is decided while an erasure is asked for leaves no half of a person', async () => {
  const login = (id: string) => wire('login', { anonymous_id: `R-${id}`, session_id: `R-${id}`, time: START - HOUR, customer_id: id });
  await server.post([login('R1'), login('R2')]);
  const merge = { type: 'merge', customers: ['R1', 'R2'], into: 'R2', reason: 'one card' };
  const [merged, report] = await Promise.all([server.send('POST', '/v1/decisions', merge), erase('R1')]);
  expect(merged.status).toBe(201);
  const left = (await server.links()).filter(({ session_id }) => session_id.startsWith('R-')).map(({ customer_id }) => customer_id);
  const { decisions } = await server.get<{ decisions: { type: string }[] }>('/v1/decisions');
  // Erased alone, and merged with nobody after it; or the whole person, merge and all.
  const alone = decisions.some(({ type }) => type === 'merge');
  expect([report['customers'], left]).toEqual(alone ? [1, ['R2']] : [2, []]);
});

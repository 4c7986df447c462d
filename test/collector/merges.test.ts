/** Who may be one person, on what evidence, and which browsers are public: read only, never decided by themselves. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const login = (customer_id: string, browser: string, time: number, more: object = {}) =>
  wire('login', { time, customer_id, anonymous_id: browser, session_id: `${browser}-${time}`, ...more });

interface Suggestion {
  persons: string[];
  evidence: string[];
  anonymous_ids: string[];
  one_after_other: boolean;
}
let server: TestServer;
const merges = async (): Promise<Suggestion[]> => (await server.get<{ merges: Suggestion[] }>('/v1/reports/merges?site=demo')).merges;

beforeAll(async () => {
  server = await startServer();
  await server.post([
    // One address, two ids, two browsers.
    login('web-1', 'B1', START - 3 * DAY, { email_sha256: sha256('a@mail.example') }),
    login('card-1', 'B2', START - 2 * DAY, { email_sha256: sha256('a@mail.example') }),
    // An address that four give is a till's.
    ...['t1', 't2', 't3', 't4'].map((id, n) => login(id, `T${n}`, START - DAY + n, { email_sha256: sha256('till@shop.example') })),
    // An account that was replaced: the same browsers, first one id, then the other.
    login('old', 'B3', START - 9 * DAY),
    login('old', 'B4', START - 8 * DAY),
    login('new', 'B3', START - 2 * DAY),
    login('new', 'B4', START - DAY),
    // A household: in turns.
    login('ann', 'B5', START - 5 * DAY),
    login('bob', 'B5', START - 4 * DAY),
    login('ann', 'B5', START - 3 * DAY),
    // Two on one browser, but each has one of their own as well.
    login('eve', 'B6', START - 5 * DAY),
    login('dan', 'B6', START - 4 * DAY),
    login('eve', 'B7', START - 3 * DAY),
    // Three on one browser: nobody knows.
    ...['k1', 'k2', 'k3'].map((id, n) => login(id, 'K', START - 2 * DAY + n * HOUR)),
    // Long ago.
    login('was', 'B8', START - 60 * DAY),
    login('is', 'B8', START - 59 * DAY),
  ]);
});
afterAll(() => server?.close());

test('an address, or browsers that nobody else was named on, suggest that two are one', async () => {
  expect(await merges()).toMatchObject([
    { persons: ['web-1', 'card-1'], evidence: ['email'], anonymous_ids: [] },
    { persons: ['old', 'new'], evidence: ['browser'], anonymous_ids: ['B3', 'B4'], one_after_other: true },
    { persons: ['ann', 'bob'], evidence: ['browser'], anonymous_ids: ['B5'], one_after_other: false },
  ]);
});

test('nothing is merged by it', async () => {
  expect((await server.get<{ decisions: [] }>('/v1/decisions')).decisions).toEqual([]);
  const persons = (await server.links('anonymous_id=B3')).map(({ person_id }) => person_id);
  expect(new Set(persons)).toEqual(new Set(['old', 'new']));
});

test('what was decided is no longer suggested, and is again once it is taken back; hubs never are', async () => {
  const { body } = await server.send<{ decision_id: string }>('POST', '/v1/decisions', {
    ...{ type: 'merge', site: 'demo', customers: ['old', 'new'], into: 'new', reason: 'one account' },
  });
  expect((await merges()).map(({ persons }) => persons[0])).toEqual(['web-1', 'ann']);
  await server.send('POST', '/v1/decisions', { type: 'revoke', site: 'demo', target: body.decision_id, reason: 'no' });
  expect((await merges()).map(({ persons }) => persons[0])).toEqual(['web-1', 'old', 'ann']);
  const hub = await server.send<{ decision_id: string }>('POST', '/v1/decisions', {
    ...{ type: 'hub', site: 'demo', customer_id: 'web-1', reason: 'the staff' },
  });
  expect((await merges()).map(({ persons }) => persons[0])).toEqual(['old', 'ann']);
  await server.send('POST', '/v1/decisions', { type: 'revoke', site: 'demo', target: hub.body.decision_id, reason: 'no' });
});

test('decisions are listed newest first where that is asked for, page by page', async () => {
  const all = (await server.get<{ decisions: { decision_id: string }[] }>('/v1/decisions')).decisions.map(({ decision_id }) => decision_id);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const query = `/v1/decisions?order=desc&limit=3${cursor && `&cursor=${cursor}`}`;
    const page = await server.get<{ decisions: { decision_id: string }[]; next_cursor: string | null }>(query);
    seen.push(...page.decisions.map(({ decision_id }) => decision_id));
    if (page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  expect(seen).toEqual(all.reverse());
});

test('public browsers are listed with who says so', async () => {
  await server.post([wire('page_view', { time: START, anonymous_id: 'P', session_id: 'P', kiosk: true })]);
  await server.send('POST', '/v1/decisions', { type: 'kiosk', site: 'demo', anonymous_id: 'B5', reason: 'stands in the shop' });
  await server.post([wire('page_view', { time: START - DAY, anonymous_id: 'K', session_id: 'K-later' })]);
  const { kiosks } = await server.get<{ kiosks: { anonymous_id: string; declared: string | null; owners: number }[] }>(
    '/v1/reports/kiosks?site=demo',
  );
  const said = new Map(kiosks.map((kiosk) => [kiosk.anonymous_id, kiosk]));
  expect([...said.keys()].sort()).toEqual(['B5', 'K', 'P']);
  expect(said.get('K')).toMatchObject({ declared: null, owners: 3 });
  expect([said.get('P')?.declared, said.get('B5')?.declared]).toEqual(['page', 'decision']);
});

/** Explanations of what is large or not unique: pages, marks where a list is cut, choices that are bounded, and 304s. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR, type WireEvent } from '../../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({}, { now: START });
  await server.send('POST', '/v1/sites', { site: 'second', origins: ['https://second.example'] });
});
afterAll(() => server.close());

type Answer = {
  links: { session_id: string; evidence_event_id: string }[];
  why: { evidence: { event_id: string; session_id: string } | null }[];
  boundaries: object[];
  truncated: string[];
  next_cursor: string | null;
  choices: object[];
  more_choices: boolean;
  as_of: number;
  changes_cursor: string;
  site: string;
};
const ask = (path: string) => server.send<Answer>('GET', `/v1/${path}`);

async function postAll(events: WireEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += 50) expect((await server.post(events.slice(at, at + 50))).status).toBe(204);
}

test('a browser with many sessions is explained page by page, each link with its evidence, and cut lists are named', async () => {
  const count = 1_050;
  await postAll(
    Array.from({ length: count }, (_, n) =>
      wire('login', { anonymous_id: 'BIG', session_id: `G${n}`, time: START - DAY + n * 1_000, customer_id: 'big' }),
    ),
  );
  for (const path of ['browsers/BIG/explain', 'customers/big/explain']) {
    const seen = new Set<string>();
    const pages: number[] = [];
    for (let cursor = ''; ; ) {
      const { status, body } = await ask(`${path}?limit=400&cursor=${cursor}`);
      expect(status).toBe(200);
      expect(body.why).toHaveLength(body.links.length);
      for (const [at, { session_id, evidence_event_id }] of body.links.entries()) {
        seen.add(session_id);
        expect(body.why[at]?.evidence).toMatchObject({ event_id: evidence_event_id, session_id });
      }
      pages.push(body.links.length);
      if (body.next_cursor === null) break;
      cursor = body.next_cursor;
    }
    expect([pages, seen.size]).toEqual([[400, 400, 250], count]);
  }
  const { boundaries, truncated, links } = (await ask('browsers/BIG/explain')).body;
  expect([boundaries.length, truncated, links.length]).toEqual([1_000, ['boundaries'], 100]);
});

test('an id that one site has needs no site; one that several have is a choice', async () => {
  const login = (browser: string, customer_id: string) =>
    wire('login', { anonymous_id: browser, session_id: `S-${browser}`, time: START - HOUR, customer_id });
  const there = { site: 'second', headers: { origin: 'https://second.example' } };
  await server.post([login('ONE', 'only'), login('BOTH', 'both')]);
  await server.post([login('TWO', 'theirs')], there);
  await server.post([{ ...login('BOTH', 'both'), url: 'https://second.example/' }], there);
  expect((await ask('customers/only/explain')).body.site).toBe('demo');
  expect((await ask('customers/theirs/explain')).body.site).toBe('second');
  for (const id of ['ONE', 'TWO']) expect((await ask(`browsers/${id}/explain`)).status).toBe(200);
  for (const path of ['customers/both/explain', 'browsers/BOTH/explain']) {
    const { status, body } = await ask(path);
    expect([status, body.choices, body.more_choices]).toEqual([409, [{ site: 'demo' }, { site: 'second' }], false]);
    expect((await ask(`${path}?site=second`)).status).toBe(200);
  }
  const { body } = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'theirs', scopes: ['read'], sites: ['second'] });
  const as = (path: string) => fetch(`${server.url}/v1/${path}`, { headers: { authorization: `Bearer ${body.token}` } });
  expect([(await as('customers/both/explain')).status, (await as('customers/only/explain')).status]).toEqual([200, 404]);
});

test('a customer is explained on one browser only where that is asked', async () => {
  const login = (anonymous_id: string) =>
    wire('login', { anonymous_id, session_id: `C-${anonymous_id}`, time: START - HOUR, customer_id: 'roams' });
  await server.post([login('C-1'), login('C-2')]);
  const { links } = (await ask('customers/roams/explain?anonymous_id=C-2')).body;
  expect(links.map(({ session_id }) => session_id)).toEqual(['C-C-2']);
  expect((await ask('customers/roams/explain')).body.links).toHaveLength(2);
  // Of a browser it can only be the id itself.
  expect([
    (await ask('browsers/C-1/explain?anonymous_id=C-1')).status,
    (await ask('browsers/C-1/explain?anonymous_id=C-2')).status,
  ]).toEqual([200, 404]);
});

test('choices between sessions of one id are a hundred at most, and say that there are more', async () => {
  await postAll(
    Array.from({ length: 120 }, (_, n) => wire('page_view', { anonymous_id: `X${n}`, session_id: 'shared', time: START - HOUR })),
  );
  for (const path of ['sessions/shared', 'sessions/shared/explain']) {
    const { status, body } = await ask(path);
    expect([status, body.choices.length, body.more_choices]).toEqual([409, 100, true]);
  }
  expect((await ask('sessions/shared/explain?anonymous_id=X119')).status).toBe(200);
});

test('an explanation says its moment and where the feed goes on, and is a 304 until something changes', async () => {
  const login = (n: number, customer_id: string) =>
    wire('login', { anonymous_id: 'T1', session_id: 'T1', time: START - HOUR + n, customer_id });
  await server.post([login(0, 'tagged')]);
  for (const [n, path] of ['sessions/T1/explain', 'browsers/T1/explain', 'customers/tagged/explain'].entries()) {
    const get = (etag: string) =>
      fetch(`${server.url}/v1/${path}`, { headers: { authorization: `Bearer ${server.admin_token}`, 'if-none-match': etag } });
    const first = await get('');
    const { as_of, changes_cursor } = (await first.json()) as Answer;
    expect([first.status, as_of]).toEqual([200, START]);
    expect(await server.get(`/v1/links/changes?since=${changes_cursor}`)).toMatchObject({ changes: [] });
    const etag = first.headers.get('etag') ?? '';
    await server.post([wire('login', { anonymous_id: `U${n}`, session_id: `U${n}`, time: START - HOUR, customer_id: `other${n}` })]);
    expect((await get(etag)).status).toBe(304);
    await server.post([login(n + 1, 'tagged')]);
    expect((await get(etag)).status).toBe(200);
  }
});

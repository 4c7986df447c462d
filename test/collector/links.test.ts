/** The analysts' feed over real HTTP: filters, pages, formats, changes, tokens, and refusals that name the field. */
import { parse } from 'node:querystring';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinkRow } from '../../collector/store/link-row.ts';
import { DAY, MINUTE } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
const browsers = ['A', 'B', 'C', 'D', 'E'];
beforeAll(async () => {
  server = await startServer({}, { now: START + 10 * DAY });
  for (const [n, anonymous_id] of browsers.entries()) {
    await server.post([
      wire('page_view', {
        anonymous_id,
        session_id: `${anonymous_id}1`,
        time: START + n * DAY,
        url: 'http://x.example/=cmd()?utm_source=news&utm_medium=email',
      }),
      wire('login', {
        anonymous_id,
        session_id: `${anonymous_id}2`,
        time: START + n * DAY + 60 * MINUTE,
        customer_id: n < 4 ? `C${n}` : '=HYPERLINK("x")',
      }),
    ]);
  }
});
afterAll(() => server.close());

const authorized = (path: string): Promise<Response> =>
  fetch(server.url + path, { headers: { authorization: `Bearer ${server.admin_token}` } });

test('pages in row order hold everything once, whatever their size', async () => {
  const all = await server.links();
  expect(all).toHaveLength(10);
  for (const limit of [1, 3, 10, 11]) {
    const seen: LinkRow[] = [];
    let cursor = '';
    do {
      const page = await server.get<{ links: LinkRow[]; next_cursor: string | null }>(`/v1/links?limit=${limit}&cursor=${cursor}`);
      seen.push(...page.links);
      cursor = page.next_cursor ?? '';
    } while (cursor);
    expect(seen).toEqual(all);
  }
  expect((await server.get<{ links: LinkRow[] }>('/v1/links?order=desc&limit=1000')).links).toEqual([...all].reverse());
});

test('every filter narrows', async () => {
  const count = async (query: string): Promise<number> => (await server.links(query)).length;
  expect(await count('customer_id=C1')).toBe(2);
  expect(await count('person_id=C1')).toBe(2);
  expect(await count('anonymous_id=A')).toBe(2);
  expect(await count('session_id=A1')).toBe(1);
  expect(await count('rule=device_before')).toBe(5);
  expect(await count('status=anonymous')).toBe(0);
  expect(await count(`from=${START + DAY}&to=${START + 2 * DAY}`)).toBe(2);
  expect(await count(`from=${new Date(START + DAY).toISOString()}&to=${new Date(START + 2 * DAY).toISOString()}`)).toBe(2);
  expect(await count('code=NONE')).toBe(0);
});

test('bots are left out unless asked for', async () => {
  const headers = { origin: server.url, 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' };
  await server.post([wire('page_view', { anonymous_id: 'bot', session_id: 'bot', time: START })], { headers });
  expect(await server.links('session_id=bot')).toEqual([]);
  expect(await server.links('session_id=bot&bots=include')).toMatchObject([{ bot: true, device_type: 'bot' }]);
});

test('CSV and NDJSON hold the whole selection, with a cursor to go on from, and no live formula', async () => {
  const csv = await authorized('/v1/links?format=csv');
  expect(csv.headers.get('footfall-changes-cursor')).toBeTruthy();
  const [header, ...rows] = (await csv.text()).trimEnd().split('\r\n');
  expect(header?.split(',').slice(0, 9)).toEqual([
    'site',
    'session_id',
    'anonymous_id',
    'segment',
    'started_at',
    'ended_at',
    'events',
    'status',
    'customer_id',
  ]);
  expect(rows).toHaveLength(10);
  expect(rows[0]).toContain(new Date(START).toISOString());
  expect(rows.join('\n')).toContain(`"'=HYPERLINK(""x"")"`);
  expect(rows.join('\n')).not.toMatch(/(?:^|[,"])[=+@]/m);
  const lines = (await (await authorized('/v1/links?format=ndjson')).text()).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as LinkRow)).toEqual(await server.links());
});

test('changes go on from an export’s cursor and repeat nothing', async () => {
  const { changes_cursor } = await server.get<{ changes_cursor: string }>('/v1/links?limit=1');
  type Feed = { changes: { type: string; link: LinkRow; old: LinkRow | null; cause_event_id: string }[]; next_cursor: string };
  const follow = (since: string) => server.get<Feed>(`/v1/links/changes?since=${since}`);
  expect(await follow(changes_cursor)).toEqual({ changes: [], next_cursor: changes_cursor });
  const login = wire('login', { anonymous_id: 'Z', session_id: 'Z2', time: START + MINUTE, customer_id: 'C9' });
  await server.post([wire('page_view', { anonymous_id: 'Z', session_id: 'Z1', time: START })]);
  await server.post([login]);
  const feed = await follow(changes_cursor);
  expect(
    feed.changes.map(({ type, link, old, cause_event_id }) => [
      type,
      link.session_id,
      link.status,
      old?.status,
      cause_event_id === login.event_id,
    ]),
  ).toEqual([
    ['upsert', 'Z1', 'anonymous', undefined, false],
    ['upsert', 'Z2', 'linked', undefined, true],
    ['upsert', 'Z1', 'linked', 'anonymous', true],
  ]);
  expect((await follow(feed.next_cursor)).changes).toEqual([]);
});

test('a session id on two browsers is a conflict that names the choices', async () => {
  await server.post(['one', 'two'].map((anonymous_id) => wire('page_view', { anonymous_id, session_id: 'same', time: START })));
  const { status, body } = await server.send<{ choices: object[] }>('GET', '/v1/sessions/same/explain');
  expect([status, body.choices]).toEqual([
    409,
    [
      { site: 'demo', anonymous_id: 'one' },
      { site: 'demo', anonymous_id: 'two' },
    ],
  ]);
  expect((await server.send('GET', '/v1/sessions/same?anonymous_id=two')).status).toBe(200);
  expect((await server.send('GET', '/v1/sessions/none')).status).toBe(404);
});

test('what is asked wrongly is a problem that names the field', async () => {
  for (const query of [
    'limit=0',
    'limit=1001',
    'cursor=!!',
    'status=lost',
    'rule=guess',
    'from=yesterday',
    'format=xls',
    'bots=yes',
    'colour=red',
    'site=a&site=b',
  ]) {
    const response = await authorized(`/v1/links?${query}`);
    expect(response.status, query).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 400, field: Object.keys(parse(query))[0] });
  }
  const beyond = Buffer.from('999999').toString('base64url');
  for (const query of ['since=nonsense', `since=${beyond}`, 'since=LTE', 'limit=0', 'status=linked']) {
    const response = await authorized(`/v1/links/changes?${query}`);
    expect(response.status, query).toBe(400);
    expect(await response.json()).toMatchObject({ status: 400, field: Object.keys(parse(query))[0] });
  }
});

test('a site’s origins are of http or https, and named where they are not', async () => {
  for (const bad of ['ftp://shop.example', 'file://x', 'ws://shop.example', 'https://shop.example/', 'shop.example'])
    expect(await server.send('POST', '/v1/sites', { site: 'origins', origins: ['https://shop.example', bad] }), bad).toMatchObject({
      status: 400,
      body: { field: 'origins.1', title: expect.stringContaining('http or https') },
    });
  const made = await server.send('POST', '/v1/sites', { site: 'origins', origins: ['https://shop.example', 'http://localhost:3000'] });
  expect(made.status).toBe(201);
});

test('a token reaches its sites and scopes, until it is revoked or expires', async () => {
  await server.send('POST', '/v1/sites', { site: 'other', origins: ['https://other.example'] });
  const { body } = await server.send<{ token: string; token_id: string }>('POST', '/v1/tokens', {
    name: 'bi',
    scopes: ['read'],
    sites: ['other'],
    days: 1,
  });
  const as = (path: string, method = 'GET') =>
    fetch(server.url + path, { method, headers: { authorization: `Bearer ${body.token}` } }).then(({ status }) => status);
  expect(await as('/v1/links')).toBe(200);
  expect(await as('/v1/links?site=demo')).toBe(403);
  expect(await as('/v1/codes', 'POST')).toBe(403);
  expect(await as('/v1/tokens')).toBe(403);
  expect((await fetch(`${server.url}/v1/links`)).status).toBe(401);
  server.clock.now += 2 * DAY;
  expect(await as('/v1/links')).toBe(401);
  server.clock.now -= 2 * DAY;
  await server.send('DELETE', `/v1/tokens/${body.token_id}`);
  expect(await as('/v1/links')).toBe(401);
});

test('a backend’s claims are signed; a token without scope write is refused', async () => {
  const headers = { authorization: `Bearer ${server.admin_token}` };
  const order = wire('purchase', { anonymous_id: 'A', time: START + 30 * MINUTE, customer_id: 'C0' });
  const { session_id: _none, ...backend } = order;
  expect((await server.post([backend], { headers })).status).toBe(204);
  expect((await server.links('session_id=A1'))[0]).toMatchObject({ strength: 'signed', evidence_event_id: order.event_id });
  expect((await server.post([backend], { headers: { authorization: 'Bearer sk_wrongwrongwrongwrong' } })).status).toBe(403);
});

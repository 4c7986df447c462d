/** Scans over real HTTP: durable, merged targets, single-use tokens, and nothing counted that nobody looked at. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MINUTE } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1';

/** A scan as a phone makes it; fetch may not set Sec- and Purpose headers, so by hand. */
function scan(
  path: string,
  { method = 'GET', ...headers }: Record<string, string> = {},
): Promise<{ status: number; location: URL | null; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const req = request(server.url + path, { method, headers: { 'user-agent': PHONE, ...headers } }, (res) => {
      res.resume();
      const { location } = res.headers;
      resolve({ status: res.statusCode ?? 0, location: location === undefined ? null : new URL(location), headers: res.headers });
    });
    req.on('error', reject).end();
  });
}
const tokenOf = ({ location }: { location: URL | null }): string => location?.searchParams.get('ff_scan') ?? '';
const scansIn = async (session_id: string): Promise<string[]> =>
  (await server.links(`session_id=${session_id}`)).flatMap(({ scans }) => scans.map(({ code }) => code));
const make = (body: object) => server.send<{ code: string; url: string; field?: string; title?: string }>('POST', '/v1/codes', body);

test('a scan is sent on to the merged target, with a token, and never cached', async () => {
  await make({
    code: 'merge1',
    target: `${server.url}/demo/?a=1&utm_source=own#part`,
    store: { id: 'kiel', name: 'Kiel' },
    campaign: 'xmas',
  });
  const { status, location, headers } = await scan('/Q/Merge1?a=2&b=3&ff_scan=stolen');
  expect(status).toBe(302);
  expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-robots-tag': 'noindex' });
  expect(location?.hash).toBe('#part');
  const { ff_scan, ...query } = Object.fromEntries(location?.searchParams ?? []);
  expect(query).toEqual({ a: '1', utm_source: 'own', b: '3', utm_medium: 'qr', utm_campaign: 'xmas' });
  expect(ff_scan).toMatch(/^[\w-]{31}\.[\w-]{12}$/);
});

test('the first browser to carry the token claims the scan; another one is a shared link', async () => {
  const scan_token = tokenOf(await scan('/q/TV55AA'));
  await server.post([wire('page_view', { time: START - 1_000, anonymous_id: 'P2', session_id: 'late', scan: scan_token })]);
  expect(await scansIn('late')).toEqual(['TV55AA']);
  // An earlier carrier whose events came later takes it over: the set decides, not the order.
  await server.post([wire('page_view', { time: START - 2_000, anonymous_id: 'P1', session_id: 'early', scan: scan_token })]);
  expect(await scansIn('early')).toEqual(['TV55AA']);
  expect(await scansIn('late')).toEqual([]);
});

test('two phones alike that scan one code at once are two browsers', async () => {
  const [one, two] = await Promise.all([scan('/q/TV65AA'), scan('/q/TV65AA')]);
  expect(tokenOf(one)).not.toBe(tokenOf(two));
  await server.post([
    wire('page_view', { time: START, anonymous_id: 'Q1', session_id: 'q1', scan: tokenOf(one) }),
    wire('page_view', { time: START, anonymous_id: 'Q2', session_id: 'q2', scan: tokenOf(two) }),
  ]);
  expect([await scansIn('q1'), await scansIn('q2')]).toEqual([['TV65AA'], ['TV65AA']]);
});

test('an invented or stale token claims nothing', async () => {
  const token = tokenOf(await scan('/q/TV55AA'));
  await server.post([wire('page_view', { time: START, session_id: 'forged', scan: `${token.split('.')[0]}.AAAAAAAAAAAA` })]);
  expect(await scansIn('forged')).toEqual([]);
  server.clock.now = START + 31 * MINUTE;
  await server.post([wire('page_view', { time: START + 31 * MINUTE, session_id: 'stale', scan: token })]);
  server.clock.now = START;
  expect(await scansIn('stale')).toEqual([]);
});

test('HEAD, previews, prefetches and bots are sent on, kept and flagged', async () => {
  await make({ code: 'FLAGS', target: `${server.url}/demo/` });
  const visits: [string, Record<string, string>][] = [
    ['head', { method: 'HEAD' }],
    ['prefetch', { 'sec-purpose': 'prefetch;prerender' }],
    ['preview', { purpose: 'preview' }],
    ['prefetch', { 'x-moz': 'prefetch' }],
    ['bot', { 'user-agent': 'WhatsApp/2.23.20.0' }],
    ['bot', { 'user-agent': 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' }],
    ['bot', { 'user-agent': 'facebookexternalhit/1.1 Facebot Twitterbot/1.0' }],
  ];
  const answers = await Promise.all(visits.map(([, headers]) => scan('/q/FLAGS', headers)));
  expect(answers.map(({ status }) => status)).toEqual(visits.map(() => 302));
  await scan('/q/FLAGS');
  const scans = (await server.store.queries.events({ type: 'scan' }, 0, 1_000)).filter((event) => event.scan?.code === 'FLAGS');
  expect(scans.map((event) => event.scan?.flag).sort()).toEqual([...visits.map(([flag]) => flag), null].sort());
  const counts = async () => (await server.get<{ rows: object[] }>('/v1/scans/report?by=code&code=FLAGS')).rows;
  expect(await counts()).toEqual([expect.objectContaining({ scans: 1, unclaimed: 1, browsers: 0, shared: 0, people: 0 })]);
  // Whoever asks gets a token of his own. Two that come back with theirs are two strangers, and still count for nothing.
  expect(new Set(answers.map(tokenOf)).size).toBe(visits.length);
  await server.post(
    [answers[0], answers[4]].map((answer, n) =>
      wire('login', { time: START, anonymous_id: `M${n}`, session_id: `m${n}`, customer_id: `M${n}`, scan: answer ? tokenOf(answer) : '' }),
    ),
  );
  expect(await counts()).toEqual([expect.objectContaining({ scans: 1, unclaimed: 1, browsers: 0, shared: 0, people: 0 })]);
  expect((await server.links('code=FLAGS')).map(({ anonymous_id, person_id }) => [anonymous_id, person_id])).toEqual([
    ['M0', 'M0'],
    ['M1', 'M1'],
  ]);
});

test('a program that is no browser can claim the scan that it made', async () => {
  const answer = await fetch(`${server.url}/q/TV55AA`, { redirect: 'manual' });
  const token = new URL(answer.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
  await server.post([wire('page_view', { time: START, anonymous_id: 'CURL', session_id: 'curl', scan: token })]);
  expect(await scansIn('curl')).toEqual(['TV55AA']);
});

test('a personal code links its own segment, as carried, and no other', async () => {
  await make({ code: 'LETTER', target: `${server.url}/demo/`, kind: 'personal', customer_id: 'C7' });
  const token = tokenOf(await scan('/q/LETTER'));
  await server.post([
    wire('page_view', { time: START, anonymous_id: 'L', session_id: 'other' }),
    wire('page_view', { time: START + 1, anonymous_id: 'L', session_id: 'letter', scan: token }),
  ]);
  const [letter] = await server.links('session_id=letter');
  expect(letter).toMatchObject({ status: 'linked', rule: 'session', strength: 'carried', customer_id: 'C7', evidence_type: 'scan' });
  expect((await server.links('session_id=other'))[0]).toMatchObject({ status: 'anonymous' });
});

test('a personal code names a customer as a claim does', async () => {
  const target = `${server.url}/demo/`;
  for (const customer_id of ['email:x', 'null', ' '])
    expect((await make({ target, kind: 'personal', customer_id })).status, customer_id).toBe(400);
  const { body } = await server.send<{ customer_id: string }>('POST', '/v1/codes', { target, kind: 'personal', customer_id: ' CP ' });
  expect(body.customer_id).toBe('CP');
});

test('unknown codes are a 404 page, retired ones go to their fallback or say so', async () => {
  expect((await scan('/q/NOPE99')).status).toBe(404);
  expect((await scan('/q/%00')).status).toBe(404);
  await make({ code: 'OLD1', target: `${server.url}/demo/`, active: false, fallback: `${server.url}/demo/?old` });
  await make({ code: 'OLD2', target: `${server.url}/demo/`, valid_until: START - 1 });
  expect((await scan('/q/OLD1')).location?.search).toBe('?old');
  expect((await scan('/q/OLD2')).status).toBe(404);
});

test('no target but https to a public host, or an origin of the site', async () => {
  const bad = [
    ...['javascript:alert(1)', 'data:text/html,x', 'http://shop.com/', 'https://user:pw@shop.com/', 'https://127.0.0.1/', 'https://[::1]/'],
    ...[
      'https://10.0.0.1/',
      'https://localhost/',
      'https://intranet/',
      'https://shop.com/\r\nset-cookie: a=b',
      '//shop.com',
      'https://xn--pple-43d.com/',
      'https://аpple.com/',
    ],
  ];
  for (const target of bad) expect(await make({ target }), target).toMatchObject({ status: 400, body: { field: 'target' } });
  const { status, body } = await make({ target: 'https://shop.com/p/1' });
  expect(status).toBe(201);
  expect(body.url).toMatch(/^HTTP:\/\/LOCALHOST:\d+\/Q\/[A-Z2-9]{6}$/);
  expect(await make({ code: body.code, target: 'https://shop.com/' })).toMatchObject({ status: 409, body: { field: 'code' } });
});

/** The GS1 resolver over real HTTP: targets by anchor and prefix, link types, the linkset, and what a scan then knows. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { START, startServer, type TestServer, wire } from './server.ts';

const GTIN = '09521000100015';
const GLN = '9521000000032';
let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.send('POST', '/v1/stores', { id: 'bern', name: 'Bern', gln: GLN });
  const { status, body } = await register({
    targets: [
      { link: `/01/${GTIN}`, target: 'https://shop.com/p/tv?a=1#x' },
      { link: `https://id.shop.com/gtin/9521000100015`, link_type: 'gs1:pip', target: 'https://shop.com/pip', title: 'Product' },
      { link: `/01/${GTIN}`, link_type: 'gs1:pip', lang: 'de', target: 'https://shop.com/pip/de', title: 'Produkt' },
      { link: `/01/${GTIN}/10/BAD1`, target: 'https://shop.com/recall' },
      { prefix: '01/0952100', target: 'https://shop.com/search?q={gtin}&s={serial}' },
      { prefix: '414/', target: 'https://shop.com/store/{gln}' },
    ],
  });
  expect([status, body]).toEqual([201, { saved: 6 }]);
});
afterAll(() => server.close());

const register = (body: object) => server.send<object & { field?: string; title?: string }>('POST', '/v1/gs1/targets', body);

async function follow(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(server.url + path, {
    redirect: 'manual',
    method,
    headers: { 'user-agent': 'Mozilla/5.0 (Android 15)', ...headers },
  });
  const location = response.headers.get('location');
  const url = location === null ? null : new URL(location);
  const token = url?.searchParams.get('ff_scan') ?? null;
  url?.searchParams.delete('ff_scan');
  return {
    status: response.status,
    url,
    to: url && url.origin + url.pathname,
    token,
    headers: response.headers,
    text: await response.text(),
  };
}
const lastScan = async () => (await server.store.queries.events({ type: 'scan' }, 0, 1_000)).at(-1);

test('a product is sent on with 307; its own query stays, the scan’s passes through, a token is added', async () => {
  const { status, url, token, headers } = await follow(`/01/${GTIN}/21/S1?17=261231&utm_term=x&ff_scan=stolen`);
  expect(status).toBe(307);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(url?.hash).toBe('#x');
  expect(Object.fromEntries(url?.searchParams ?? [])).toEqual({
    ...{ a: '1', '17': '261231', utm_term: 'x', utm_source: 'gs1', utm_medium: 'qr', utm_campaign: GTIN },
  });
  expect(token).toMatch(/^[\w-]{31}\.[\w-]{12}$/);
});

test('the most specific anchor decides, then shorter ones, then the longest prefix', async () => {
  expect((await follow(`/01/${GTIN}/10/BAD1`)).to).toBe('https://shop.com/recall');
  expect((await follow(`/01/${GTIN}/10/BAD1/21/S9`)).to).toBe('https://shop.com/recall');
  expect((await follow(`/01/${GTIN}/10/GOOD`)).to).toBe('https://shop.com/p/tv');
  expect((await follow('/gtin/9521000100015')).to).toBe('https://shop.com/p/tv');
  const other = await follow('/01/9521000100022/21/A%2FB');
  expect([other.to, other.url?.searchParams.get('q'), other.url?.searchParams.get('s')]).toEqual([
    'https://shop.com/search',
    '09521000100022',
    'A/B',
  ]);
  expect((await follow(`/414/${GLN}/254/shelf4`)).to).toBe(`https://shop.com/store/${GLN}`);
});

test('a link type and a language choose among the links; an unknown type gets the default', async () => {
  expect((await follow(`/01/${GTIN}?linkType=gs1:pip`)).to).toBe('https://shop.com/pip');
  expect((await follow(`/01/${GTIN}?linkType=gs1:pip`, { 'accept-language': 'de-CH,en;q=0.5' })).to).toBe('https://shop.com/pip/de');
  expect((await follow(`/01/${GTIN}?linkType=https://ref.gs1.org/voc/pip`, { 'accept-language': 'fr' })).to).toBe('https://shop.com/pip');
  expect((await follow(`/01/${GTIN}?linkType=gs1:recipeInfo`)).to).toBe('https://shop.com/p/tv');
  expect((await follow(`/01/${GTIN}?linkType=gs1:pip`)).url?.searchParams.has('linkType')).toBe(false);
});

test('the linkset names every link, and is no scan', async () => {
  const before = (await lastScan())?.event_pk;
  for (const [path, accept] of [
    [`/01/${GTIN}?linkType=linkset`, '*/*'],
    [`/gtin/${GTIN}`, 'application/linkset+json'],
  ]) {
    const { status, headers, text } = await follow(path ?? '', { accept: accept ?? '' });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/linkset+json']);
    expect(JSON.parse(text)).toEqual({
      linkset: [
        {
          anchor: `${server.url}/01/${GTIN}`,
          'https://ref.gs1.org/voc/defaultLink': [{ href: 'https://shop.com/p/tv?a=1#x' }],
          'https://ref.gs1.org/voc/pip': [
            { href: 'https://shop.com/pip', title: 'Product' },
            { href: 'https://shop.com/pip/de', title: 'Produkt', hreflang: ['de'] },
          ],
        },
      ],
    });
  }
  expect((await lastScan())?.event_pk).toBe(before);
});

test('the resolver describes itself', async () => {
  const { status, text } = await follow('/.well-known/gs1resolver');
  expect(status).toBe(200);
  expect(JSON.parse(text)).toMatchObject({ resolverRoot: server.url, supportedPrimaryKeys: expect.arrayContaining(['01', '414', '8013']) });
  expect(JSON.parse(text).supportedPrimaryKeys).toHaveLength(16);
});

test('a scan carries GTIN, lot, serial, GLN and location, the store by its GLN, and stands in the session that brings its token', async () => {
  const { token } = await follow(`/01/9521000100015/10/L7/21/S7?414=${GLN}&loc=shelf4`);
  const scan = await lastScan();
  expect(scan?.payload.props).toEqual({ gtin: GTIN, lot: 'L7', serial: 'S7', gln: GLN, location: 'shelf4' });
  expect(scan?.scan).toMatchObject({ code: `01/${GTIN}`, store_id: 'bern', store: 'Bern', placement: 'shelf4', product: { gtin: GTIN } });
  await server.post([wire('page_view', { time: START, anonymous_id: 'G', session_id: 'gs1', scan: token ?? '' })]);
  expect((await server.links('session_id=gs1'))[0]?.scans).toMatchObject([{ code: `01/${GTIN}`, store_id: 'bern', gtin: GTIN }]);
  await follow(`/414/${GLN}/254/shelf9`);
  expect((await lastScan())?.scan).toMatchObject({ code: `414/${GLN}`, store_id: 'bern', placement: 'shelf9' });
});

test('machines are sent on and flagged', async () => {
  const { status, token } = await follow(`/01/${GTIN}`, {}, 'HEAD');
  expect([status, token]).toEqual([307, expect.stringMatching(/^[\w-]{31}\.[\w-]{12}$/)]);
  expect((await lastScan())?.scan?.flag).toBe('head');
});

test('malformed and unknown paths say why, to people and programs', async () => {
  const malformed: [string, string, string | null][] = [
    ['/01/09521000100016', 'check_digit', '01'],
    ['/01/123', 'too_short', '01'],
    ['/01', 'no_value', '01'],
    [`/01/${GTIN}/21/A/10/B`, 'qualifier_order', '10'],
    [`/01/${GTIN}?17=269999`, 'bad_date', '17'],
    [`/01/%FF`, 'bad_encoding', '01'],
    [`/415/${GLN}`, 'missing_qualifier', '8020'],
  ];
  for (const [path, reason, ai] of malformed) {
    const { status, headers, text } = await follow(path);
    expect([path, status, headers.get('content-type'), JSON.parse(text)]).toEqual([
      path,
      400,
      'application/problem+json',
      expect.objectContaining({ reason, ai, title: expect.stringMatching(/^Not a GS1 Digital Link/) }),
    ]);
  }
  const unknown = await follow('/01/04006381333931');
  expect([unknown.status, JSON.parse(unknown.text).title]).toEqual([404, 'Nothing is registered for (01) 04006381333931']);
  const shown = await follow('/01/%3Cscript%3E', { accept: 'text/html' });
  expect([shown.status, shown.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
  expect(shown.text).not.toContain('<script>');
  expect((await follow('/01/09521000100015', {}, 'POST')).status).toBe(405);
});

test('targets are judged as those of codes are, and can be listed, replaced and removed', async () => {
  const link = '/01/04006381333931';
  for (const target of ['javascript:alert(1)', 'https://10.0.0.1/{gtin}', 'https://{gtin}.shop.com/', 'http://shop.com/'])
    expect(await register({ link, target }), target).toMatchObject({ status: 400, body: { field: 'target' } });
  expect(await register({ link: '/01/04006381333932', target: 'https://shop.com/' })).toMatchObject({
    status: 400,
    body: { reason: 'check_digit' },
  });
  expect(await register({ prefix: '10/AB', target: 'https://shop.com/' })).toMatchObject({ status: 400, body: { field: 'prefix' } });
  expect((await register({ link, prefix: '01/', target: 'https://shop.com/' })).status).toBe(400);
  await register({ link, target: 'https://shop.com/1' });
  expect((await follow(link)).to).toBe('https://shop.com/1');
  await register({ link, target: 'https://shop.com/2' });
  expect((await follow(link)).to).toBe('https://shop.com/2');
  type Page = { targets: { link?: string; prefix?: string; target: string }[]; next_cursor: string | null };
  const all = await server.get<Page>('/v1/gs1/targets');
  expect(all.targets).toHaveLength(7);
  const paged: Page['targets'] = [];
  for (let cursor = ''; ; ) {
    const page: Page = await server.get<Page>(`/v1/gs1/targets?limit=3&cursor=${encodeURIComponent(cursor)}`);
    paged.push(...page.targets);
    if (page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  expect(paged).toEqual(all.targets);
  expect((await server.send('DELETE', '/v1/gs1/targets', { link })).status).toBe(204);
  expect((await server.send('DELETE', '/v1/gs1/targets', { link })).status).toBe(404);
  expect((await follow(link)).status).toBe(404);
});

/** The page's own calls: the stub's notes, settings, and a tag that never throws. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type PageWindow, type Sink, startSink, types, until } from './browser.ts';

let sink: Sink;
let browser: ReturnType<typeof openBrowser>;
beforeEach(async () => {
  sink = await startSink();
  browser = openBrowser(sink);
});
afterEach(async () => {
  browser.close();
  await sink.close();
});
const seen = (count: number) => browser.seen(count);
const stub =
  (...lines: string[]) =>
  (window: PageWindow) =>
    window.eval(
      `window.footfall || (footfall = function () { footfall.q.push([arguments, location.href, Date.now()]) }, footfall.q = []); ${lines.join(';')}`,
    );

test('calls made before load keep their order, their time and their address', async () => {
  browser.clock.now = Date.UTC(2026, 0, 5);
  const before = (window: PageWindow) => {
    stub(`footfall('track', 'early', {n: 1})`, `history.pushState({}, '', '/later')`)(window);
    browser.clock.now = (browser.clock.now as number) + 1_000;
    stub(`footfall('identify', 'C1')`)(window);
    browser.clock.now += 1_000;
  };
  browser.open({ before });
  const events = await seen(3);
  expect(events.map(({ type, time, url }) => [type, time - (browser.clock.now as number), url])).toEqual([
    ['early', -2_000, 'https://www.shop.example/'],
    ['identify', -1_000, 'https://www.shop.example/later'],
    ['page_view', 0, 'https://www.shop.example/later'],
  ]);
});

test('consent that the stub was told holds from the first event on', async () => {
  const page = browser.open({ before: stub(`footfall('track', 'early')`, `footfall('consent', 'pending')`) });
  expect(Object.keys(page.window.localStorage)).toEqual([]);
  page.footfall('consent', 'granted');
  expect(types(await seen(3))).toEqual(['early', 'page_view', 'consent']);
});

test('set props go with every later event of the page', async () => {
  const page = browser.open();
  page.footfall('set', { store: '7' });
  page.footfall('track', 'a_thing', { n: 1 });
  expect((await seen(2))[1]?.props).toEqual({ store: '7', n: 1 });
});

test('page tells a view that the address does not show', async () => {
  const page = browser.open();
  page.footfall('page', { step: 2 });
  const events = await seen(2);
  expect(events[1]).toMatchObject({ type: 'page_view', props: { step: 2 } });
  expect(events[1]?.view_id).not.toBe(events[0]?.view_id);
});

test('ready gives the ids that the events carry, now or once consent is decided', async () => {
  const page = browser.open({ data: { site: 'demo', consent: 'pending' } });
  let ids: unknown;
  page.footfall('ready', (known: unknown) => {
    ids = known;
    throw new Error('the page’s own');
  });
  expect(ids).toBeUndefined();
  page.footfall('consent', 'granted');
  const [event] = await seen(1);
  expect(ids).toEqual({ anonymous_id: event?.anonymous_id, session_id: event?.session_id, tab_id: event?.tab_id });
  page.footfall('consent', 'denied');
  page.footfall('ready', (known: unknown) => (ids = known));
  expect(ids).toEqual({});
});

test('flush sends plain events at once', async () => {
  let asked = 0;
  const before = (window: PageWindow) => {
    const { fetch } = window;
    window.fetch = (...given) => {
      asked += 1;
      return fetch(...given);
    };
  };
  const page = browser.open({ before });
  await seen(1);
  page.footfall('track', 'a_thing');
  const already = asked;
  page.footfall('flush');
  expect(asked).toBe(already + 1);
  await seen(2);
});

test('no call throws, and none stops later events', async () => {
  const page = browser.open();
  const { window } = page;
  const given = [
    undefined,
    null,
    0,
    '',
    'x',
    {},
    [],
    () => 1,
    Symbol('s'),
    10n,
    {
      get x() {
        throw new Error();
      },
    },
  ];
  for (const command of [
    'track',
    'page',
    'identify',
    'set',
    'consent',
    'flush',
    'ready',
    'nonsense',
    '__proto__',
    'constructor',
    undefined,
  ]) {
    for (const value of given) for (const other of given) expect(() => window.footfall(command as string, value, other)).not.toThrow();
  }
  page.footfall('track', 'last');
  await until(() => sink.events().find(({ type }) => type === 'last'));
});

test('nothing is left on window but its one name, which the site may choose', async () => {
  const names = (window: PageWindow) => Object.getOwnPropertyNames(window);
  let before: string[] = [];
  const page = browser.open({ data: { site: 'demo', name: 'shop_tag' }, before: (window) => (before = names(window)) });
  expect(names(page.window).filter((name) => !before.includes(name))).toEqual(['shop_tag']);
});

test('every setting may stand in the script’s address, where the attribute goes first', async () => {
  browser.open({
    data: { 'search-param': 'q' },
    src: 'https://t.shop.example/t.js?site=other&search-param=x&kiosk=',
    url: 'https://www.shop.example/?q=tv&x=no',
  });
  await seen(2);
  expect(sink.requests[0]?.site).toBe('other');
  expect(sink.events()[1]).toMatchObject({ kiosk: true, props: { search_term: 'tv' } });
});

test('a flag that says false is off', async () => {
  browser.open({ data: { site: 'demo', kiosk: 'false' } });
  expect((await seen(1))[0]?.kiosk).toBe(false);
});

test('events go to the script’s own origin, or to the collector that is set', async () => {
  const asked: string[] = [];
  const before = (window: PageWindow) => {
    const { fetch } = window;
    window.fetch = ((address: string, init: RequestInit) => {
      asked.push(address);
      return fetch(address, init);
    }) as typeof fetch;
  };
  browser.open({ before });
  browser.open({ before, data: { site: 'demo', collector: 'https://collect.shop.example' } });
  await seen(2);
  expect(asked).toEqual(['https://t.shop.example/e', 'https://collect.shop.example/e']);
});

test('a request needs no preflight, carries the cookie and outlives the page', async () => {
  let init: RequestInit | undefined;
  browser.open({
    before: (window) => {
      const { fetch } = window;
      window.fetch = ((address: string, given: RequestInit) => {
        init = given;
        return fetch(address, given);
      }) as typeof fetch;
    },
  });
  await seen(1);
  expect(init).toMatchObject({ method: 'POST', credentials: 'include', keepalive: true });
  expect(init).not.toHaveProperty('headers');
  expect(typeof init?.body).toBe('string');
});

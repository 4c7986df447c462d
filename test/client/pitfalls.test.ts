/** Mistakes that other tags are known for, each held once. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type PageWindow, type Sink, sleep, startSink, types, until } from './browser.ts';

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

test('a tab that was away and is back goes on telling, in requests as before', async () => {
  const page = browser.open();
  await seen(1);
  for (let turn = 1; turn <= 3; turn++) {
    page.hide();
    page.window.dispatchEvent(new page.window.Event('pagehide'));
    page.show();
    const before = sink.requests.length;
    page.footfall('track', 'back_again', { turn });
    await until(() => sink.events().some(({ props }) => props?.['turn'] === turn));
    expect(sink.requests.length).toBeGreaterThan(before);
  }
});

test('nothing waits for unload or beforeunload, which would keep the page out of the back/forward cache', async () => {
  const heard: string[] = [];
  const before = (window: PageWindow) => {
    for (const target of [window, window.document] as EventTarget[]) {
      const add = target.addEventListener.bind(target);
      target.addEventListener = (type: string, ...rest: [EventListener]) => {
        heard.push(type);
        add(type, ...rest);
      };
    }
  };
  const { window } = browser.open({ before });
  await seen(1);
  expect(heard).toContain('pagehide');
  expect(heard.filter((type) => /unload/.test(type))).toEqual([]);
  expect([window.onunload, window.onbeforeunload]).toEqual([null, null]);
});

test('the registrable domain is looked for once: no later page tries a cookie that the browser refuses', async () => {
  const tried: string[] = [];
  const before = (window: PageWindow) => {
    const { get, set } = Object.getOwnPropertyDescriptor(window.Document.prototype, 'cookie') as Required<PropertyDescriptor>;
    Object.defineProperty(window.document, 'cookie', {
      get: () => get.call(window.document),
      set(value: string) {
        tried.push(/domain=([^;]*)/.exec(value)?.[1] ?? '');
        set.call(window.document, value);
      },
    });
  };
  const url = 'https://www.shop.co.uk/';
  browser.open({ url, before }).leave();
  await seen(1);
  expect(tried.filter((domain) => domain === 'co.uk')).toHaveLength(1);
  tried.length = 0;
  browser.open({ url, before });
  await seen(2);
  expect(new Set(tried)).toEqual(new Set(['shop.co.uk']));
});

test('wrappers of the history that other scripts put before and after ours see each call once, and so do we', async () => {
  const calls = { inner: 0, outer: 0 };
  const wrap = (window: PageWindow, which: 'inner' | 'outer'): void => {
    const { history } = window;
    const push = history.pushState;
    history.pushState = function (...args) {
      calls[which]++;
      return push.apply(this, args);
    };
  };
  const { window, run } = browser.open({ before: (page) => wrap(page, 'inner') });
  wrap(window, 'outer');
  // A single-page app that inserts the snippet with each route.
  run();
  run();
  window.history.pushState({}, '', '/a');
  await seen(2);
  await sleep(200);
  expect(calls).toEqual({ inner: 1, outer: 1 });
  expect(types(sink.events())).toEqual(['page_view', 'page_view']);
});

test('a collector that cannot be reached is no rejection and no error of the page’s', async () => {
  const errors: unknown[] = [];
  const note = (error: unknown) => errors.push(error);
  process.on('unhandledRejection', note);
  try {
    sink.answer = () => 0;
    const before = (window: PageWindow) => window.addEventListener('error', note);
    const page = browser.open({ before });
    page.footfall('track', 'a_thing');
    page.footfall('identify', 'C1');
    page.footfall('flush');
    await until(() => sink.requests.length >= 2);
    page.window.fetch = () => Promise.reject(new TypeError('Failed to fetch'));
    page.footfall('flush');
    await sleep(300);
    expect(errors).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

/** When a page counts as viewed. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type PageWindow, type Sink, sleep, startSink, types, until } from './browser.ts';

let sink: Sink;
let browser: ReturnType<typeof openBrowser>;
beforeEach(async () => {
  sink = await startSink();
  browser = openBrowser(sink);
  // A page looked at for a second would say so as well.
  browser.clock.now = Date.UTC(2026, 0, 5);
});
afterEach(async () => {
  browser.close();
  await sink.close();
});
const seen = (count: number) => browser.seen(count);
const urls = () =>
  sink
    .events()
    .filter(({ type }) => type === 'page_view')
    .map(({ url }) => url?.replace('https://www.shop.example', ''));

test('a page view has address, referrer and title', async () => {
  browser.open({ url: 'https://www.shop.example/p/tv?size=55#specs', referrer: 'https://search.example/' });
  expect((await seen(1))[0]).toMatchObject({
    type: 'page_view',
    url: 'https://www.shop.example/p/tv?size=55#specs',
    referrer: 'https://search.example/',
    title: 'A page',
  });
});

test('push, replace and back are views, whose referrer is the view before; the same address is none, nor is an anchor', async () => {
  const { window } = browser.open();
  window.history.pushState({}, '', '/a');
  window.history.pushState({}, '', '/a');
  window.history.replaceState({}, '', '/b?x=1');
  window.location.hash = 'reviews';
  window.history.go(-2);
  await until(() => urls().length >= 4);
  window.location.hash = '#/route';
  await until(() => urls().length >= 5);
  await sleep(900);
  expect(urls()).toEqual(['/', '/a', '/b?x=1', '/a', '/a#/route']);
  expect(sink.events()[1]?.referrer).toBe('https://www.shop.example/');
});

test('each view has its id, and what happens on it carries it', async () => {
  const page = browser.open();
  page.footfall('track', 'a_thing');
  page.window.history.pushState({}, '', '/a');
  page.footfall('track', 'a_thing');
  const events = await seen(4);
  expect(events[1]?.view_id).toBe(events[0]?.view_id);
  expect(events[3]?.view_id).toBe(events[2]?.view_id);
  expect(events[2]?.view_id).not.toBe(events[0]?.view_id);
});

test('the Navigation API is heard where there is one, and the history left alone', async () => {
  const before = (window: PageWindow) => Object.assign(window, { navigation: new window.EventTarget() });
  const { window } = browser.open({ before });
  await seen(1);
  expect(Object.keys(window.history)).toEqual([]);
  window.history.pushState({}, '', '/a');
  (window as unknown as { navigation: EventTarget }).navigation.dispatchEvent(new window.Event('currententrychange'));
  await seen(2);
  expect(urls()).toEqual(['/', '/a']);
});

test('a return from the back/forward cache is one more view, and marked', async () => {
  const { window } = browser.open();
  await seen(1);
  window.dispatchEvent(new window.Event('pagehide'));
  window.dispatchEvent(Object.assign(new window.Event('pageshow'), { persisted: true }));
  const events = await seen(2);
  expect(types(events)).toEqual(['page_view', 'page_view']);
  expect(events[1]?.props).toEqual({ bfcache: true });
  expect(events[1]?.view_id).not.toBe(events[0]?.view_id);
});

test('a page opened in the background is viewed when it is seen, and not before', async () => {
  const page = browser.open({ hidden: true });
  await sleep(900);
  expect(sink.events()).toEqual([]);
  page.show();
  page.hide();
  page.show();
  expect(types(await seen(1))).toEqual(['page_view']);
});

test('an order on a page that is never seen is not lost', async () => {
  const page = browser.open({ hidden: true });
  page.footfall('track', 'purchase', {});
  expect(types(await seen(1))).toEqual(['purchase']);
});

test('a prerendered page sends nothing at all until it is activated', async () => {
  const before = (window: PageWindow) => {
    Object.assign(window.document, { prerendering: true });
    window.dataLayer = [{ event: 'purchase', ecommerce: {} }];
  };
  const page = browser.open({ hidden: true, before });
  await sleep(900);
  expect(sink.requests).toEqual([]);
  Object.assign(page.window.document, { prerendering: false });
  page.show();
  expect(types(await seen(2)).sort()).toEqual(['page_view', 'purchase']);
});

test('the tag twice on a page is the tag once', async () => {
  const page = browser.open();
  const { footfall } = page.window;
  page.run();
  expect(page.window.footfall).toBe(footfall);
  page.window.history.pushState({}, '', '/a');
  await seen(2);
  await sleep(100);
  expect(urls()).toEqual(['/', '/a']);
});

test('the site’s search parameters make a search', async () => {
  browser.open({ url: 'https://www.shop.example/s?query=oled+tv&q=', data: { site: 'demo', 'search-param': 'q,query' } });
  expect((await seen(2))[1]).toMatchObject({ type: 'search', props: { search_term: 'oled tv' } });
});

test('engagement: the time that a view was looked at, and how far down, told when it ends', async () => {
  browser.clock.now = Date.UTC(2026, 0, 5);
  const page = browser.open();
  const { window } = page;
  await seen(1);
  Object.defineProperty(window.document.documentElement, 'scrollHeight', { value: 3_000 });
  Object.assign(window, { scrollY: 732 });
  const live = (ms: number) => {
    browser.clock.now = (browser.clock.now as number) + ms;
    window.document.dispatchEvent(new window.Event('scroll'));
  };
  live(10_000);
  live(600_000);
  page.hide();
  live(20_000);
  page.show();
  live(5_000);
  window.history.pushState({}, '', '/b');
  const events = await seen(4);
  const engagement = events.filter(({ type }) => type === 'engagement');
  expect(engagement.map(({ props, url, view_id }) => [props, url, view_id])).toEqual([
    [{ engagement_time_msec: 40_000, percent_scrolled: 50 }, 'https://www.shop.example/', events[0]?.view_id],
    [{ engagement_time_msec: 5_000, percent_scrolled: 50 }, 'https://www.shop.example/', events[0]?.view_id],
  ]);
});

test('engagement begins no session', async () => {
  browser.clock.now = Date.UTC(2026, 0, 5);
  const page = browser.open();
  await seen(1);
  browser.clock.now += 60 * 60_000;
  page.hide();
  const events = await seen(2);
  expect(events[1]).toMatchObject({ type: 'engagement', session_id: events[0]?.session_id });
  page.show();
  page.footfall('logout');
  browser.clock.now += 5_000;
  page.leave();
  await seen(3);
  await sleep(200);
  expect(types(sink.events())).toEqual(['page_view', 'engagement', 'logout']);
});

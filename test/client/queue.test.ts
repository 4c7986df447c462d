/** Nothing is lost and nothing counts twice, whatever the collector, the device or the visitor does. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY } from '../../protocol/event.ts';
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
const waiting = (window: PageWindow) => Object.keys(window.localStorage).filter((key) => key.startsWith('ffe_'));
const sent = () => sink.requests.flatMap(({ events }) => events.map(({ event_id }) => event_id));

test('an event stays on the device, under a key of its own, until it is acknowledged', async () => {
  sink.answer = () => 503;
  const { window, footfall } = browser.open();
  footfall('track', 'a_thing');
  footfall('track', 'a_thing');
  expect(waiting(window)).toHaveLength(3);
  sink.answer = () => 204;
  await seen(3);
  await until(() => waiting(window).length === 0);
});

test('plain events gather for at most 800 ms; page views, claims and orders go at once', async () => {
  const ticks: [run: () => void, ms: number][] = [];
  const before = (window: PageWindow) => Object.assign(window, { setInterval: (run: () => void, ms: number) => ticks.push([run, ms]) });
  const page = browser.open({ before });
  await seen(1);
  page.footfall('track', 'a_thing');
  await sleep(50);
  expect(sink.requests).toHaveLength(1);
  page.footfall('track', 'purchase', {});
  await until(() => sink.requests.length === 2);
  expect(types(sink.requests[1]?.events ?? [])).toEqual(['a_thing', 'purchase']);
  await seen(3);
  page.footfall('track', 'a_thing');
  expect(ticks.map(([, ms]) => ms)).toEqual([800]);
  ticks[0]?.[0]();
  await until(() => sink.requests.length === 3);
});

test('after 503, 429, 408, 500 and no answer it tries again, and each event is stored once', async () => {
  const retried = async (status: number): Promise<void> => {
    const own = await startSink();
    const device = openBrowser(own);
    let refusals = 2;
    own.answer = () => (refusals-- > 0 ? status : 204);
    device.open().footfall('track', 'a_thing');
    await device.seen(2);
    await sleep(100);
    expect(own.requests.map((request) => request.status)).toEqual([status, status, 204]);
    expect(new Set(own.requests.map(({ events }) => events.map(({ event_id }) => event_id).join())).size, `after ${status}`).toBe(1);
    device.close();
    await own.close();
  };
  await Promise.all([503, 429, 408, 500, 0].map(retried));
});

test('Retry-After is waited for', async () => {
  sink.answer = () => (sink.requests.length === 0 ? [503, { 'retry-after': '7' }] : 204);
  const waits: number[] = [];
  const before = (window: PageWindow) => {
    const { setTimeout: set } = window;
    const isRetry = (ms: number): boolean => ms >= 7_000 && ms < 14_000;
    window.setTimeout = ((run: () => void, ms = 0) => {
      if (isRetry(ms)) waits.push(ms);
      // Noted, and tried again at once.
      return set(run, isRetry(ms) ? 0 : ms);
    }) as typeof window.setTimeout;
  };
  browser.open({ before });
  await seen(1);
  expect(waits).toHaveLength(1);
});

test('one request is on its way at a time', async () => {
  const page = browser.open();
  for (let index = 0; index < 5; index++) page.footfall('track', 'purchase', { index });
  await seen(6);
  expect(new Set(sent()).size).toBe(sent().length);
});

test('413 splits the batch; what is too large alone is dropped and counted', async () => {
  sink.answer = ({ events }, body) => (events.length > 1 || body.includes('enormous') ? 413 : 204);
  const page = browser.open();
  page.footfall('track', 'a_thing', { size: 'enormous' });
  page.footfall('track', 'a_thing');
  expect(types(await seen(2))).toEqual(['page_view', 'a_thing']);
  expect(sink.requests.at(-1)?.dropped).toBe(1);
});

test.each([[400], [403], [404]])('%i is final: dropped, counted, reported with the next batch', async (status) => {
  sink.answer = () => status;
  const page = browser.open();
  await until(() => sink.requests.length === 1);
  sink.answer = () => 204;
  page.footfall('track', 'purchase', {});
  await seen(1);
  expect(sink.requests[1]).toMatchObject({ dropped: 1, events: [{ type: 'purchase' }] });
  page.footfall('track', 'purchase', {});
  await seen(2);
  expect(sink.requests[2]?.dropped).toBe(0);
});

test('200 with refusals is final too, and the collector has counted them', async () => {
  sink.answer = () => 200;
  const { window } = browser.open();
  await until(() => sink.requests.length === 1);
  await until(() => waiting(window).length === 0);
  window.footfall('track', 'purchase', {});
  await until(() => sink.requests.length === 2);
  expect(sink.requests[1]).toMatchObject({ dropped: 0, events: [{ type: 'purchase' }] });
});

test('what cannot be sent is dropped and counted, and harms no other event', async () => {
  const page = browser.open();
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  page.footfall('track', 'cyclic', cycle);
  page.footfall('track', 'big_int', { n: 10n });
  page.footfall('track', 'throwing', {
    get n() {
      throw new Error('mine');
    },
  });
  page.footfall('track', 'huge', { text: 'x'.repeat(1_000_000) });
  page.footfall('track', 'fine', { n: 1 });
  expect(types(await seen(2))).toEqual(['page_view', 'fine']);
  expect(sink.requests.reduce((sum, { dropped }) => Math.max(sum, dropped ?? 0), 0)).toBe(4);
});

test('bodies hold at most 32 KB and 100 events', async () => {
  sink.answer = () => 503;
  const page = browser.open();
  for (let index = 0; index < 150; index++) page.footfall('track', 'small', { index });
  for (let index = 0; index < 40; index++) page.footfall('track', 'large', { text: 'ü'.repeat(1_500) });
  const sizes: number[] = [];
  sink.answer = (_, body) => {
    sizes.push(Buffer.byteLength(body));
    return 204;
  };
  await seen(191);
  expect(Math.max(...sizes)).toBeLessThan(33_000);
  expect(Math.max(...sink.requests.map(({ events }) => events.length))).toBeLessThanOrEqual(100);
  expect(
    sink
      .events()
      .filter(({ type }) => type === 'small')
      .map(({ props }) => props?.index),
  ).toEqual(Array.from({ length: 150 }, (_, index) => index));
});

test('the next page adopts what a killed one left, and it counts once', async () => {
  sink.answer = () => 0;
  const page = browser.open();
  page.footfall('track', 'purchase', { transaction_id: '991' });
  await until(() => sink.requests.length);
  page.kill();
  sink.answer = () => 204;
  browser.open();
  const events = await seen(3);
  expect(types(events).sort()).toEqual(['page_view', 'page_view', 'purchase']);
});

test('a queue captured as A stays A’s after B has logged in', async () => {
  sink.answer = () => 0;
  const page = browser.open();
  page.footfall('identify', 'A');
  page.footfall('track', 'purchase', {});
  page.kill();
  sink.answer = () => 204;
  browser.open().footfall('identify', 'B');
  const events = await seen(5);
  const purchase = events.find(({ type }) => type === 'purchase');
  const [a, b] = ['A', 'B'].map((customer) => events.find(({ type, customer_id }) => type === 'identify' && customer_id === customer));
  expect(purchase).toMatchObject({ customer_id: 'A', session_id: a?.session_id });
  expect(b?.session_id).not.toBe(a?.session_id);
});

test('a page that goes away sends what waits, once, though it is told twice', async () => {
  const page = browser.open();
  await seen(1);
  page.footfall('track', 'a_thing');
  page.window.dispatchEvent(new page.window.Event('pagehide'));
  page.hide();
  await seen(2);
  await sleep(100);
  expect(sink.events().filter(({ type }) => type === 'a_thing')).toHaveLength(1);
  expect(new Set(sent()).size).toBe(sent().length);
});

test('a large last batch goes by beacon, and is not taken for acknowledged', async () => {
  const beacons: string[] = [];
  const before = (window: PageWindow) => Object.assign(window.navigator, { sendBeacon: (_: string, body: string) => beacons.push(body) });
  // A page looked at for a second would say so as well.
  browser.clock.now = Date.UTC(2026, 0, 5);
  const page = browser.open({ before });
  await seen(1);
  for (let index = 0; index < 20; index++) page.footfall('track', 'large', { text: 'x'.repeat(1_000) });
  page.hide();
  expect(JSON.parse(beacons[0] as string).events).toHaveLength(20);
  expect(waiting(page.window).length).toBeGreaterThanOrEqual(20);
  page.show();
  await seen(21);
});

test('without sendBeacon the large last batch goes by fetch', async () => {
  const page = browser.open();
  await seen(1);
  for (let index = 0; index < 20; index++) page.footfall('track', 'large', { text: 'x'.repeat(1_000) });
  page.hide();
  await seen(21);
});

test('events expire after 7 days, and that is reported', async () => {
  browser.clock.now = Date.UTC(2026, 0, 1);
  sink.answer = () => 0;
  browser.open().kill();
  browser.clock.now += 7 * DAY + 1_000;
  sink.answer = () => 204;
  const page = browser.open();
  await seen(1);
  page.footfall('track', 'purchase', {});
  const [view, purchase] = await seen(2);
  expect([view?.time, purchase?.type]).toEqual([browser.clock.now, 'purchase']);
  expect(sink.requests.some(({ dropped }) => dropped === 1)).toBe(true);
});

test('the queue is bounded: the oldest plain events go first, never a purchase', async () => {
  sink.answer = () => 503;
  const page = browser.open();
  page.footfall('track', 'purchase', {});
  for (let index = 0; index < 2_400; index++) page.footfall('track', 'small', { index });
  await sleep(300);
  sink.answer = () => 204;
  const events = await until(() => sink.events().some(({ props }) => props?.index === 2_399) && sink.events(), 60_000);
  expect(events.length).toBeLessThan(2_400);
  expect(events.filter(({ type }) => type === 'purchase')).toHaveLength(1);
  const last = events.map(({ props }) => Number(props?.index)).filter((index) => index >= 0);
  expect(last.slice(-100)).toEqual(Array.from({ length: 100 }, (_, index) => 2_300 + index));
}, 90_000);

test('a full device gives up its oldest plain events for new ones, and no vital one', async () => {
  sink.answer = () => 0;
  const page = browser.open({ quota: 6_000 });
  page.footfall('track', 'purchase', { transaction_id: '1' });
  for (let index = 0; index < 30; index++) page.footfall('track', 'plain', { index });
  page.footfall('track', 'purchase', { transaction_id: '2' });
  const left = waiting(page.window).map((key) => JSON.parse(page.window.localStorage[key]));
  expect(left.filter(({ type }) => type === 'purchase')).toHaveLength(2);
  expect(left.length).toBeLessThan(33);
  sink.answer = () => 204;
  // In memory nothing was lost.
  await seen(33);
});

test.each([
  [
    'blocked storage',
    (window: PageWindow) => {
      for (const name of ['localStorage', 'sessionStorage'])
        Object.defineProperty(window, name, {
          get() {
            throw new window.DOMException('denied', 'SecurityError');
          },
        });
    },
  ],
  [
    'blocked cookies',
    (window: PageWindow) => {
      Object.defineProperty(window.document, 'cookie', {
        get() {
          throw new window.DOMException('denied', 'SecurityError');
        },
        set() {
          throw new window.DOMException('denied', 'SecurityError');
        },
      });
    },
  ],
  ['no crypto', (window: PageWindow) => Object.defineProperty(window, 'crypto', { value: undefined })],
  ['a frozen Object.prototype', (window: PageWindow) => window.eval('Object.freeze(Object.prototype)')],
  [
    'a fetch that throws at first',
    (window: PageWindow) => {
      const { fetch } = window;
      window.fetch = (() => {
        window.fetch = fetch;
        throw new Error('not now');
      }) as typeof fetch;
    },
  ],
])('with %s events are sent, with one id for the page', async (_, before) => {
  const page = browser.open({ before });
  page.footfall('track', 'a_thing');
  const events = await seen(2);
  expect(types(events)).toEqual(['page_view', 'a_thing']);
  expect(new Set(events.map(({ anonymous_id, session_id }) => `${anonymous_id} ${session_id}`)).size).toBe(1);
});

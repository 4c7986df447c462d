/** The scan's token: from the landing's address to the first event, and out of sight once it has arrived. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type Sink, sleep, startSink, until } from './browser.ts';

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

test('the first event carries the token, no later one does, and no address shows it', async () => {
  const page = browser.open({
    url: 'https://www.shop.example/p?utm_source=shelf&ff_scan=abc-1.def_2&x=%20y#top',
    referrer: 'https://www.shop.example/?ff_scan=old',
  });
  page.footfall('track', 'a_thing');
  const events = await seen(2);
  expect(events.map(({ scan, url }) => [scan, url])).toEqual([
    ['abc-1.def_2', 'https://www.shop.example/p?utm_source=shelf&x=%20y#top'],
    [undefined, 'https://www.shop.example/p?utm_source=shelf&x=%20y#top'],
  ]);
  expect(events[0]?.referrer).toBe('https://www.shop.example/');
});

test('the address bar is tidied after the acknowledgement, not before, and that is no view', async () => {
  sink.answer = () => 503;
  const { window } = browser.open({ url: 'https://www.shop.example/p?ff_scan=abc.def' });
  window.history.replaceState({ mine: 1 }, '', window.location.href);
  await until(() => sink.requests.length);
  await sleep(100);
  expect(window.location.search).toBe('?ff_scan=abc.def');
  sink.answer = () => 204;
  await until(() => window.location.href === 'https://www.shop.example/p');
  expect(window.history.state).toEqual({ mine: 1 });
  await sleep(900);
  expect(sink.events()).toHaveLength(1);
});

test.each([
  ['?ff_scan=a', ''],
  ['?ff_scan=a&b=1', '?b=1'],
  ['?b=1&ff_scan=a', '?b=1'],
  ['?b=1&ff_scan=a&c=2', '?b=1&c=2'],
  ['?ff_scan=&b', '?b'],
  ['?my_ff_scan=a', '?my_ff_scan=a'],
])('of %s remains %s', async (search, tidy) => {
  browser.open({ url: `https://www.shop.example/${search}` });
  expect((await seen(1))[0]?.url).toBe(`https://www.shop.example/${tidy}`);
});

test('a token that waits for consent comes with the first event that may go', async () => {
  const page = browser.open({ url: 'https://www.shop.example/p?ff_scan=abc.def', data: { site: 'demo', consent: 'pending' } });
  page.footfall('consent', 'granted');
  expect((await seen(2)).map(({ type, scan }) => [type, scan])).toEqual([
    ['page_view', 'abc.def'],
    ['consent', undefined],
  ]);
});

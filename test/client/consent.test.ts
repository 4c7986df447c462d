/** What consent lets the tag keep, send and remember. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type Page, type PageWindow, type Sink, sleep, startSink, types, until } from './browser.ts';

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
/** Everything that the tag left on the device. */
const kept = async ({ window }: Page) => [
  ...(await browser.jar.getCookies(window.location.href)).map(({ key }) => key),
  ...Object.keys(window.localStorage),
  ...Object.keys(window.sessionStorage),
];

test('pending keeps and sends nothing; once granted all goes with its own time', async () => {
  browser.clock.now = Date.UTC(2026, 0, 5);
  const page = browser.open({ data: { site: 'demo', consent: 'pending' } });
  page.footfall('track', 'a_thing');
  page.hide();
  page.show();
  await sleep(200);
  expect(sink.requests).toEqual([]);
  expect(await kept(page)).toEqual([]);
  const captured = browser.clock.now;
  browser.clock.now += 60_000;
  page.footfall('consent', 'granted');
  const events = await seen(3);
  expect(events.map(({ type, consent, time }) => [type, consent, time >= captured + 60_000])).toEqual([
    ['page_view', 'granted', false],
    ['a_thing', 'granted', false],
    ['consent', 'granted', true],
  ]);
  expect(new Set(events.map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
  expect(await kept(page)).toEqual(expect.arrayContaining(['ff_id', 'ff_s']));
});

test('a known browser that is asked again keeps its id', async () => {
  browser.open().leave();
  await seen(1);
  browser.open({ data: { site: 'demo', consent: 'pending' } }).footfall('consent', 'granted');
  const events = await seen(3);
  expect(new Set(events.map(({ anonymous_id, session_id }) => `${anonymous_id} ${session_id}`)).size).toBe(1);
});

test('withdrawn consent is told with the ids that it ends, and leaves nothing on the device', async () => {
  const page = browser.open();
  page.footfall('identify', 'C1');
  await seen(2);
  page.footfall('consent', 'denied');
  page.footfall('track', 'a_thing');
  const events = await seen(3);
  expect(events[2]).toMatchObject({
    type: 'consent',
    consent: 'denied',
    anonymous_id: events[0]?.anonymous_id,
    session_id: events[0]?.session_id,
  });
  await sleep(1_000);
  expect(sink.events()).toHaveLength(3);
  expect(await kept(page)).toEqual([]);
});

test('what waited when consent was withdrawn is still sent, from memory', async () => {
  sink.answer = () => 503;
  const page = browser.open();
  await until(() => sink.requests.length);
  page.footfall('consent', 'denied');
  expect(await kept(page)).toEqual([]);
  sink.answer = () => 204;
  expect(types(await seen(2))).toEqual(['page_view', 'consent']);
});

test('granted again after a refusal is another browser', async () => {
  const page = browser.open();
  await seen(1);
  page.footfall('consent', 'denied');
  page.footfall('consent', 'granted');
  page.footfall('track', 'a_thing');
  const events = await seen(4);
  expect(types(events)).toEqual(['page_view', 'consent', 'consent', 'a_thing']);
  expect(events[3]?.anonymous_id).not.toBe(events[0]?.anonymous_id);
});

test('a refusal at the start erases what an earlier visit left', async () => {
  const first = browser.open();
  await seen(1);
  first.leave();
  expect(await kept(browser.open({ data: { site: 'demo', consent: 'denied' } }))).toEqual([]);
  await sleep(100);
  expect(sink.events()).toHaveLength(1);
});

test('a refused site that counts without ids gets events and no id', async () => {
  const page = browser.open({ data: { site: 'demo', consent: 'denied', cookieless: '' } });
  page.footfall('identify', 'C1');
  page.footfall('track', 'purchase', { customer_id: 'C1', email_sha256: 'ab'.repeat(32), value: '1.00' });
  const events = await seen(2);
  expect(types(events)).toEqual(['page_view', 'purchase']);
  for (const event of events) {
    expect(event.consent).toBe('denied');
    for (const id of ['anonymous_id', 'session_id', 'tab_id', 'view_id', 'customer_id', 'email_sha256'])
      expect(event).not.toHaveProperty(id);
  }
  expect(await kept(page)).toEqual([]);
});

const consentMode =
  (...commands: [string, string][]) =>
  (window: PageWindow) => {
    window.dataLayer = [];
    for (const [command, analytics_storage] of commands)
      (window.eval('(function(){dataLayer.push(arguments)})') as (...given: unknown[]) => void)('consent', command, { analytics_storage });
  };

test('Consent Mode: a denying default waits for the update, before and after load', async () => {
  const page = browser.open({ before: consentMode(['default', 'denied']) });
  await sleep(200);
  expect(await kept(page)).toEqual([]);
  expect(sink.requests).toEqual([]);
  consentMode(['update', 'granted'])(page.window);
  page.window.dataLayer.push({ event: 'view_item', ecommerce: {} });
  expect(types(await seen(3))).toEqual(expect.arrayContaining(['page_view', 'view_item', 'consent']));
});

test('Consent Mode: an update that denies, denies; one that is not about analytics says nothing', async () => {
  const denied = browser.open({ before: consentMode(['default', 'denied'], ['update', 'denied']) });
  await sleep(200);
  expect(await kept(denied)).toEqual([]);
  expect(sink.requests).toEqual([]);
  denied.kill();
  browser.open({ before: consentMode(['default', 'granted'], ['update', undefined as unknown as string]) });
  expect(types(await seen(1))).toEqual(['page_view']);
});

test('TCF: purpose 1 decides, once the visitor or the store of choices has spoken', async () => {
  type Heard = (data: object, success: boolean) => void;
  let heard: Heard = () => {};
  const tcf = (window: PageWindow) => {
    Object.assign(window, {
      __tcfapi: (command: string, version: number, callback: Heard) => {
        if (command === 'addEventListener' && version === 2) heard = callback;
      },
    });
  };
  const page = browser.open({ before: tcf });
  heard({ eventStatus: 'cmpuishown', purpose: { consents: {} } }, true);
  await sleep(100);
  expect(sink.requests).toEqual([]);
  heard({ eventStatus: 'useractioncomplete', purpose: { consents: { 1: true } } }, true);
  expect((await seen(2))[0]).toMatchObject({ type: 'page_view', consent: 'granted' });
  heard({ eventStatus: 'useractioncomplete', purpose: { consents: { 1: false } } }, true);
  await seen(3);
  expect(await kept(page)).toEqual([]);
  page.kill();
  browser.open({ before: tcf });
  heard({ eventStatus: 'tcloaded', gdprApplies: false, purpose: { consents: {} } }, true);
  await seen(5);
});

test('Global Privacy Control is recorded, and denies where the site says so', async () => {
  const gpc = (window: PageWindow) => Object.assign(window.navigator, { globalPrivacyControl: true });
  browser.open({ before: gpc }).leave();
  expect((await seen(1))[0]).toMatchObject({ gpc: true, consent: 'granted' });
  const page = browser.open({ before: gpc, data: { site: 'demo', gpc: 'deny' } });
  page.footfall('consent', 'granted');
  await sleep(200);
  expect(sink.events()).toHaveLength(1);
  expect(await kept(page)).toEqual([]);
});

/** Customers: who is stated when, on which session, and what logout and reset leave. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MINUTE } from '../../protocol/event.ts';
import { openBrowser, type Sink, startSink, types, until } from './browser.ts';

let sink: Sink;
let browser: ReturnType<typeof openBrowser>;
const EMAIL = 'ab'.repeat(32);
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
const find = (type: string) => until(() => sink.events().find((event) => event.type === type));

test('identify is said once in a session, on every page that states it', async () => {
  const one = browser.open();
  one.footfall('identify', 'C1', { email_sha256: EMAIL });
  one.footfall('identify', 'C1', { email_sha256: EMAIL });
  await seen(2);
  one.leave();
  browser.open().footfall('identify', 'C1', { email_sha256: EMAIL });
  const events = await seen(3);
  expect(types(events)).toEqual(['page_view', 'identify', 'page_view']);
  expect(events[1]).toMatchObject({ customer_id: 'C1', email_sha256: EMAIL });
  expect(new Set(events.map((event) => event.session_id)).size).toBe(1);
});

test('a token makes a new statement of the same customer', async () => {
  const page = browser.open();
  page.footfall('identify', 'C1');
  page.footfall('identify', 'C1', { token: 'a.b.c' });
  page.footfall('identify', 'C1', { token: 'd.e.f' });
  const events = await seen(3);
  expect(events.map(({ customer_token }) => customer_token)).toEqual([undefined, undefined, 'a.b.c']);
});

test('a purchase carries the customer of its session and its own address; no other event carries any', async () => {
  const page = browser.open();
  page.footfall('identify', 'C1');
  page.footfall('track', 'view_item', { customer_id: 'C1', user_id: 'C1', email_sha256: EMAIL, user_data: { email: 'jane@mail.example' } });
  page.footfall('track', 'purchase', { transaction_id: '991', email_sha256: EMAIL });
  await find('purchase');
  page.leave();
  browser.open().footfall('track', 'purchase', { transaction_id: '992' });
  const events = await until(() => sink.events().length >= 6 && sink.events());
  expect(events.map(({ type, customer_id, email_sha256 }) => [type, customer_id, email_sha256])).toEqual([
    ['page_view', undefined, undefined],
    ['identify', 'C1', undefined],
    ['view_item', undefined, undefined],
    ['purchase', 'C1', EMAIL],
    ['page_view', undefined, undefined],
    ['purchase', 'C1', undefined],
  ]);
  expect(JSON.stringify(events)).not.toContain('jane@');
});

test('a login carries the customer that it states, and none that it does not', async () => {
  const page = browser.open();
  page.footfall('track', 'login', { customer_id: 7, method: 'form' });
  page.footfall('track', 'login');
  const events = await seen(3);
  expect(events.slice(1).map(({ customer_id }) => customer_id)).toEqual(['7', undefined]);
});

test('another customer begins another session', async () => {
  const page = browser.open();
  page.footfall('identify', 'A');
  page.footfall('identify', 'B');
  page.footfall('track', 'purchase', {});
  const [view, a, b, purchase] = await seen(4);
  expect(a?.session_id).toBe(view?.session_id);
  expect(b?.session_id).not.toBe(a?.session_id);
  expect(purchase).toMatchObject({ session_id: b?.session_id, customer_id: 'B' });
});

test('a new session does not remember the customer, but hears whom the page still states', async () => {
  browser.clock.now = Date.UTC(2026, 0, 5);
  const stating = browser.open();
  stating.footfall('identify', 'C1');
  await seen(2);
  browser.clock.now += 31 * MINUTE;
  stating.footfall('track', 'add_to_cart');
  const events = await seen(4);
  const [cart, again] = ['add_to_cart', 'identify'].map((type) => events.findLast((event) => event.type === type));
  expect(again).toMatchObject({ customer_id: 'C1', session_id: cart?.session_id, time: cart?.time });
  expect(cart?.session_id).not.toBe(events[0]?.session_id);
  stating.leave();
  browser.clock.now += 31 * MINUTE;
  browser.open().footfall('track', 'purchase', {});
  expect(await until(() => sink.events().find(({ type }) => type === 'purchase'))).not.toHaveProperty('customer_id');
});

test('logout ends the session and keeps the browser', async () => {
  const page = browser.open();
  page.footfall('identify', 'C1');
  page.footfall('logout');
  page.footfall('track', 'purchase', {});
  const [view, , logout, purchase] = await seen(4);
  expect(logout).toMatchObject({ type: 'logout', session_id: view?.session_id });
  expect(purchase?.session_id).not.toBe(view?.session_id);
  expect(purchase?.anonymous_id).toBe(view?.anonymous_id);
  expect(purchase).not.toHaveProperty('customer_id');
});

test('reset ends both, and an old cookie that comes back late is void', async () => {
  const page = browser.open();
  page.footfall('reset');
  page.footfall('track', 'a_thing');
  const [view, reset, after] = await seen(3);
  expect(reset).toMatchObject({ anonymous_id: view?.anonymous_id, session_id: view?.session_id });
  expect(after?.anonymous_id).not.toBe(view?.anonymous_id);
  expect(after?.session_id).not.toBe(view?.session_id);
  page.leave();
  await browser.jar.setCookie(`ff_id=${view?.anonymous_id}; Domain=shop.example; Path=/`, 'https://www.shop.example/');
  browser.open();
  expect((await seen(4))[3]?.anonymous_id).not.toBe(view?.anonymous_id);
});

test('what names nobody is not sent', async () => {
  const page = browser.open();
  for (const nobody of [undefined, null, '', 0, Number.NaN, false]) page.footfall('identify', nobody);
  page.footfall('identify', undefined, { email_sha256: 'not a hash' });
  page.footfall('track', 'last');
  const events = await find('last').then(() => sink.events());
  expect(events.flatMap(({ customer_id, email_sha256 }) => [customer_id, email_sha256]).filter(Boolean)).toEqual([]);
});

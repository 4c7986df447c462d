/** The shop's own dataLayer, in every form seen in the wild, and with the dirt. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBrowser, type PageWindow, type Sink, sleep, startSink, types, until } from './browser.ts';

let sink: Sink;
let browser: ReturnType<typeof openBrowser>;
const EMAIL = 'ab'.repeat(32);
beforeEach(async () => {
  sink = await startSink();
  browser = openBrowser(sink);
});
afterEach(async () => {
  browser.close();
  await sink.close();
});
const seen = (count: number) => browser.seen(count);
const ITEMS = [{ item_id: 'TV-55', price: '499.00', quantity: 1 }];

/** Pushes as a shop's inline scripts do, in the page's own realm. */
function push(window: PageWindow, ...lines: string[]): void {
  window.eval(`dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments); } ${lines.join(';')}`);
}
const moments = [
  ['before load', (lines: string[]) => browser.open({ before: (window) => push(window, ...lines) })],
  [
    'after load',
    (lines: string[]) => {
      const page = browser.open({ before: (window) => push(window) });
      push(page.window, ...lines);
      return page;
    },
  ],
] as const;

for (const [when, open] of moments) {
  test(`(a) event and ecommerce, ${when}`, async () => {
    open([
      'dataLayer.push({ecommerce: null})',
      `dataLayer.push({event: 'view_item', ecommerce: {currency: 'EUR', value: 499, items: ${JSON.stringify(ITEMS)}}})`,
    ]);
    expect((await seen(2))[1]).toMatchObject({ type: 'view_item', props: { currency: 'EUR', value: 499, items: ITEMS } });
  });

  test(`(b) gtag's arguments, ${when}`, async () => {
    open([
      `gtag('js', new Date())`,
      `gtag('event', 'purchase', {transaction_id: 991, value: '499.00', currency: 'EUR', items: ${JSON.stringify(ITEMS)}})`,
    ]);
    expect((await seen(2))[1]).toMatchObject({ type: 'purchase', props: { transaction_id: 991, value: '499.00', items: ITEMS } });
  });

  test(`(c) the legacy purchase, ${when}`, async () => {
    open([
      `dataLayer.push({ecommerce: {currencyCode: 'EUR', purchase: {actionField: {id: '991', revenue: '499.00'}, products: [{id: 'TV-55', name: 'TV', price: '499.00', quantity: 1}]}}})`,
    ]);
    expect((await seen(2))[1]).toMatchObject({
      type: 'purchase',
      props: {
        transaction_id: '991',
        value: '499.00',
        currency: 'EUR',
        items: [{ item_id: 'TV-55', item_name: 'TV', price: '499.00', quantity: 1 }],
      },
    });
  });

  test(`(e) the customer in config, set, user_data and plain entries, ${when}`, async () => {
    open([
      `gtag('config', 'G-1', {user_id: 'C1'})`,
      `gtag('set', 'user_data', {sha256_email_address: '${EMAIL}'})`,
      `gtag('event', 'purchase', {transaction_id: '1'})`,
    ]);
    const purchase = await until(() => sink.events().find(({ type }) => type === 'purchase'));
    expect(purchase).toMatchObject({ customer_id: 'C1', email_sha256: EMAIL });
    const identify = sink.events().filter(({ type }) => type === 'identify');
    expect(identify.at(-1)).toMatchObject({ customer_id: 'C1', email_sha256: EMAIL, session_id: purchase.session_id });
  });
}

test.each([
  [`gtag('set', {user_id: 'C1'})`],
  [`dataLayer.push({user_id: 'C1'})`],
  [`dataLayer.push({event: 'login', method: 'form', user_id: 'C1'})`],
  [`dataLayer.push({pagePostType: 'page', visitorId: 'C1'})`],
  [`gtag('event', 'login', {user_id: 'C1'})`],
])('the customer is found in %s', async (line) => {
  browser.open({ before: (window) => push(window, line) });
  const identify = await until(() => sink.events().find(({ type }) => type === 'identify'));
  expect(identify.customer_id).toBe('C1');
});

test('a page of another customer is another session from its first event on', async () => {
  browser.open({ before: (window) => push(window, `dataLayer.push({user_id: 'A'})`) }).leave();
  await seen(2);
  browser.open({ before: (window) => push(window, `dataLayer.push({user_id: 'B'})`) });
  const events = await seen(4);
  const sessions = (customer: string) => events.find(({ customer_id }) => customer_id === customer)?.session_id;
  expect(sessions('B')).not.toBe(sessions('A'));
  expect(events.filter(({ type }) => type === 'page_view').map(({ session_id }) => session_id)).toEqual([sessions('A'), sessions('B')]);
});

test('another customer does not take over the address of the one before', async () => {
  const { window } = browser.open({
    before: (page) => push(page, `dataLayer.push({user_id: 'A', user_data: {sha256_email_address: '${EMAIL}'}})`),
  });
  push(window, `dataLayer.push({user_id: 'B'})`, `dataLayer.push({event: 'purchase', ecommerce: {}})`);
  const purchase = await until(() => sink.events().find(({ type }) => type === 'purchase'));
  expect(purchase.customer_id).toBe('B');
  expect(purchase).not.toHaveProperty('email_sha256');
});

test('a logout in the dataLayer ends the session', async () => {
  const { window } = browser.open({ before: (page) => push(page, `dataLayer.push({user_id: 'A'})`) });
  push(window, `dataLayer.push({event: 'logout'})`, `dataLayer.push({event: 'view_item', ecommerce: {}})`);
  const events = await seen(4);
  expect(types(events).slice(-2)).toEqual(['logout', 'view_item']);
  expect(events[3]?.session_id).not.toBe(events[2]?.session_id);
});

test('GA4’s shop events pass under their names; a tag manager’s own and page views do not', async () => {
  const names = [
    'view_item_list',
    'select_item',
    'add_to_cart',
    'remove_from_cart',
    'view_cart',
    'begin_checkout',
    'add_shipping_info',
    'add_payment_info',
    'purchase',
    'refund',
    'search',
    'login',
    'sign_up',
  ];
  const others = ['gtm.js', 'gtm.click', 'page_view', 'optimize.activate', 'cookieConsent', 'scroll'];
  browser.open({ before: (window) => push(window, ...[...names, ...others].map((event) => `dataLayer.push({event: '${event}', x: 1})`)) });
  const events = await seen(names.length + 1);
  await sleep(900);
  expect(types(sink.events()).slice(1)).toEqual(names);
  expect(events).toHaveLength(names.length + 1);
});

test('a search term and a login’s method go along', async () => {
  browser.open({
    before: (window) => push(window, `dataLayer.push({event: 'search', search_term: 'oled'})`, `gtag('event', 'login', {method: 'form'})`),
  });
  expect((await seen(3)).slice(1).map(({ props }) => props)).toEqual([
    expect.objectContaining({ search_term: 'oled' }),
    { method: 'form' },
  ]);
});

test('junk does not matter', async () => {
  const junk = [
    'null',
    'undefined',
    '0',
    '7',
    '"text"',
    'function () {}',
    '[]',
    '{}',
    'Symbol()',
    'new Date()',
    'window',
    'document',
    'Object.create(null)',
    '{event: null, ecommerce: 1}',
    '{event: {}, ecommerce: {purchase: 1}}',
    '{ecommerce: {purchase: {actionField: 1, products: 1}}}',
    '["event"]',
    '["consent"]',
    '["consent", "update"]',
    '["set", null]',
    '{user_data: 1, user_id: 0}',
    '{get event() { throw new Error() }}',
    '{get user_id() { throw new Error() }}',
    '{event: "view_item", ecommerce: {get items() { throw new Error() }}}',
  ];
  browser.open({
    before: (window) =>
      push(window, ...junk.map((value) => `dataLayer.push(${value})`), `dataLayer.push({event: 'view_item', ecommerce: {}})`),
  });
  await until(() => sink.events().find(({ type }) => type === 'view_item'));
  expect(types(sink.events()).filter((type) => type !== 'purchase')).toEqual(['page_view', 'view_item']);
});

test.each([
  ['absent at load', (window: PageWindow) => window.eval('dataLayer = [{event: "view_item"}]')],
  [
    'replaced whole',
    (window: PageWindow) =>
      window.eval(
        'dataLayer = window.dataLayer || []; dataLayer.push({event: "view_item"}); dataLayer = dataLayer.concat({event: "view_cart"})',
      ),
  ],
  [
    'one whose push is wrapped',
    (window: PageWindow) =>
      window.eval(
        'dataLayer = window.dataLayer || []; (push => { dataLayer.push = function () { return push.apply(dataLayer, arguments) } })(dataLayer.push); dataLayer.push({event: "view_item"})',
      ),
  ],
  [
    'one whose push is replaced',
    (window: PageWindow) =>
      window.eval('dataLayer = window.dataLayer || []; dataLayer.push = Array.prototype.push; dataLayer.push({event: "view_item"})'),
  ],
  ['frozen', (window: PageWindow) => window.eval('dataLayer = Object.freeze([{event: "view_item"}])')],
])('a dataLayer that is %s is read all the same, and each entry once', async (how, act) => {
  const { window } = browser.open();
  act(window);
  await until(() => sink.events().find(({ type }) => type === 'view_item'));
  await sleep(1_000);
  expect(types(sink.events())).toEqual(how === 'replaced whole' ? ['page_view', 'view_item', 'view_cart'] : ['page_view', 'view_item']);
});

test('one object pushed twice says it twice, and push answers as ever', async () => {
  const { window } = browser.open({ before: (page) => push(page) });
  const entry = { event: 'add_to_cart', ecommerce: {} };
  expect([window.dataLayer.push(entry), window.dataLayer.push(entry), window.dataLayer.push()]).toEqual([1, 2, 2]);
  expect(types(await seen(3)).slice(1)).toEqual(['add_to_cart', 'add_to_cart']);
});

test('an event is taken as it was when it was pushed', async () => {
  const { window } = browser.open({ before: (page) => push(page) });
  push(window, `e = {event: 'add_to_cart', ecommerce: {value: 1}}; dataLayer.push(e); e.ecommerce.value = 2`);
  expect((await seen(2))[1]?.props).toEqual({ value: 1 });
});

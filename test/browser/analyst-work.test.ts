/** An analyst's work in real Chromium: the first minute with the demo, finding people, and decisions with their undo, also without a mouse. */
import { setTimeout as sleep } from 'node:timers/promises';
import { By, Key } from 'selenium-webdriver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Analyst, analystAt } from './analyst.ts';
import { clickOn } from './click.ts';
import { type Browser, launch } from './engines.ts';
import { JANE, JANES_EMAIL, startNow, type TownServer, tellJane } from './ui-store.ts';

let server: TownServer;
let browser: Browser;
let analyst: Analyst;
beforeAll(async () => {
  server = await startNow();
  browser = await launch('chromium');
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

const click = (css: string): Promise<void> => clickOn(browser.driver, By.css(css));
const press = (...keys: string[]): Promise<void> =>
  browser.driver
    .actions()
    .sendKeys(...keys)
    .perform();
async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 80; tries += 1) {
    if (await what()) return;
    await sleep(100);
  }
  throw new Error(`never: ${what}, but: ${(await analyst.text('body')).slice(0, 900)}`);
}
const shows = (text: string): Promise<void> => until(async () => (await analyst.text('body')).includes(text));
/** Goes on with the tab key until the focus is there. */
async function tabTo(css: string): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await analyst.run('return document.activeElement.matches(arguments[0])', css)) return;
    await press(Key.TAB);
  }
  throw new Error(`the tab key never reaches ${css}`);
}

test('a site without events says what to do next, with a button that copies the snippet', async () => {
  analyst = await analystAt(browser, server);
  await browser.cdp('Browser.grantPermissions', { permissions: ['clipboardReadWrite', 'clipboardSanitizedWrite'], origin: server.url });
  for (const hash of ['#/live', '#/customers', '#/links']) {
    await analyst.open(hash, '.empty');
    expect(await analyst.text('.empty h2')).toBe('Nothing collected yet');
    expect(await analyst.axe()).toEqual([]);
  }
  await click('.empty .snippet button');
  await shows('Copied.');
  expect(await analyst.run('return navigator.clipboard.readText()')).toBe(
    `<script async src="${server.url}/t.js" data-site="demo"></script>`,
  );
});

test('what happens shows as it happens; Jane’s journey is one click away from the first page', async () => {
  await analyst.open('#/', '.empty');
  await tellJane(server);
  await analyst.find(`table a[href="#/customers/demo/${JANE}"]`);
  await shows('Bought');
  expect(await analyst.text('table')).toMatch(/was anonymous|new/);
  await click(`table a[href="#/customers/demo/${JANE}"]`);
  await analyst.find('.journey .mark');
  const lanes = await analyst.run<string[]>(
    'return [...document.querySelectorAll(".lane-name > span")].map((one) => one.firstChild?.data).filter(Boolean)',
  );
  expect(lanes).toEqual(['Search', 'Ads', 'Computer', 'Store & QR', 'Phone', 'Till', 'Service']);
  expect(await analyst.text('.customer')).toContain('€1,597.00');
});

test.each([
  ['customer id', JANE],
  ['e-mail', ` ${JANES_EMAIL.toUpperCase()} `],
  ['order', '991'],
  ['session', 'jane-s1'],
  ['browser', 'jane-phone'],
  ['scan code', 'shelf55'],
])('Jane is found by her %s', async (_kind, text) => {
  await analyst.open('#/customers', '.find input');
  await analyst.run(
    'const real = fetch; window.sent = []; window.fetch = (path, init) => { sent.push(path + " " + (init?.body ?? "")); return real(path, init); }',
  );
  await (await analyst.find('.find input')).sendKeys(text, Key.ENTER);
  await analyst.find('.journey .mark');
  expect(await analyst.text('h1')).toBe(JANE);
  const sent = (await analyst.run<string[]>('return window.sent')).join('\n');
  expect(sent).toContain('/v1/customers/lookup');
  expect(sent.toLowerCase()).not.toContain(JANES_EMAIL);
});

test('who is nobody is said to be nobody', async () => {
  await analyst.open('#/customers', '.find input');
  await (await analyst.find('.find input')).sendKeys('nobody at all', Key.ENTER);
  await shows('Nobody is known by that');
});

test('a claim is undone after a preview, without a mouse', async () => {
  await analyst.open('#/links', 'table tbody tr');
  await tabTo('nav a[href="#/customers"]');
  await press(Key.ENTER);
  await analyst.find('.find input');
  await tabTo('.find input');
  await press(JANE, Key.ENTER);
  await analyst.find('.journey .mark');
  await tabTo('.session');
  await press(Key.ENTER);
  await shows('Evidence');
  await tabTo('.handle[aria-label*="Safari"]');
  await press(Key.ENTER);
  await tabTo('.evidence button');
  await press(Key.ENTER);
  await until(async () => /link(s)? would change/.test(await analyst.text('dialog')));
  await tabTo('dialog input');
  await press('typed on a friend’s phone', Key.ENTER);
  await until(async () => analyst.run('return document.querySelector("dialog") === null'));
  await until(async () => (await server.links(`customer_id=${JANE}`)).length === 3);
  await until(async () => analyst.run('return document.querySelectorAll(".lane.is-browser").length === 1'));
  expect((await server.get<{ decisions: object[] }>('/v1/decisions')).decisions).toMatchObject([
    { type: 'revoke', author: 'admin', reason: 'typed on a friend’s phone' },
  ]);
});

test('two ids are merged after a preview; the merge stands in the picture, and is undone from there', async () => {
  await server.post([
    { event_id: 'other', type: 'login', time: Date.now(), anonymous_id: 'tablet', session_id: 't1', customer_id: 'LOYALTY-7' },
  ]);
  await analyst.open(`#/customers/demo/${JANE}`, '.journey .mark');
  await (await analyst.find('.actions input')).sendKeys('LOYALTY-7', Key.ENTER);
  await until(async () => (await analyst.text('dialog')).includes('one person with whom'));
  await (await analyst.find('dialog input')).sendKeys('same card', Key.ENTER);
  await analyst.find('.decisions li');
  expect(await analyst.text('.decisions')).toContain('same card');
  await click('.decisions button');
  await until(async () => (await analyst.text('dialog')).includes('would change'));
  await (await analyst.find('dialog input')).sendKeys('not the same', Key.ENTER);
  await until(async () => analyst.run('return document.querySelector(".decisions") === null'));
  expect(await analyst.faults()).toEqual([]);
});

test('a customer is exported whole, and erased after a preview of what that takes', async () => {
  await server.post([
    { event_id: 'bob', type: 'login', time: Date.now(), anonymous_id: 'bobs', session_id: 'b1', customer_id: 'BOB' },
    { event_id: 'bob-2', type: 'page_view', time: Date.now() + 1, anonymous_id: 'bobs', session_id: 'b1' },
  ]);
  await analyst.open('#/customers/demo/BOB', '.journey .mark');
  const lines = await browser.driver.executeAsyncScript<string>(
    'const done = arguments[0]; fetch(document.querySelector(".actions a").href).then((answer) => answer.text()).then(done)',
  );
  expect(lines).toContain('"bob-2"');
  await click('.actions > button');
  await until(async () => /events\s*2/.test(await analyst.text('dialog .report')));
  expect(await analyst.axe()).toEqual([]);
  await click('dialog .primary');
  await shows('has no customer of this id');
  expect((await server.send('GET', '/v1/customers/BOB?site=demo')).status).toBe(404);
});

test('a token that may only read is offered no change', async () => {
  const { body } = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'Ann', scopes: ['read'] });
  analyst = await analystAt(browser, server, body.token);
  await analyst.open(`#/customers/demo/${JANE}`, '.journey .mark');
  await click('.handle');
  await analyst.find('.evidence');
  expect(await analyst.run('return document.querySelectorAll(".actions, .evidence button").length')).toBe(0);
});

test('names from right to left, emoji and long ones stand as they are, and break nothing', async () => {
  const names = ['مريم العلي', '👩🏽‍🚀 Käthe', 'x'.repeat(256), '‮evil'];
  await server.post(
    names.map((customer_id, index) => ({
      event_id: `n${index}`,
      type: 'login',
      time: Date.now(),
      anonymous_id: `n${index}`,
      session_id: 's',
      customer_id,
    })),
  );
  analyst = await analystAt(browser, server);
  for (const name of names) {
    await analyst.open(`#/customers/demo/${encodeURIComponent(name)}`, '.journey .mark');
    expect(await analyst.text('h1')).toBe(name);
    expect(await analyst.run('return document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(await analyst.faults()).toEqual([]);
  }
});

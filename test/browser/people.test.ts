/** Who is who, from real browsers to the stored links: logins over each other, shared and stale scans, and the demo shop with no code of ours. */
import { setTimeout as sleep } from 'node:timers/promises';
import { By } from 'selenium-webdriver';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { visible } from './click.ts';
import { type Browser, ENGINES, launch } from './engines.ts';
import { openShop, page, type Shop } from './shop.ts';
import { typesOf, type Visitor, visit } from './visitor.ts';

describe.each(ENGINES)('%s', (engine) => {
  let shop: Shop;
  let browser: Browser;
  let visitor: Visitor;
  beforeAll(async () => {
    browser = await launch(engine);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    shop = await openShop();
    visitor = visit(browser, shop);
  });
  afterEach(async () => {
    await browser.driver.get('about:blank');
    await shop.close();
  });

  /** Another person's browser, as far as a page can tell. */
  async function forgetMe(): Promise<void> {
    const before = (await visitor.soFar()).length;
    await visitor.run(`footfall('consent', 'denied')`);
    await visitor.stored(before + 1);
    await sleep(500);
    await browser.driver.manage().deleteAllCookies();
    await visitor.run('localStorage.clear(); sessionStorage.clear()');
  }
  const links = () => shop.server.links('site=shop');
  async function scan(code: string): Promise<string> {
    const phone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';
    const answer = await fetch(`${shop.server.url}/q/${code}`, { redirect: 'manual', headers: { 'user-agent': phone } });
    return new URL(answer.headers.get('location') ?? '').href.slice(shop.url.length);
  }

  test('A, then B over A: two sessions, two people, no link to the other', async () => {
    await visitor.open('/a');
    await visitor.run(`footfall('identify', 'A'); footfall('track', 'for_a')`);
    await visitor.stored(3);
    await visitor.run(`footfall('identify', 'B'); footfall('track', 'for_b')`);
    const events = await visitor.stored(5);
    const sessionOf = (type: string) => events.find((event) => event.type === type)?.session_id;
    expect(sessionOf('for_b')).not.toBe(sessionOf('for_a'));
    const rows = await links();
    expect(rows.find(({ session_id }) => session_id === sessionOf('for_a'))?.customer_id).toBe('A');
    expect(rows.find(({ session_id }) => session_id === sessionOf('for_b'))?.customer_id).toBe('B');
    expect(new Set(rows.map(({ person_id }) => person_id)).size).toBe(2);
  });

  test('a scan’s address, shared or stale, joins nobody; it leaves the address bar once it has arrived', async () => {
    await shop.server.send('POST', '/v1/codes', { code: 'SHARED', site: 'shop', target: `${shop.url}/landing` });
    await shop.server.send('POST', '/v1/codes', {
      code: 'RECEIPT',
      site: 'shop',
      target: `${shop.url}/landing`,
      kind: 'personal',
      customer_id: 'A',
    });
    const plain = await scan('SHARED');
    const personal = await scan('RECEIPT');
    await visitor.open(plain);
    await visitor.run(`footfall('identify', 'A')`);
    await visitor.stored(2);
    for (let tries = 0; tries < 50 && (await browser.driver.getCurrentUrl()).includes('ff_scan'); tries++) await sleep(100);
    expect(await browser.driver.getCurrentUrl()).not.toContain('ff_scan');
    await visitor.open(personal);
    await visitor.stored(3);
    const before = (await visitor.soFar()).length;
    await forgetMe();
    // B opens what A has shared, and A's receipt.
    await visitor.open(plain);
    await visitor.run(`footfall('identify', 'B')`);
    await visitor.open(personal);
    await visitor.stored(before + 4);
    await forgetMe();
    // C finds one that was scanned but never opened, 31 minutes later.
    const stale = await scan('RECEIPT');
    shop.clock.later = 31 * 60_000;
    const known = (await visitor.soFar()).length;
    await visitor.open(stale);
    await visitor.stored(known + 1);
    const rows = await links();
    const people = new Map<string, Set<string | null>>();
    for (const { anonymous_id, customer_id } of rows) people.set(anonymous_id, (people.get(anonymous_id) ?? new Set()).add(customer_id));
    expect([...people.values()].map((customers) => [...customers])).toEqual([['A'], ['B'], [null]]);
    expect(rows.every(({ landing_page }) => !landing_page?.includes('ff_scan'))).toBe(true);
  });

  test('a dataLayer full of dirt gives what is in it and no error; one that is replaced later is found', async () => {
    shop.pages['/dirt'] = page('dirt', {
      head: `<script>errors = []; addEventListener('error', (e) => errors.push(e.message));
        dataLayer = [null, undefined, 7, 'text', NaN, window, document.createElement('p'), [], function () {}, {get event() { throw 1 }}, {event: {}}, {event: 'gtm.js'}, {ecommerce: null},
          {event: 'view_item', ecommerce: {items: [{item_id: 7, price: '49,90', quantity: '2'}]}}, {event: 'select_content'}, Object.freeze({event: 'add_to_cart', ecommerce: {items: []}}),
          {visitorId: 'C7', visitorEmailHash: 'x'}]; dataLayer[40] = {event: 'view_cart', ecommerce: {}}</script>`,
    });
    await visitor.open('/dirt');
    // The customer is named by the page, as gtm4wp does.
    const types = typesOf(await visitor.stored(5)).sort();
    expect(types).toEqual(expect.arrayContaining(['add_to_cart', 'identify', 'page_view', 'view_cart', 'view_item']));
    await visitor.run(`window.dataLayer = [{event: 'begin_checkout', ecommerce: {}}]; Object.freeze(dataLayer)`);
    for (let tries = 0; tries < 50 && !typesOf(await visitor.soFar()).includes('begin_checkout'); tries++) await sleep(100);
    expect(typesOf(await visitor.soFar())).toContain('begin_checkout');
    expect(await visitor.run('return errors')).toEqual([]);
  });

  test('a return from the back/forward cache says so, where the engine kept the page', async () => {
    await visitor.open('/a');
    await visitor.run(`addEventListener('pageshow', (e) => { window.persisted = e.persisted }); document.getElementById('next').click()`);
    await visitor.stored(2);
    await browser.driver.navigate().back();
    const events = await visitor.stored(3);
    const persisted = await visitor.run<boolean>('return window.persisted === true');
    expect(events.filter(({ payload }) => JSON.stringify(payload).includes('bfcache'))).toHaveLength(persisted ? 1 : 0);
    // Firefox and Chromium keep it under a driver too.
    if (engine !== 'webkit') expect(persisted).toBe(true);
  });

  test('the demo shop, with nothing of ours but the snippet, tells a whole purchase', async () => {
    const { driver } = browser;
    const byId = (id: string) => By.css(`[data-testid="${id}"]`);
    const find = (id: string) => visible(driver, byId(id));
    const click = async (id: string) => driver.executeScript('arguments[0].click()', await find(id));
    const url = shop.server.url;
    await driver.get(`${url}/demo/p/camera-fjell-action/`);
    await click('add-to-cart');
    await sleep(300);
    await driver.get(`${url}/demo/cart/`);
    await click('checkout');
    for (const [field, text] of Object.entries({ name: 'Jane', email: 'jane@mail.example', street: 'Street 1', town: 'Town' }))
      await (await find(`ship-${field}`)).sendKeys(text);
    await click('to-payment');
    await click('pay');
    const seen = async () => (await shop.server.store.queries.events({}, 0, 1_000)).filter(({ site }) => site === 'demo');
    for (let tries = 0; tries < 100 && !typesOf(await seen()).includes('purchase'); tries++) await sleep(100);
    const events = await seen();
    expect([...new Set(typesOf(events))]).toEqual(
      expect.arrayContaining(['page_view', 'view_item', 'add_to_cart', 'view_cart', 'begin_checkout', 'purchase']),
    );
    const purchases = events.filter(({ type }) => type === 'purchase');
    expect(purchases).toHaveLength(1);
    expect(new Set(events.map(({ session_id }) => session_id)).size).toBe(1);
  });
});

/** The built tag in three real engines, judged by what a real collector has stored. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StoredEvent } from '../../collector/store/queries-events.ts';
import { startYardstick } from '../yardstick.ts';
import { type Browser, ENGINES, launch } from './engines.ts';
import { openShop, page, type Shop } from './shop.ts';

beforeAll(() => {
  if (!existsSync('dist/tag/t.js')) execFileSync('npx', ['rollup', '-c', '--silent']);
});

describe.each(ENGINES)('%s', (engine) => {
  let shop: Shop;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(engine);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    shop = await openShop();
  });
  afterEach(async () => {
    await browser.driver.get('about:blank');
    await shop.close();
  });

  const run = <T = void>(script: string): Promise<T> => browser.driver.executeScript<T>(script);
  const open = (path: string) => browser.driver.get(shop.url + path);
  const typesOf = (events: StoredEvent[]) => events.map(({ type }) => type).filter((type) => type !== 'engagement');
  async function stored(count: number, patience = 15_000): Promise<StoredEvent[]> {
    for (const end = Date.now() + patience; ; await sleep(50)) {
      const events = (await shop.stored()).filter(({ type }) => type !== 'engagement');
      if (events.length >= count) return events;
      if (Date.now() > end) throw new Error(`only ${events.length} of ${count} stored: ${typesOf(events)}`);
    }
  }
  /** What of the tag's is on the device, read back from the browser. */
  const kept = () =>
    run<string[]>(
      `return [...document.cookie.split('; ').filter(Boolean).map(c => c.split('=')[0]), ...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort()`,
    );

  test('ten clicks away, within 10 ms of an event, lose nothing', async () => {
    const yardstick = startYardstick();
    await open('/a');
    await stored(1);
    const gaps: number[] = [];
    for (let turn = 1; turn <= 10; turn++) {
      const ms = await run<number>(
        `const started = performance.now(); footfall('track', 'just_before', {turn: ${turn}}); document.getElementById('next').click(); return performance.now() - started`,
      );
      gaps.push(ms);
      await stored(1 + 2 * turn);
    }
    // Other programs may hold up some of them.
    expect(Math.min(...gaps)).toBeLessThan(10 * yardstick.worst());
    await yardstick.stop();
    const types = typesOf(await shop.stored());
    expect(types.filter((type) => type === 'just_before')).toHaveLength(10);
    expect(types).toHaveLength(21);
  });

  test('a page that goes away sends what waits exactly once', async () => {
    await open('/a');
    await stored(1);
    await run(`footfall('track', 'last_word', {})`);
    await browser.driver.get('about:blank');
    await stored(2);
    await sleep(500);
    expect(shop.requests.filter((body) => body.includes('last_word'))).toHaveLength(1);
  });

  test('25 KB at the last moment arrive', async () => {
    await open('/a');
    await stored(1);
    await run(`for (let n = 0; n < 25; n++) footfall('track', 'large', {n, text: 'x'.repeat(1000)})`);
    await browser.driver.get('about:blank');
    await stored(26);
  });

  test.each([[503], [429], ['cut-before'], ['cut-after']] as const)('a way there that is %s, then open: each event once', async (way) => {
    shop.way = way;
    await open('/a');
    await run(`for (let n = 0; n < 20; n++) footfall('track', 'a_thing', {n}); footfall('track', 'purchase', {transaction_id: '1'})`);
    await sleep(1_500);
    shop.way = 'pass';
    const events = await stored(22, 30_000);
    expect(typesOf(events).filter((type) => type === 'purchase')).toHaveLength(1);
    expect(events).toHaveLength(22);
  });

  // WebKitGTK keeps no profile when it is driven.
  if (engine !== 'webkit')
    test('killed and started again on its profile, the browser brings what was left', async () => {
      const profileDir = mkdtempSync(join(tmpdir(), `footfall-kill-${engine}-`));
      shop.way = 'cut-before';
      const first = await launch(engine, { profileDir });
      await first.driver.get(`${shop.url}/a`);
      await first.driver.executeScript(`footfall('track', 'purchase', {transaction_id: '1'})`);
      // Engines write storage to disk some seconds later.
      await sleep(15_000);
      await first.kill();
      shop.way = 'pass';
      const second = await launch(engine, { profileDir });
      try {
        await second.driver.get(`${shop.url}/b`);
        expect(typesOf(await stored(3, 20_000)).sort()).toEqual(['page_view', 'page_view', 'purchase']);
      } finally {
        await second.close();
        rmSync(profileDir, { recursive: true, force: true });
      }
    });

  test('5 tabs of 200 events: all stored, one session', async () => {
    const { driver } = browser;
    await open('/a');
    await stored(1);
    const first = await driver.getWindowHandle();
    const tabs = [first];
    for (let tab = 1; tab < 5; tab++) {
      await driver.switchTo().newWindow('tab');
      await open(`/tab-${tab}`);
      tabs.push(await driver.getWindowHandle());
    }
    for (const part of [0, 1]) {
      for (const tab of tabs) {
        await driver.switchTo().window(tab);
        await run(`for (let n = 0; n < 100; n++) footfall('track', 'many', {path: location.pathname, n: n + ${part * 100}})`);
      }
    }
    for (const tab of tabs.slice(1)) {
      await driver.switchTo().window(tab);
      await driver.close();
    }
    await driver.switchTo().window(first);
    // WebKitGTK's driver opens tabs unseen: their page views do not count, their events do.
    const manyStored = async () => (await shop.stored()).filter(({ type }) => type === 'many');
    for (const end = Date.now() + 120_000; (await manyStored()).length < 1_000 && Date.now() < end; ) await sleep(100);
    const many = await manyStored();
    expect(new Set(many.map(({ event_id }) => event_id)).size).toBe(1_000);
    expect(new Set(many.map(({ session_id }) => session_id)).size).toBe(1);
  });

  test('a return from the back/forward cache is one more view', async () => {
    await open('/a');
    await stored(1);
    await run(`document.getElementById('next').click()`);
    await stored(2);
    await browser.driver.navigate().back();
    expect(typesOf(await stored(3))).toEqual(['page_view', 'page_view', 'page_view']);
    await sleep(500);
    expect(typesOf(await shop.stored())).toHaveLength(3);
  });

  test('push, replace and hash routes are views; anchors and repeats are not; the tag twice is once', async () => {
    await open('/a');
    await stored(1);
    await run(`const twice = document.createElement('script'); twice.src = '/t.js?site=shop'; document.head.append(twice)`);
    await sleep(300);
    await run(
      `history.pushState({}, '', '/b'); history.pushState({}, '', '/b'); history.replaceState({}, '', '/c'); location.hash = 'reviews'; location.hash = '#/route'`,
    );
    await stored(4);
    await sleep(1_200);
    const urls = (await shop.stored()).filter(({ type }) => type === 'page_view').map(({ payload }) => JSON.stringify(payload));
    expect(urls).toHaveLength(4);
  });

  test('clicks stay the page’s own: none is prevented or held up', async () => {
    shop.pages['/a'] = page('a', { body: `<a id="out" href="https://other.invalid/">out</a>` });
    await open('/a');
    await stored(1);
    const prevented = await run<boolean[]>(`
      const seen = [];
      addEventListener('click', (event) => { seen.push(event.defaultPrevented); event.preventDefault(); });
      addEventListener('auxclick', (event) => { seen.push(event.defaultPrevented); event.preventDefault(); });
      const out = document.getElementById('out');
      for (const init of [{}, {ctrlKey: true}, {metaKey: true}]) out.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, composed: true, ...init}));
      out.dispatchEvent(new MouseEvent('auxclick', {bubbles: true, cancelable: true, composed: true, button: 1}));
      out.target = '_blank'; out.click();
      return seen`);
    expect(prevented).toEqual([false, false, false, false, false]);
    expect(typesOf(await stored(6)).filter((type) => type === 'click')).toHaveLength(5);
  });

  test('a sandboxed frame, a strict policy and a hostile page: events arrive, no error reaches the page', async () => {
    shop.pages['/inner'] = page('inner', { head: '<script>onmessage = () => footfall("track", "from_frame")</script>' });
    shop.pages['/frame'] = page('frame', {
      head: `<script>errors = []; addEventListener('error', (e) => errors.push(e.message)); addEventListener('unhandledrejection', (e) => errors.push(String(e.reason)));
        Object.freeze(Object.prototype); dataLayer = [null, 1, window, document, {get event() { throw 1 }}]; delete Navigator.prototype.sendBeacon;</script>`,
      body: '<iframe sandbox="allow-scripts" src="/inner"></iframe>',
    });
    await open('/frame');
    await stored(2);
    await run(
      `frames[0].postMessage('', '*'); for (const value of [1n, Symbol('s'), null, {get x() { throw 1 }}]) footfall('track', 'a_thing', {value, ...(value && typeof value === 'object' ? {} : {})})`,
    );
    for (let tries = 0; tries < 50 && !typesOf(await shop.stored()).includes('from_frame'); tries++) await sleep(100);
    expect(typesOf(await shop.stored())).toContain('from_frame');
    expect(await run('return errors')).toEqual([]);
    shop.headers = {
      'content-security-policy': `default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'`,
    };
    await sleep(1_000);
    const before = (await stored(3)).length;
    await open('/strict');
    await stored(before + 1);
  });

  test('consent pending, granted, denied: the device holds what it must and nothing more', async () => {
    await open('/first');
    await stored(1);
    await run(`footfall('consent', 'denied')`);
    // An answer on its way could still set a cookie.
    await stored(2);
    await sleep(300);
    shop.pages['/a'] = page('a', { tag: 'site=shop&consent=pending' });
    await open('/a');
    await sleep(1_200);
    expect(await kept()).toEqual([]);
    const before = (await shop.stored()).filter(({ type }) => type !== 'engagement').length;
    await run(`footfall('consent', 'granted')`);
    const events = await stored(before + 2);
    expect(await kept()).toEqual(expect.arrayContaining(['ff_id', 'ff_s']));
    expect(new Set(events.slice(before).map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
    await run(`footfall('consent', 'denied'); footfall('track', 'a_thing')`);
    await stored(before + 3);
    await sleep(1_200);
    expect(await kept()).toEqual([]);
    expect(typesOf(await shop.stored())).not.toContain('a_thing');
  });

  test('A’s queue stays A’s when it is flushed after B has logged in', async () => {
    shop.way = 'cut-before';
    await open('/a');
    await run(`footfall('logout'); footfall('identify', 'A'); footfall('track', 'purchase', {transaction_id: '1'})`);
    await sleep(300);
    await open('/b');
    await run(`footfall('identify', 'B')`);
    shop.way = 'pass';
    const events = await stored(6, 30_000);
    const of = (type: string, customer: string) => events.find((event) => event.type === type && event.customer_id === customer);
    expect(of('purchase', 'A')?.session_id).toBe(of('identify', 'A')?.session_id);
    expect(of('identify', 'B')?.session_id).not.toBe(of('identify', 'A')?.session_id);
  });

  test('the dataLayer in all its forms, before and after load', async () => {
    const entries = `
      gtag('config', 'G-1', {user_id: 'C1'});
      dataLayer.push({ecommerce: null}, {event: 'view_item', ecommerce: {items: [{item_id: 'TV-55', price: '499.00'}]}});
      gtag('event', 'add_to_cart', {items: [{item_id: 'TV-55'}]});
      dataLayer.push({ecommerce: {currencyCode: 'EUR', purchase: {actionField: {id: '9', revenue: '1.00'}, products: [{id: 'TV-55', name: 'TV'}]}}});`;
    const gtag = 'window.dataLayer = window.dataLayer || []; window.gtag = function () { dataLayer.push(arguments) };';
    shop.pages['/before'] = page('before', { head: `<script>${gtag}${entries}</script>` });
    await open('/before');
    expect(
      typesOf(await stored(5))
        .filter((type) => type !== 'consent')
        .sort(),
    ).toEqual(['add_to_cart', 'identify', 'page_view', 'purchase', 'view_item']);
    await run(`footfall('reset')`);
    await stored(6);
    await open('/after');
    await stored(7);
    await run(`${gtag}${entries}`);
    const events = (await stored(11)).slice(6);
    expect(typesOf(events).sort()).toEqual(['add_to_cart', 'identify', 'page_view', 'purchase', 'view_item']);
    expect(events.find(({ type }) => type === 'purchase')?.customer_id).toBe('C1');
  });

  // Only Chromium prerenders.
  if (engine !== 'chromium') return;
  test('a prerendered page counts once it is activated, and not before', async () => {
    shop.pages['/host'] = page('host', {
      head: '<script type="speculationrules">{"prerender": [{"urls": ["/next", "/never"], "eagerness": "immediate"}]}</script>',
    });
    await open('/host');
    await stored(1);
    await sleep(2_500);
    expect(typesOf(await shop.stored())).toEqual(['page_view']);
    await run(`document.getElementById('next').click()`);
    await stored(2);
    expect(await run<number>(`return performance.getEntriesByType('navigation')[0].activationStart`)).toBeGreaterThan(0);
    await sleep(1_000);
    expect(typesOf(await shop.stored())).toEqual(['page_view', 'page_view']);
  });
});

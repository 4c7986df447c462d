/** The built tag where browsers and pages make it hard: no storage, missing parts, hostile pages, and who may be remembered at all. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Key } from 'selenium-webdriver';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Browser, ENGINES, launch } from './engines.ts';
import { openShop, page, type Shop } from './shop.ts';
import { typesOf, type Visitor, visit } from './visitor.ts';

/** Notes each error that reaches the page. */
const ERRORS = `<script>errors = []; addEventListener('error', (e) => errors.push(e.message)); addEventListener('unhandledrejection', (e) => errors.push(String(e.reason)));</script>`;

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
    // Cookies know no ports: the next shop would find them, and those that an answer on its way still sets.
    shop.pages['/left'] = '<!doctype html>';
    await browser.driver.get(`${shop.url}/left`);
    await sleep(300);
    await browser.driver.manage().deleteAllCookies();
    await browser.driver.get('about:blank');
    await shop.close();
  });

  test('a device whose storage is full: each event once, and no error in the page', async () => {
    shop.pages['/full'] = page('full', {
      head: `${ERRORS}<script>localStorage.clear(); for (let size = 4e6, n = 0; size >= 1; ) try { localStorage['fill' + n++] = 'x'.repeat(size) } catch { size = size >> 1 }</script>`,
    });
    shop.way = 'cut-before';
    await visitor.open('/full');
    await visitor.run(
      `for (let n = 0; n < 10; n++) footfall('track', 'a_thing', {n}); footfall('track', 'purchase', {transaction_id: '1'})`,
    );
    await sleep(300);
    expect(await visitor.run(`return errors`)).toEqual([]);
    shop.way = 'pass';
    const events = await visitor.stored(12, 30_000);
    await visitor.run('localStorage.clear()');
    expect(typesOf(events).filter((type) => type === 'purchase')).toHaveLength(1);
    expect(events).toHaveLength(12);
  });

  // WebKitGTK has no switch for it; its sandboxed frames are tested in tag.test.ts.
  if (engine !== 'webkit')
    test('cookies and storage blocked by the visitor: events arrive, nothing is kept, no error', async () => {
      const profileDir = mkdtempSync(join(tmpdir(), `footfall-blocked-${engine}-`));
      mkdirSync(join(profileDir, 'Default'));
      writeFileSync(
        join(profileDir, 'Default', 'Preferences'),
        JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }),
      );
      const blocked = await launch(engine, { profileDir, prefs: { 'network.cookie.cookieBehavior': 2 } });
      try {
        shop.pages['/blocked'] = page('blocked', { head: ERRORS });
        await blocked.driver.get(`${shop.url}/blocked`);
        const refused = `try { localStorage.length; return false } catch { return document.cookie === '' }`;
        expect(await blocked.driver.executeScript(refused)).toBe(true);
        await blocked.driver.executeScript(`footfall('track', 'a_thing'); footfall('track', 'purchase', {transaction_id: '1'})`);
        const events = await visitor.stored(3);
        expect(typesOf(events).sort()).toEqual(['a_thing', 'page_view', 'purchase']);
        expect(new Set(events.map(({ anonymous_id }) => anonymous_id)).size).toBe(1);
        expect(await blocked.driver.executeScript('return errors')).toEqual([]);
      } finally {
        await blocked.close();
        rmSync(profileDir, { recursive: true, force: true });
      }
    });

  test('without sendBeacon and crypto, with handlers that throw and calls that make no sense: every event that can be sent', async () => {
    shop.pages['/hostile'] = page('hostile', {
      head: `${ERRORS}<script>delete Navigator.prototype.sendBeacon; Object.defineProperty(window, 'crypto', {value: undefined});
        for (const type of ['click', 'pagehide', 'visibilitychange', 'scroll']) addEventListener(type, (e) => { e.stopImmediatePropagation(); throw new Error('own') }, true);
        const push = history.pushState; history.pushState = function () { push.apply(this, arguments); throw new Error('own') };</script>`,
      body: `<a id="out" href="https://other.invalid/" target="_blank" onclick="return false">out</a>`,
    });
    await visitor.open('/hostile');
    await visitor.stored(1);
    await visitor.run(`
      const cycle = {}; cycle.self = cycle;
      for (const props of [cycle, {big: 10n}, {get x() { throw 1 }}, {text: 'x'.repeat(1e6)}]) footfall('track', 'cannot', props);
      for (const call of [['nonsense'], [], [null], ['track'], ['track', {}], ['identify'], ['identify', null, null], ['consent', 'maybe'], ['ready'], ['set', 7]]) footfall(...call);
      try { history.pushState({}, '', '/pushed') } catch {}
      footfall('track', 'the_last');
      for (let n = 0; n < 20; n++) footfall('track', 'large', {n, text: 'x'.repeat(1000)})`);
    await browser.driver.get(`${shop.url}/after`);
    const types = typesOf(await visitor.stored(24));
    expect(types.filter((type) => type === 'large')).toHaveLength(20);
    expect(types.filter((type) => type === 'page_view')).toHaveLength(3);
    expect(types).toContain('the_last');
    expect(types).not.toContain('cannot');
    expect(Math.max(...shop.requests.map((body) => (JSON.parse(body) as { dropped: number }).dropped))).toBeGreaterThanOrEqual(4);
  });

  test('real clicks with Ctrl, to a new tab and prevented ones do what they do on a page without the tag', async () => {
    const body = `<p><a id="ctrl" href="/ctrl">c</a> <a id="blank" target="_blank" href="/blank">b</a> <a id="prevented" href="/prevented">p</a>
      <script>prevented.addEventListener('click', (e) => e.preventDefault())</script>`;
    shop.pages['/links'] = page('links', { body });
    shop.pages['/bare'] = `<!doctype html><title>bare</title>${body}`;
    const { driver } = browser;
    async function clicked(path: string): Promise<{ tabs: number; at: string }> {
      await visitor.open(path);
      const [own = ''] = await driver.getAllWindowHandles();
      await driver.findElement({ id: 'prevented' }).click();
      await driver.findElement({ id: 'blank' }).click();
      await driver
        .actions()
        .keyDown(Key.CONTROL)
        .click(driver.findElement({ id: 'ctrl' }))
        .keyUp(Key.CONTROL)
        .perform();
      let tabs = await driver.getAllWindowHandles();
      for (let still = 0; still < 6; ) {
        await sleep(250);
        const now = await driver.getAllWindowHandles();
        still = now.length === tabs.length ? still + 1 : 0;
        tabs = now;
      }
      for (const tab of tabs.filter((tab) => tab !== own)) {
        await driver.switchTo().window(tab);
        await driver.close();
      }
      await driver.switchTo().window(own);
      return { tabs: tabs.length, at: (await driver.getCurrentUrl()).replace(path, '') };
    }
    const bare = await clicked('/bare');
    expect(await clicked('/links')).toEqual(bare);
    expect(bare.tabs).toBeGreaterThanOrEqual(2);
    await visitor.stored(1);
  });

  test('Consent Mode: a denying default waits, an update decides, a withdrawal empties the device', async () => {
    shop.pages['/mode'] = page('mode', {
      head: `<script>dataLayer = []; function gtag() { dataLayer.push(arguments) } gtag('consent', 'default', {analytics_storage: 'denied'})</script>`,
    });
    await visitor.open('/mode');
    await sleep(1_200);
    expect(await visitor.kept()).toEqual([]);
    expect(await visitor.soFar()).toEqual([]);
    await visitor.run(`gtag('consent', 'update', {analytics_storage: 'granted'})`);
    const events = await visitor.stored(2);
    expect(typesOf(events).sort()).toEqual(['consent', 'page_view']);
    expect(await visitor.kept()).toEqual(expect.arrayContaining(['ff_id', 'ff_s']));
    await visitor.run(`gtag('consent', 'update', {analytics_storage: 'denied'})`);
    await visitor.stored(3);
    await sleep(1_000);
    await expect.poll(() => visitor.kept()).toEqual([]);
  });

  test('TCF: nothing while the banner is up, purpose 1 decides', async () => {
    shop.pages['/tcf'] = page('tcf', {
      head: `<script>__tcfapi = (command, version, heard) => { tell = heard; heard({eventStatus: 'cmpuishown', gdprApplies: true, purpose: {consents: {}}}, true) }</script>`,
    });
    await visitor.open('/tcf');
    await sleep(1_200);
    expect([await visitor.kept(), await visitor.soFar()]).toEqual([[], []]);
    await visitor.run(`tell({eventStatus: 'useractioncomplete', gdprApplies: true, purpose: {consents: {1: true}}}, true)`);
    await visitor.stored(2);
    expect(await visitor.kept()).toContain('ff_id');
    await visitor.run(`tell({eventStatus: 'useractioncomplete', gdprApplies: true, purpose: {consents: {1: false}}}, true)`);
    await visitor.stored(3);
    await sleep(1_000);
    await expect.poll(() => visitor.kept()).toEqual([]);
  });

  test('Global Privacy Control is recorded, and denies where the site says so', async () => {
    const head = `<script>Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {value: true, configurable: true})</script>`;
    shop.pages['/gpc'] = page('gpc', { head });
    shop.pages['/gpc-denies'] = page('gpc-denies', { head, tag: 'site=shop&gpc' });
    await visitor.open('/gpc');
    const [seen] = await visitor.stored(1);
    expect(JSON.stringify(seen)).toMatch(/"gpc":(true|1)/);
    await visitor.open('/gpc-denies');
    await visitor.run(`footfall('consent', 'granted'); footfall('track', 'a_thing')`);
    await sleep(1_200);
    expect(await visitor.kept()).toEqual([]);
    expect(typesOf(await visitor.soFar())).toEqual(['page_view']);
  });
});

/** The overlay in three real engines: under a strict policy, and where a step of the installation is broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, ENGINES, launch } from './engines.ts';
import { openShop, page, type Shop } from './shop.ts';

const STRICT = `default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'`;

describe.each(ENGINES)('%s', (engine) => {
  let shop: Shop;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(engine);
    shop = await openShop();
  });
  afterAll(async () => {
    await browser?.close();
    await shop?.close();
  });

  const panelText = () =>
    browser.driver.executeScript<string>(
      `const host = document.querySelector('footfall-debug'); return host ? host.shadowRoot.querySelector('section').innerText : ''`,
    );
  async function says(words: string): Promise<string> {
    for (const end = Date.now() + 10_000; ; await sleep(100)) {
      const text = await panelText();
      if (text.includes(words)) return text;
      if (Date.now() > end) throw new Error(`the panel never said ${words}: ${text}`);
    }
  }

  test('under a strict policy it shows what was captured, sent and acknowledged, in a panel with its styles', async () => {
    shop.headers = { 'content-security-policy': STRICT };
    await browser.driver.get(`${shop.url}/a?ff_debug=1`);
    const text = await says('Everything works.');
    expect(text).toContain('1 captured · 1 sent · 1 acknowledged');
    expect(text).toContain('Granted.');
    const styled = `return getComputedStyle(document.querySelector('footfall-debug').shadowRoot.querySelector('section')).position`;
    expect(await browser.driver.executeScript(styled)).toBe('fixed');
    expect((await shop.stored()).map(({ type }) => type)).toContain('page_view');
    shop.headers = {};
  });

  test('it names what is broken: the site, the policy, the way there', async () => {
    shop.pages['/unknown'] = page('unknown', { tag: 'site=nobody&debug' });
    await browser.driver.get(`${shop.url}/unknown`);
    await says('Broken: Collector accepts. The collector knows no site "nobody"');
    shop.headers = { 'content-security-policy': `script-src 'self'; connect-src 'none'` };
    await browser.driver.get(`${shop.url}/policy?ff_debug=1`);
    await says('Broken: Request leaves the page. The page’s Content-Security-Policy forbids it');
    shop.headers = {};
    shop.way = 'cut-before';
    await browser.driver.get(`${shop.url}/down?ff_debug=1`);
    await says('Broken: Request leaves the page. No answer');
    shop.way = 'pass';
    await says('Everything works.');
  });

  test('it tells pending from granted from denied, and leaves nothing on a device that said no', async () => {
    shop.pages['/ask'] = page('ask', { tag: 'site=shop&consent=pending&debug' });
    await browser.driver.get(`${shop.url}/forget`);
    await browser.driver.executeScript(`footfall('consent', 'denied')`);
    await browser.driver.get(`${shop.url}/ask`);
    await says('Pending');
    await browser.driver.executeScript(`footfall('consent', 'granted')`);
    await says('Granted.');
    await browser.driver.executeScript(`footfall('consent', 'denied')`);
    await says('Denied');
    await sleep(1_000);
    expect(await browser.driver.executeScript(`return document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)`)).toBe('');
  });

  test('without the overlay’s file the tag works all the same', async () => {
    shop.headers = {};
    const before = (await shop.stored()).length;
    shop.missing = ['/t/debug.js'];
    await browser.driver.get(`${shop.url}/b?ff_debug=1`);
    for (let tries = 0; tries < 100 && (await shop.stored()).length === before; tries++) await sleep(100);
    expect((await shop.stored()).length).toBeGreaterThan(before);
    shop.missing = [];
  });

  test('calls noted by the stub before the tag has loaded keep their address and time', async () => {
    shop.pages['/stub'] = page('stub', {
      head: `<script src="/t/stub.js"></script><script>footfall('track', 'early', {n: 1}); history.replaceState({}, '', '/later')</script>`,
    });
    await browser.driver.get(`${shop.url}/stub`);
    const early = async () => (await shop.stored()).find(({ type }) => type === 'early');
    for (let tries = 0; tries < 100 && !(await early()); tries++) await sleep(100);
    expect(JSON.stringify((await early())?.payload)).toContain('/stub');
  });
});

/** The analysts' pages in real browsers, on a simulated town of 5,000 people. */
import { By, Key } from 'selenium-webdriver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Analyst, analystAt } from './analyst.ts';
import { type Browser, ENGINES, launch } from './engines.ts';
import { ATTACKER, fillTown, JANE, startNow, type TownServer, tellAttacker, tellJane, tellRestless } from './ui-store.ts';

/** Each page, and what is there once it can be used. A new page is added here. */
const PAGES: readonly (readonly [string, string])[] = [
  ['#/live', 'table tbody tr:nth-child(20)'],
  ['#/customers', 'main a[href^="#/customers/demo/"]'],
  [`#/customers/demo/${JANE}`, '.journey .mark'],
  ['#/customers/demo/RESTLESS', '.journey .mark'],
  ['#/links', 'table tbody tr:nth-child(100)'],
  ['#/health', 'table tbody tr'],
];
const ATTACKED: readonly (readonly [string, string])[] = [...PAGES, [`#/customers/demo/${encodeURIComponent(ATTACKER)}`, '.journey .mark']];

let server: TownServer;
beforeAll(async () => {
  server = await startNow();
  await fillTown(server, { people: 5_000, days: 4 });
  await tellRestless(server, 'RESTLESS', 400);
  await tellAttacker(server);
  await tellJane(server);
});
afterAll(() => server?.close());

describe('chromium', () => {
  let browser: Browser;
  let analyst: Analyst;
  beforeAll(async () => {
    browser = await launch('chromium');
    analyst = await analystAt(browser, server);
  });
  afterAll(() => browser?.close());

  test.each(PAGES)('%s can be used within a second of navigating', async (hash, ready) => {
    const took = [await analyst.open(hash, ready), await analyst.open(hash, ready), await analyst.open(hash, ready)];
    console.log(`${hash}: ${took.join(', ')} ms`);
    expect(Math.min(...took)).toBeLessThan(1_000);
    expect(await analyst.faults()).toEqual([]);
  });

  test.each(PAGES)('axe finds nothing serious on %s, light, dark and on a phone', async (hash, ready) => {
    for (const [width, dark] of [
      [1280, false],
      [1280, true],
      [390, false],
    ] as const) {
      await analyst.size(width, 900, dark);
      await analyst.open(hash, ready);
      expect(await analyst.axe()).toEqual([]);
    }
    await analyst.size(1280, 900);
  });

  test.each(ATTACKED)('markup in every field of an event is text on %s', async (hash, ready) => {
    await analyst.open(hash, ready);
    expect(await analyst.faults()).toEqual([]);
    expect(await analyst.run('return document.querySelectorAll("img, iframe, script:not([src=\'/ui/app.js\'])").length')).toBe(0);
  });
});

describe.each(ENGINES)('%s', (engine) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(engine);
  });
  afterAll(() => browser?.close());

  test('signs in, opens each page, and signs out', async () => {
    const { driver } = browser;
    const analyst = await analystAt(browser, server);
    expect(await driver.getCurrentUrl()).not.toContain('sk_');
    for (const [hash, ready] of PAGES) expect(await analyst.open(hash, ready), hash).toBeLessThan(15_000);
    await (await analyst.find('header.top button')).click();
    await analyst.find('#token');
    await driver.get('about:blank');
    await driver.get(`${server.url}/#/links`);
    await analyst.find('#token');
    expect(await driver.executeScript('return localStorage.length + sessionStorage.length')).toBeLessThan(2);
  });

  test('a session that ends says so, and signing in again goes on with the page', async () => {
    const { driver } = browser;
    const { body } = await server.send<{ token: string; token_id: string }>('POST', '/v1/tokens', { name: 'Ann', scopes: ['read'] });
    const analyst = await analystAt(browser, server, body.token);
    await analyst.open('#/links?status=linked', 'table tbody tr');
    await server.send('DELETE', `/v1/tokens/${body.token_id}`);
    await (await analyst.find('.pager button:last-child')).click();
    expect(await analyst.text('#sign-in-message')).toContain('not valid any more');
    await (await analyst.find('#token')).sendKeys(server.admin_token, Key.ENTER);
    await analyst.find('table tbody tr');
    expect(await driver.getCurrentUrl()).toContain('#/links?status=linked');
    expect(await driver.findElements(By.css('#token'))).toEqual([]);
  });
});

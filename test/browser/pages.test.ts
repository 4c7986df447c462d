/** The analysts' pages in real browsers, on a simulated town of 5,000 people. */
import { setTimeout as sleep } from 'node:timers/promises';
import { By, Key } from 'selenium-webdriver';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startYardstick, type Yardstick } from '../yardstick.ts';
import { type Analyst, analystAt } from './analyst.ts';
import { type Browser, ENGINES, launch } from './engines.ts';
import { tellDoubts } from './ui-doubts.ts';
import { fillShops } from './ui-shops.ts';
import { ATTACKER, fillTown, JANE, startNow, type TownServer, tellAttacker, tellJane, tellRestless } from './ui-store.ts';

/** Each page, and what is there once it can be used. A new page is added here. */
const PAGES: readonly (readonly [string, string])[] = [
  ['#/live', 'table tbody tr:nth-child(20)'],
  ['#/customers', 'main a[href^="#/customers/demo/"]'],
  [`#/customers/demo/${JANE}`, '.journey .mark'],
  ['#/customers/demo/RESTLESS', '.journey .mark'],
  ['#/links', 'table tbody tr:nth-child(100)'],
  ['#/review', 'table tbody tr'],
  ['#/review?show=merges', 'table tbody tr'],
  ['#/codes', '.grid tbody tr'],
  ['#/funnel', '.bars li'],
  ['#/health', 'table tbody tr'],
];
const ATTACKED: readonly (readonly [string, string])[] = [...PAGES, [`#/customers/demo/${encodeURIComponent(ATTACKER)}`, '.journey .mark']];

/** 100,000 takes minutes to fill. */
const PEOPLE = Number(process.env['PAGES_PEOPLE'] ?? 5_000);

let server: TownServer;
beforeAll(async () => {
  server = await startNow();
  await fillTown(server, { people: PEOPLE, days: 4 });
  await tellRestless(server, 'RESTLESS', 5_000);
  await tellRestless(server, 'ENDLESS', 20_000);
  await tellAttacker(server);
  await tellJane(server);
  await fillShops(server);
  await tellDoubts(server);
}, 900_000);
afterAll(() => server?.close());

describe('chromium', () => {
  let browser: Browser;
  let analyst: Analyst;
  let yardstick: Yardstick;
  beforeAll(async () => {
    yardstick = startYardstick();
    browser = await launch('chromium');
    analyst = await analystAt(browser, server);
  });
  afterAll(async () => {
    await yardstick.stop();
    await browser?.close();
  });

  test.each(PAGES)('%s can be used within a second of navigating', async (hash, ready) => {
    const took = [await analyst.open(hash, ready), await analyst.open(hash, ready), await analyst.open(hash, ready)];
    console.log(`${hash}: ${took.join(', ')} ms`);
    expect(took.sort((a, b) => a - b)[1]).toBeLessThan(1_000 * yardstick.typical());
    expect(Math.max(...took)).toBeLessThan(5_000 * yardstick.worst());
    expect(await analyst.faults()).toEqual([]);
  });

  test.each(['RESTLESS', 'ENDLESS'])('the journey of %s, of thousands of events, never holds the page up', async (customer) => {
    await analyst.open(`#/customers/demo/${customer}`, '.journey .mark');
    const drawn = async (): Promise<number> => analyst.run('return document.querySelectorAll("*").length');
    const click = async (css: string): Promise<void> => {
      await (await analyst.find(css)).click();
      await sleep(300);
    };
    await sleep(500);
    expect(await drawn()).toBeLessThan(4_000);
    for (const step of ['Zoom out', 'Zoom in', 'Zoom in']) await click(`[aria-label="${step}"]`);
    await click('.zoom button:last-child');
    expect(await drawn()).toBeLessThan(4_000);
    await analyst.run('document.querySelector(".journey-frame").scrollLeft = 0');
    await click('.overview button:first-of-type');
    expect(await analyst.text('.overview')).toMatch(/^Earlier\s+Newest\s+1,000 of [\d,]+ events/);
    await click('.overview button:last-of-type');
    const slow = await analyst.longTasks();
    console.log(`${customer}: ${await drawn()} elements, tasks over 50 ms: ${slow.join(', ') || 'none'}`);
    expect(Math.max(0, ...slow)).toBeLessThan(200 * yardstick.worst());
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

/** The page of doubtful links, used as an operator would: decided in bulk after a dry run, and undone; read only for who may only read. */
import { By, Key, until, type WebElement } from 'selenium-webdriver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY, HOUR, type WireEvent } from '../../protocol/event.ts';
import { type Analyst, analystAt } from './analyst.ts';
import { clickOn } from './click.ts';
import { type Browser, launch } from './engines.ts';
import { ATTACK, importEvents, startNow, type TownServer } from './ui-store.ts';

let server: TownServer;
let browser: Browser;
let analyst: Analyst;
const PAIRS = 4;
beforeAll(async () => {
  server = await startNow();
  browser = await launch('chromium');
  analyst = await analystAt(browser, server);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

const now = Date.now();
let made = 0;
function event(type: string, browserId: string, time: number, customer_id?: string): WireEvent {
  made += 1;
  return {
    ...{ event_id: `review-${made}`, type, time, anonymous_id: browserId, session_id: `${browserId}-${time}` },
    ...{ url: 'http://localhost:8080/demo/', ...(customer_id && { customer_id }) },
  };
}
const shown = (xpath: string): Promise<WebElement> => browser.driver.wait(until.elementLocated(By.xpath(xpath)), 10_000, `no ${xpath}`);
const click = (xpath: string): Promise<void> => clickOn(browser.driver, By.xpath(xpath));
const said = (text: string): Promise<boolean> =>
  browser.driver.wait(async () => (await analyst.text('body')).includes(text), 10_000, `nothing says ${text}`);
const statuses = async (): Promise<string[]> =>
  (await server.links('site=demo')).map((link) => `${link.session_id} ${link.status} ${link.person_id}`);

test('each list says what it is about while it is empty, with the line for a script', async () => {
  for (const [list, title] of [
    ['', 'No session is ambiguous'],
    ['merges', 'Nobody seems to be two customers'],
    ['kiosks', 'No browser is public'],
    ['hubs', 'No customer is on too many browsers'],
    ['decisions', 'Nothing was decided yet'],
  ]) {
    await analyst.open(`#/review${list && `?show=${list}`}`, '.empty');
    expect(await analyst.text('.empty')).toContain(title);
    expect(await analyst.text('.for-scripts code')).toMatch(/^curl -H .*\/v1\//);
  }
});

test('ambiguous sessions are merged in bulk after a dry run, with a reason, and all is as before after the undo', async () => {
  for (let n = 0; n < PAIRS; n += 1) {
    await importEvents(server, [
      event('login', `amb-${n}`, now - 3 * DAY + n, `A${n} 👩‍🦰`),
      event('page_view', `amb-${n}`, now - 2 * DAY + n),
      event('login', `amb-${n}`, now - DAY + n, `B${n} שרה`),
    ]);
  }
  const before = await statuses();
  await analyst.open('#/review', 'table tbody tr:nth-child(4)');
  expect(await analyst.text('table')).toContain('שרה');
  await (await analyst.find('.deeds label input')).sendKeys(Key.SPACE);
  expect(await analyst.text('.deeds [role="status"]')).toBe('4 chosen');
  await (await shown('//button[starts-with(., "One person")]')).sendKeys(Key.ENTER);
  await said('Up to 4 links would change');
  expect(await statuses()).toEqual(before);
  await browser.driver.switchTo().activeElement();
  await (await analyst.find('dialog.confirm input')).sendKeys('married, two accounts', Key.ENTER);
  await said('4 decisions made, 4 links changed.');
  await said('No session is ambiguous');
  expect((await statuses()).filter((status) => status.includes('ambiguous'))).toEqual([]);
  await click('//button[starts-with(., "Undo")]');
  await said('Up to 4 links would change');
  await (await analyst.find('dialog.confirm input')).sendKeys('they are not', Key.ENTER);
  await analyst.find('table tbody tr:nth-child(4)');
  expect(await statuses()).toEqual(before);
});

test('one row is enough to decide: a public browser', async () => {
  await click('(//td//input[@type="checkbox"])[1]');
  await click('//button[starts-with(., "Public browser")]');
  await said('1 link would change');
  await (await analyst.find('dialog.confirm input')).sendKeys('stands in the shop', Key.ENTER);
  await said('1 decision made');
  await click('//nav[@aria-label="Lists"]//a[.="Public browsers"]');
  await shown('//td[.="decided"]');
});

test('a session’s candidates are looked at, and one’s claim is taken back', async () => {
  await analyst.open('#/review', 'table tbody tr:nth-child(3)');
  await click('(//button[.="why?"])[1]');
  await click('(//button[starts-with(., "Take its claim back")])[1]');
  await said('2 links would change');
  await (await shown('//dialog[contains(@class, "confirm")]//input')).sendKeys('a slip', Key.ENTER);
  await said('1 decision made');
  await browser.driver.wait(async () => (await browser.driver.findElements(By.css('table tbody tr'))).length === 2, 10_000, 'not gone');
});

test('two customers on one browser are suggested with the reason, and are text whatever their names', async () => {
  await importEvents(server, [
    event('login', 'house', now - 3 * HOUR, `${ATTACK}1`),
    event('login', 'house', now - 2 * HOUR, `${ATTACK}2`),
  ]);
  await analyst.open('#/review?show=merges', 'table tbody tr');
  await said('nobody else there: one after the other');
  await click(`//tr[contains(., "onerror")]//input`);
  await click('//button[starts-with(., "One person")]');
  await said('1 customer would belong to another person');
  await (await analyst.find('dialog.confirm input')).sendKeys(ATTACK, Key.ENTER);
  await said('1 decision made');
  await analyst.open('#/review?show=decisions', 'table tbody tr');
  expect(await analyst.text('table')).toContain(ATTACK);
  expect(await analyst.faults()).toEqual([]);
  expect(await analyst.run('return document.querySelectorAll("img, iframe, script:not([src=\'/ui/app.js\'])").length')).toBe(0);
});

test('the list of decisions shows which were taken back, and takes back more of them', async () => {
  const rows = await browser.driver.findElements(By.css('tr.is-gone'));
  expect(rows).toHaveLength(PAIRS);
  await click('(//td//input[@type="checkbox"])[1]');
  await click('//button[starts-with(., "Take back")]');
  await (await analyst.find('dialog.confirm input')).sendKeys('no', Key.ENTER);
  await said('1 decision made');
  await browser.driver.wait(
    async () => (await browser.driver.findElements(By.css('tr.is-gone'))).length === PAIRS + 1,
    10_000,
    'not marked',
  );
});

test('a customer on 21 browsers is a possible hub until it is decided', async () => {
  await importEvents(
    server,
    Array.from({ length: 21 }, (_, n) => event('login', `till-${n}`, now - HOUR + n, 'STAFF')),
  );
  await analyst.open('#/review?show=hubs', 'table tbody tr');
  await click('(//td//input[@type="checkbox"])[1]');
  await click('//button[starts-with(., "Nobody")]');
  await said('21 links would change');
  await (await analyst.find('dialog.confirm input')).sendKeys('the till', Key.ENTER);
  await said('No customer is on too many browsers');
});

test('every list passes axe, on a phone as well', async () => {
  for (const width of [1280, 390])
    for (const list of ['ambiguous', 'merges', 'kiosks', 'hubs', 'decisions']) {
      await analyst.size(width, 900, width === 390);
      await analyst.open(`#/review?show=${list}`, 'main .loaded[aria-busy="false"]');
      expect(await analyst.axe(), list).toEqual([]);
    }
  await analyst.size(1280, 900);
});

test('who may only read sees the lists, and no box to decide', async () => {
  const { body } = await server.send<{ token: string }>('POST', '/v1/tokens', { name: 'Ann', scopes: ['read'] });
  await analyst.run('return fetch("/ui/session", { method: "DELETE" })');
  const reader = await analystAt(browser, server, body.token);
  await reader.open('#/review?show=decisions', 'table tbody tr');
  expect(await reader.text('main')).toContain('One of scope admin decides.');
  expect(await browser.driver.findElements(By.css('input[type="checkbox"]'))).toEqual([]);
});

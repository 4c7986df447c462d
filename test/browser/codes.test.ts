/** The page of codes, used as a shop would: a code is made, edited, retired and printed; a file with a wrong line is refused. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { By, Key, until, type WebElement } from 'selenium-webdriver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestServer } from '../collector/server.ts';
import { type Analyst, analystAt } from './analyst.ts';
import { clickOn } from './click.ts';
import { type Browser, launch } from './engines.ts';
import { fillShops } from './ui-shops.ts';
import { ATTACK, startNow } from './ui-store.ts';

let server: TestServer;
let browser: Browser;
let analyst: Analyst;
const folder = mkdtempSync(join(tmpdir(), 'footfall-codes-'));

beforeAll(async () => {
  server = await startNow();
  browser = await launch('chromium');
  analyst = await analystAt(browser, server);
  await browser.cdp('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(folder, { recursive: true });
});

const click = (xpath: string): Promise<void> => clickOn(browser.driver, By.xpath(xpath));
async function shown(xpath: string): Promise<WebElement> {
  return browser.driver.wait(until.elementLocated(By.xpath(xpath)), 10_000, `no ${xpath}`);
}
async function said(text: string): Promise<void> {
  await browser.driver.wait(async () => (await analyst.text('body')).includes(text), 10_000, `nothing says ${text}`);
}
async function fill(name: string, value: string): Promise<void> {
  const field = await analyst.find(`dialog.form-dialog [name="${name}"]`);
  await field.clear();
  await field.sendKeys(value);
}

test('without a code the page says how to make, print and scan one, each with its line to copy', async () => {
  const { body } = await server.send<{ site: string }>('POST', '/v1/sites', {
    site: 'empty',
    name: 'Empty',
    origins: ['https://shop.example.com'],
  });
  await analyst.run('localStorage.setItem("footfall_site", arguments[0])', body.site);
  await analyst.open('#/codes', '.empty .snippet');
  await said('Nobody has scanned a code yet');
  const lines = await browser.driver.findElements(By.css('.empty .snippet code'));
  expect(await Promise.all(lines.map((line) => line.getText()))).toEqual([
    'npx footfall codes import codes.csv --site empty --dry-run',
    'npx footfall codes sheet --site empty --out codes.pdf',
  ]);
});

test('a store is added, and its name changed', async () => {
  await click('//button[.="Add a store"]');
  await fill('id', 'bern');
  await fill('name', 'Bern');
  await click('//button[.="Add it"]');
  await click('//button[@aria-label="Rename Bern"]');
  await fill('name', 'Bern Altstadt 🐻');
  await click('//button[.="Save"]');
  await shown('//td[contains(., "Bern Altstadt 🐻")]');
  expect((await server.get<{ stores: object[] }>('/v1/stores?site=empty')).stores).toEqual([
    { site: 'empty', id: 'bern', name: 'Bern Altstadt 🐻', gln: null },
  ]);
});

test('a code is made with the keyboard alone; a bad target is refused in words, and nothing typed is lost', async () => {
  const { driver } = browser;
  await driver.executeScript('[...document.querySelectorAll("button")].find((b) => b.textContent === "New code").focus()');
  await driver.switchTo().activeElement().sendKeys(Key.ENTER);
  await analyst.find('dialog.form-dialog[open]');
  expect(await analyst.run('return document.activeElement.closest("dialog") !== null')).toBe(true);
  await fill('target', 'javascript:alert(1)');
  await fill('label', ATTACK);
  await fill('code', 'shelf-7');
  await driver.switchTo().activeElement().sendKeys(Key.ENTER);
  await said('target:');
  expect(await (await analyst.find('[name="label"]')).getAttribute('value')).toBe(ATTACK);
  await fill('target', 'https://shop.example.com/p/tv?colour=red');
  await (await analyst.find('[name="store_id"] option[value="bern"]')).click();
  await (await analyst.find('[name="target"]')).sendKeys(Key.ENTER);
  await said('Made SHELF-7.');
  await analyst.find('.drawer img[src="/v1/codes/SHELF-7.svg"]');
  await driver.wait(() => analyst.run<boolean>('return document.querySelector(".drawer img").naturalWidth > 0'), 5_000, 'no picture');
  expect(await analyst.faults()).toEqual([]);
  expect(await analyst.text('.drawer')).toContain(ATTACK);
});

test('it is edited and retired, its history says so, and the next scan sees it', async () => {
  await click('//dialog[contains(@class, "drawer")]//button[.="Edit"]');
  await fill('target', 'https://shop.example.com/p/tv-2');
  await click('//details/summary');
  await fill('fallback', 'https://shop.example.com/over');
  await click('//button[.="Save"]');
  await said('https://shop.example.com/p/tv?colour=red → https://shop.example.com/p/tv-2');
  const { headers } = await fetch(`${server.url}/q/SHELF-7`, { redirect: 'manual' });
  expect(headers.get('location')).toContain('https://shop.example.com/p/tv-2');
  await click('//dialog[contains(@class, "drawer")]//button[.="Retire"]');
  await said('it leads to https://shop.example.com/over');
  await click('//dialog[contains(@class, "confirm")]//button[@type="submit"]');
  await said('active: yes → no');
  expect((await fetch(`${server.url}/q/SHELF-7`, { redirect: 'manual' })).headers.get('location')).toContain(
    'https://shop.example.com/over',
  );
  await click('//dialog[contains(@class, "drawer")]//button[.="Take up again"]');
  await click('//dialog[contains(@class, "confirm")]//button[@type="submit"]');
  await said('active: no → yes');
});

test('it is printed: a PDF comes down', async () => {
  await click('//button[.="Print a sheet"]');
  expect(await (await analyst.find('[name="named"]')).getAttribute('value')).toBe('SHELF-7');
  await click('//button[.="Make the PDF"]');
  await browser.driver.wait(
    () => readdirSync(folder).includes('codes.pdf') && readFileSync(join(folder, 'codes.pdf')).length > 0,
    30_000,
    'no PDF',
  );
  expect(readFileSync(join(folder, 'codes.pdf')).subarray(0, 5).toString()).toBe('%PDF-');
});

test('a file with a wrong line is refused line by line, and imported once it is right', async () => {
  await analyst.open('#/codes', '.page-head button');
  const rows = [
    'code,target,label',
    'ROW1,https://shop.example.com/1,one',
    'ROW2,ftp://shop.example.com/2,two',
    'ROW3,https://shop.example.com/3',
  ];
  writeFileSync(join(folder, 'bad.csv'), rows.join('\n'));
  writeFileSync(join(folder, 'good.csv'), rows.slice(0, 2).join('\n'));
  await click('//button[.="Import CSV"]');
  await (await analyst.find('input[type="file"]')).sendKeys(join(folder, 'bad.csv'));
  await said('Nothing is, until all can.');
  const found = await browser.driver.findElements(By.css('.form-dialog tbody tr'));
  const texts = await Promise.all(found.map((row) => row.getText()));
  expect(texts).toHaveLength(2);
  expect(texts[0]).toMatch(/^3 target /);
  expect(texts[1]).toMatch(/^4 — 2 cells where the header has 3/);
  expect(await browser.driver.findElements(By.xpath('//button[starts-with(., "Import 3")]'))).toEqual([]);
  await click('//button[.="Save the list"]');
  await browser.driver.wait(
    () => readdirSync(folder).includes('rejects.csv') && readFileSync(join(folder, 'rejects.csv')).length > 0,
    10_000,
    'no list',
  );
  expect(readFileSync(join(folder, 'rejects.csv'), 'utf8').split('\r\n')[0]).toBe('"line","field","reason"');
  await (await analyst.find('input[type="file"]')).sendKeys(join(folder, 'good.csv'));
  await click('//button[.="Import 1 code"]');
  await said('Imported 1 codes.');
  await shown('//td[contains(@class, "c-code")]//code[.="ROW1"]');
});

test('the grid shows who bought in which store, and the ranking opens a code', async () => {
  await fillShops(server, 40);
  await analyst.run('localStorage.setItem("footfall_site", "demo")');
  await analyst.open('#/codes', '.grid tbody tr:nth-child(3)');
  expect(await analyst.text('.grid')).toContain('תל אביב דיזנגוף');
  expect(await analyst.text('.grid')).toContain('LAMP-🌙');
  const { rows } = await server.get<{ rows: { by: { code: string }; scans: number }[] }>('/v1/scans/report?site=demo&by=code');
  const first = await (await shown('//section[@aria-label="What scans led to"]//tbody/tr[1]//code')).getText();
  expect(rows.filter(({ scans }) => scans === rows[0]?.scans).map(({ by }) => by.code)).toContain(first);
  await click('//nav[@aria-label="Added up"]//a[.="by store"]');
  await shown('//section[@aria-label="What scans led to"]//th[.="Store"]');
  await shown('//section[@aria-label="What scans led to"]//td[contains(., "Berlin Mitte")]');
  expect(await browser.driver.getCurrentUrl()).toContain('by=store');
});

test('ten thousand codes are turned page by page', async () => {
  const rows = Array.from({ length: 10_000 }, (_, n) => `MANY-${String(n).padStart(5, '0')},${server.url}/demo/p/${n},Label ${n}`);
  const answer = await fetch(`${server.url}/v1/codes/import?site=demo`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.admin_token}`, 'content-type': 'text/csv' },
    body: `code,target,label\n${rows.join('\n')}`,
  });
  expect(answer.status).toBe(200);
  const list = 'section[aria-label="Codes"]';
  expect(await analyst.open('#/codes', `${list} tbody tr:nth-child(100)`)).toBeLessThan(5_000);
  const firstCode = (): Promise<string> => analyst.run('return document.querySelector(arguments[0]).textContent', `${list} tbody tr code`);
  const first = await firstCode();
  await (await analyst.find(`${list} .pager button:last-child`)).click();
  await browser.driver.wait(async () => (await firstCode()) !== first, 10_000, 'the page was not turned');
  expect(await browser.driver.findElements(By.css(`${list} tbody tr`))).toHaveLength(100);
});

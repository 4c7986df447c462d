/** The page of the funnel says what the report says, by person and by device, and keeps its days in the address. */
import { By } from 'selenium-webdriver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DAY } from '../../protocol/event.ts';
import { type Analyst, analystAt } from './analyst.ts';
import { type Browser, launch } from './engines.ts';
import { fillShops } from './ui-shops.ts';
import { startNow, type TownServer, tellJane } from './ui-store.ts';

let server: TownServer;
let browser: Browser;
let analyst: Analyst;
beforeAll(async () => {
  server = await startNow();
  browser = await launch('chromium');
  analyst = await analystAt(browser, server);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

test('without a visit the page says what to do', async () => {
  await analyst.open('#/funnel', '.empty .snippet');
  expect(await analyst.text('.empty')).toContain('Nothing collected yet');
});

test('every bar stands for the number that the report gives', async () => {
  await tellJane(server);
  await fillShops(server, 30);
  await new Promise((resolve) => setTimeout(resolve, 16_000));
  await analyst.open('#/funnel', '.bars li');
  for (const [column, by] of [
    [1, 'person'],
    [2, 'browser'],
  ] as const) {
    const report = await server.get<{ rows: Record<string, number>[] }>(`/v1/reports/funnel?site=demo&by=${by}`);
    const all = report.rows[0] ?? {};
    const bars = await browser.driver.findElements(By.css(`section[aria-label="Everybody"] .bars:nth-of-type(${column}) .count b`));
    const shown = await Promise.all(bars.map(async (bar) => Number(await bar.getText())));
    expect(shown).toEqual([all['entered'], all['viewed'], all['carted'], all['purchased']]);
    const widths = await analyst.run<number[]>(
      'return [...document.querySelectorAll("section[aria-label=Everybody] .bars:nth-of-type(" + arguments[0] + ") .bar span")].map((bar) => Math.round(1000 * bar.offsetWidth / bar.parentElement.offsetWidth) / 10)',
      column,
    );
    expect(widths[0]).toBe(100);
    expect(widths[3]).toBeCloseTo((100 * (all['purchased'] ?? 0)) / (all['entered'] ?? 1), 0);
  }
});

test('days without anybody say so, and the address carries them', async () => {
  const day = new Date(Date.now() - 100 * DAY).toISOString().slice(0, 10);
  await analyst.open(`#/funnel?from=${day}&to=${new Date(Date.now() - 99 * DAY).toISOString().slice(0, 10)}`, '.empty');
  expect(await analyst.text('.empty')).toContain('Nobody came in these days');
  expect(await (await analyst.find('#filter-from')).getAttribute('value')).toBe(day);
});

/** An analyst at a real browser: signs in, opens pages of the collector, and notices what they do wrong. */
import axe from 'axe-core';
import { By, until, type WebElement } from 'selenium-webdriver';
import type { TestServer } from '../collector/server.ts';
import type { Browser } from './engines.ts';

export interface Analyst {
  /** Opens an address of the pages anew, and waits for what makes it usable. Answers how many ms that took since navigating. */
  open(hash: string, ready: string): Promise<number>;
  find(css: string): Promise<WebElement>;
  text(css: string): Promise<string>;
  run<T>(script: string, ...args: unknown[]): Promise<T>;
  /** What the page threw, what its policy refused, and what an attack did. Chromium only. */
  faults(): Promise<string[]>;
  /** Tasks of 50 ms and more since the page was opened. Chromium only. */
  longTasks(): Promise<number[]>;
  /** What axe finds that is serious or critical. */
  axe(): Promise<string[]>;
  size(width: number, height: number, dark?: boolean): Promise<void>;
}

/** Signs in with the link that the collector prints. */
export async function analystAt(browser: Browser, server: TestServer, token = server.admin_token): Promise<Analyst> {
  const { driver, engine } = browser;
  if (engine === 'chromium') await browser.cdp('Page.addScriptToEvaluateOnNewDocument', { source: NOTICE });
  const find = (css: string): Promise<WebElement> => driver.wait(until.elementLocated(By.css(css)), 10_000, `no ${css}`);
  const analyst: Analyst = {
    async open(hash, ready) {
      await driver.get('about:blank');
      await driver.get(`${server.url}/${hash}`);
      return driver.executeAsyncScript<number>(WAIT, ready);
    },
    find,
    text: async (css) => (await find(css)).getText(),
    run: <T>(script: string, ...args: unknown[]) => driver.executeScript<T>(script, ...args),
    faults: () => driver.executeScript<string[]>('return [...window.noticed, ...(window.pwned ? ["an attack ran"] : [])]'),
    longTasks: () => driver.executeScript<number[]>('return window.longTasks'),
    async axe() {
      await driver.executeScript(axe.source);
      const found = await driver.executeAsyncScript<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
        'const done = arguments[0]; axe.run(document, {resultTypes: ["violations"]}).then((found) => done(found.violations.filter(({impact}) => impact === "serious" || impact === "critical")), (e) => done([{id: String(e), nodes: []}]))',
      );
      return found.map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ html, failureSummary }) => `${html} ${failureSummary}`)
            .join(' | ')
            .slice(0, 600)}`,
      );
    },
    async size(width, height, dark = false) {
      await browser.cdp('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
      await browser.cdp('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    },
  };
  await driver.get('about:blank');
  await driver.get(`${server.url}/#token=${token}`);
  await find('header.top');
  return analyst;
}

/** Runs before the page's own scripts. */
const NOTICE = `
  window.noticed = []; window.longTasks = [];
  addEventListener('error', (event) => noticed.push('error: ' + event.message));
  addEventListener('unhandledrejection', (event) => noticed.push('rejection: ' + event.reason));
  addEventListener('securitypolicyviolation', (event) => noticed.push('policy: ' + event.violatedDirective + ' ' + event.blockedURI));
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) longTasks.push(Math.round(entry.duration)); }).observe({ type: 'longtask', buffered: true });
`;

/** The moment when it is there and drawn, by the page's own clock; a page that never gets there says what it shows. */
const WAIT = `
  const [ready, done] = arguments;
  const look = () => {
    if (document.querySelector(ready)) return requestAnimationFrame(() => done(Math.round(performance.now())));
    if (performance.now() > 15000) return done(99999);
    setTimeout(look, 10);
  };
  look();`;

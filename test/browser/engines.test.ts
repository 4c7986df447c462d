/** The browsers that all other browser tests stand on: real engines, started, driven, stopped and killed. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, ENGINES, type LaunchOptions, launch, setClock } from './engines.ts';

const PAGE = `<!doctype html>
<meta name="viewport" content="width=device-width">
<title>Shop</title>
<script>
  var seen = { at: Date.now(), year: new Date().getFullYear(), origin: performance.timeOrigin, keys: Object.keys(window).length };
  addEventListener('pageshow', function (event) { seen.persisted = event.persisted; });
</script>
<h1>Shop</h1><a id="tv" href="/tv?size=55">TV</a><input id="q"><iframe srcdoc="<p id=inside>inside</p>"></iframe>`;

let server: Server;
let shop: string;
const open: Browser[] = [];
const folders: string[] = [];

beforeAll(async () => {
  server = createServer((req, res) => {
    res.setHeader('content-type', 'text/html').setHeader('set-cookie', 'from_server=1; Path=/');
    // Firefox did not cache the page with the frame.
    res.end(req.url?.startsWith('/plain') ? PAGE.replace(/<iframe.*/, '') : PAGE);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  shop = `http://localhost:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((browser) => browser.close()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

async function start(engine: Browser['engine'], options?: LaunchOptions): Promise<Browser> {
  const browser = await launch(engine, options);
  open.push(browser);
  return browser;
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-profile-'));
  folders.push(folder);
  return folder;
}

describe.each(ENGINES)('%s', (engine) => {
  test('opens pages, runs scripts, keeps cookies and goes back', async () => {
    const { driver } = await start(engine);
    await driver.get(`${shop}/`);
    expect(await driver.getTitle()).toBe('Shop');
    expect(await driver.executeScript('return [arguments[0] + 1, navigator.webdriver]', 41)).toEqual([42, true]);
    expect((await driver.manage().getCookie('from_server')).value).toBe('1');

    await driver.findElement({ id: 'q' }).sendKeys('tv');
    expect(await driver.executeScript('return document.getElementById("q").value')).toBe('tv');
    await driver.switchTo().frame(driver.findElement({ css: 'iframe' }));
    expect(await driver.findElement({ id: 'inside' }).getText()).toBe('inside');
    await driver.switchTo().defaultContent();

    await driver.findElement({ id: 'tv' }).click();
    await expect.poll(() => driver.getCurrentUrl()).toBe(`${shop}/tv?size=55`);
    await driver.navigate().back();
    await expect.poll(() => driver.getCurrentUrl()).toBe(`${shop}/`);
    expect(await driver.executeAsyncScript('const done = arguments[0]; setTimeout(() => done("later"), 5)')).toBe('later');
  });

  test('comes back from its back/forward cache', async () => {
    const { driver } = await start(engine);
    await driver.get(`${shop}/plain`);
    await driver.get(`${shop}/plain?2`);
    await driver.navigate().back();
    await expect.poll(() => driver.executeScript('return window.seen?.persisted')).toBe(true);
  });

  test('shares storage between tabs and nothing between browsers', async () => {
    const [one, other] = await Promise.all([start(engine), start(engine)]);
    await one.driver.get(`${shop}/`);
    await one.driver.executeScript('localStorage.cart = "tv"; document.cookie = "visitor=jane"');
    await one.driver.switchTo().newWindow('tab');
    await one.driver.get(`${shop}/tab`);
    expect(await one.driver.getAllWindowHandles()).toHaveLength(2);
    expect(await one.driver.executeScript('return [localStorage.cart, document.cookie]')).toEqual(['tv', 'from_server=1; visitor=jane']);
    await other.driver.get(`${shop}/`);
    expect(await other.driver.executeScript('return [localStorage.cart ?? null, document.cookie]')).toEqual([null, 'from_server=1']);
  });

  test('leaves neither processes nor its profile behind', async () => {
    const closed = await start(engine);
    const killed = await start(engine);
    for (const browser of [closed, killed]) expect(processesOf(browser.profileDir)).not.toEqual([]);
    await Promise.all([closed.close(), killed.kill()]);
    for (const browser of [closed, killed]) {
      expect(processesOf(browser.profileDir)).toEqual([]);
      expect(existsSync(browser.profileDir)).toBe(false);
    }
  });

  test('says why it does not start', async () => {
    const missing = { chromium: 'chromedriver', firefox: 'firefox-esr', webkit: 'WebKitWebDriver' }[engine];
    const path = process.env.PATH;
    const tools = makeFolder();
    // Everything that a start needs but the driver.
    for (const tool of ['perl', 'uname', 'rm', 'Xvfb', 'sh', 'xkbcomp']) {
      execFileSync('ln', ['-s', execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(tools, tool)]);
    }
    process.env.PATH = tools;
    try {
      await expect(launch(engine)).rejects.toThrow(`cannot run ${missing}`);
    } finally {
      process.env.PATH = path;
    }
  });
});

// WebKitGTK's MiniBrowser keeps no profile when it is driven.
describe.each(['chromium', 'firefox'] as const)('%s', (engine) => {
  test('killed and started again on its profile, it has its storage', async () => {
    const profileDir = makeFolder();
    const first = await start(engine, { profileDir });
    await first.driver.get(`${shop}/`);
    await first.driver.executeScript('localStorage.cart = "tv"');
    // Both write localStorage to disk up to 5 s later: what is younger is lost to a crash, by design.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    await first.kill();
    const second = await start(engine, { profileDir });
    await second.driver.get(`${shop}/`);
    expect(await second.driver.executeScript('return localStorage.cart')).toBe('tv');
  });

  test('pages live at the time of the test clock from their first script on', async () => {
    const browser = await start(engine, { clock: { at: Date.UTC(2031, 5, 15) } });
    const seen = async () =>
      (await browser.driver.executeScript('return window.seen')) as Record<'at' | 'year' | 'origin' | 'keys', number>;
    const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
    await browser.driver.get(`${shop}/`);
    const first = await seen();
    expect([day(first.at), first.year, day(first.origin)]).toEqual(['2031-06-15', 2031, '2031-06-15']);

    await setClock(browser, { at: Date.UTC(2031, 5, 17) });
    expect(day(await browser.driver.executeScript('return window.Date.now()')), 'in the open page').toBe('2031-06-17');
    await browser.driver.get(`${shop}/`);
    const second = await seen();
    expect(day(second.at)).toBe('2031-06-17');
    const script = 'const { Date } = window; return [new Date() instanceof Date, new Date(0).getTime(), Date.UTC(1970), typeof Date()]';
    expect(await browser.driver.executeScript(script)).toEqual([true, 0, 0, 'string']);
    expect(await browser.driver.executeAsyncScript(RUNS_ON)).toBeGreaterThanOrEqual(20);

    await setClock(browser, { offset: 0 });
    await browser.driver.get(`${shop}/`);
    const plain = await seen();
    expect(Math.abs(plain.at - Date.now())).toBeLessThan(60_000);
    expect(plain.keys, 'names on window').toBe(second.keys);
  });
});

const RUNS_ON = 'const done = arguments[0], { Date } = window, then = Date.now(); setTimeout(() => done(Date.now() - then), 25)';

test('chromium is a phone when asked', async () => {
  const { driver } = await start('chromium', { mobile: true });
  await driver.get(`${shop}/`);
  const script =
    'return [innerWidth, devicePixelRatio > 2, navigator.maxTouchPoints > 0, navigator.userAgentData.mobile, matchMedia("(pointer: coarse)").matches]';
  expect(await driver.executeScript(script)).toEqual([412, true, true, true, true]);
  expect(await driver.executeScript('return navigator.userAgent')).toMatch(/Android.+Mobile/);
  await expect(launch('firefox', { mobile: true })).rejects.toThrow('only chromium');
});

test('chromium takes commands of the DevTools protocol, the others say that they do not', async () => {
  const [chromium, webkit] = await Promise.all([start('chromium'), start('webkit')]);
  expect(await chromium.cdp('Browser.getVersion')).toMatchObject({ product: expect.stringContaining('Chrome') });
  await expect(webkit.cdp('Browser.getVersion')).rejects.toThrow('webkit has no DevTools');
  await expect(setClock(webkit, { offset: 1 })).rejects.toThrow('clockScript');
});

test('a test process that is killed takes its browsers along', async () => {
  const profileDir = makeFolder();
  const engines = fileURLToPath(new URL('engines.ts', import.meta.url));
  const script = `import(${JSON.stringify(engines)}).then((m) => m.launch('chromium', { profileDir: ${JSON.stringify(profileDir)} })).then(() => console.log('up'))`;
  const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  expect(processesOf(profileDir)).not.toEqual([]);
  child.kill('SIGKILL');
  await expect.poll(() => processesOf(profileDir), { timeout: 10_000 }).toEqual([]);
});

/** Browsers name their profile in their arguments or, through HOME, in their environment. */
function processesOf(profileDir: string): string[] {
  const search = 'grep -lsF -- "$0" /proc/[0-9]*/cmdline /proc/[0-9]*/environ || :';
  const found = execFileSync('bash', ['-c', search, profileDir], { encoding: 'utf8' }).split('\n');
  const own = [`/proc/${process.pid}/`, '/proc/self/'];
  return found.filter((file) => file !== '' && !own.some((prefix) => file.startsWith(prefix)) && existsSync(file));
}

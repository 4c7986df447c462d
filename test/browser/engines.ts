/** Launches the three real browser engines, each in a profile of its own, behind one WebDriver interface. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Builder, type WebDriver } from 'selenium-webdriver';
import { freePorts } from '../../bench/harness/ports.ts';
import { type Guarded, startGuarded } from '../guard.ts';
import { clockScript } from './clock.ts';
import { bridgeMarionette } from './marionette.ts';

export const ENGINES = ['chromium', 'firefox', 'webkit'] as const;
export type Engine = (typeof ENGINES)[number];

export interface LaunchOptions {
  /** A phone: small touch screen, mobile user agent and client hints. Chromium only. */
  mobile?: boolean;
  /** An existing folder that outlives the browser. Default: a new one, removed at the end. */
  profileDir?: string;
  /** `setClock` from the first page on. */
  clock?: Clock;
  /** Further command line switches of the browser. */
  args?: readonly string[];
  /** Further about:config settings. Firefox only. */
  prefs?: Readonly<Record<string, boolean | number | string>>;
}

/** When the page's clock stands: at an epoch now, in ms, or that far from the machine's. It runs on from there. */
export type Clock = { at: number } | { offset: number };

export interface Browser {
  readonly engine: Engine;
  readonly driver: WebDriver;
  readonly profileDir: string;
  /** A command of the DevTools protocol to the current tab. Chromium only. */
  cdp(method: string, params?: object): Promise<unknown>;
  /** Ends the browser as a user would. Safe to repeat. */
  close(): Promise<void>;
  /** SIGKILL, as a crash or an empty battery would. The profile stays if it was given. */
  kill(): Promise<void>;
}

/** Throws with the driver's own output when the engine does not come up within 30 s. */
export async function launch(engine: Engine, options: LaunchOptions = {}): Promise<Browser> {
  if (options.mobile && engine !== 'chromium') throw new Error(`${engine} cannot be a phone; only chromium can`);
  const temporary = options.profileDir === undefined;
  const profileDir = options.profileDir ?? mkdtempSync(join(tmpdir(), `footfall-${engine}-`));
  const started = await STARTERS[engine](profileDir, options, temporary ? [profileDir] : []);
  const browser = toBrowser(engine, started, profileDir);
  if (options.clock) await setClock(browser, options.clock);
  return browser;
}

/**
 * Sets the clock of the current page and of every later one, before any script of it runs (Chromium: of the current tab).
 * A script that the driver runs has a Date of its own in Firefox: there, ask `window.Date`.
 * WebKitGTK offers no way to do so: there a test's server has to put `clockScript` first in its pages.
 */
export async function setClock(browser: Browser, clock: Clock): Promise<void> {
  const script = clockScript('at' in clock ? clock.at - Date.now() : clock.offset);
  const previous = clocks.get(browser);
  if (browser.engine === 'chromium') {
    const key = await browser.driver.getWindowHandle();
    const known = previous?.get(key);
    if (known) await browser.cdp('Page.removeScriptToEvaluateOnNewDocument', { identifier: known });
    const added = (await browser.cdp('Page.addScriptToEvaluateOnNewDocument', { source: script })) as { identifier: string };
    clocks.set(browser, new Map(previous).set(key, added.identifier));
  } else if (browser.engine === 'firefox') {
    const known = previous?.get('');
    if (known) await sendBidi(browser.driver, 'script.removePreloadScript', { script: known });
    const added = await sendBidi(browser.driver, 'script.addPreloadScript', { functionDeclaration: `() => { ${script} }` });
    clocks.set(browser, new Map([['', (added as { script: string }).script]]));
  } else {
    throw new Error("WebKitGTK runs no script before the page's own; serve clockScript() in the page instead");
  }
  await browser.driver.executeScript(script);
}
/** The installed clock scripts by tab, to be replaced by the next. */
const clocks = new WeakMap<Browser, ReadonlyMap<string, string>>();

interface Started {
  driver: WebDriver;
  processes: readonly Guarded[];
  /** Ends by itself once told to quit, writing its profile; with the driver's answer alone it is not done. */
  quits?: Guarded;
  release?(): void;
}

function toBrowser(engine: Engine, { driver, processes, quits, release }: Started, profileDir: string): Browser {
  const kill = async () => {
    await Promise.all(processes.map((one) => one.kill()));
    release?.();
  };
  const quit = async () => {
    await Promise.race([driver.quit().catch(() => {}), sleep(QUIT_TIMEOUT, undefined, { ref: false })]);
    await quits?.ended(QUIT_TIMEOUT);
  };
  let ending: Promise<void> | undefined;
  return {
    engine,
    driver,
    profileDir,
    async cdp(method, params = {}) {
      if (!('sendAndGetDevToolsCommand' in driver)) throw new Error(`${engine} has no DevTools protocol`);
      const chromium = driver as WebDriver & { sendAndGetDevToolsCommand(method: string, params: object): Promise<unknown> };
      return chromium.sendAndGetDevToolsCommand(method, params);
    },
    kill: () => (ending ??= kill()),
    close: () => (ending ??= quit().then(kill)),
  };
}

const START_TIMEOUT = 90_000;
const QUIT_TIMEOUT = 5_000;

type Starter = (profileDir: string, options: LaunchOptions, removes: readonly string[]) => Promise<Started>;
const STARTERS: Record<Engine, Starter> = { chromium: startChromium, firefox: startFirefox, webkit: startWebKit };

async function startChromium(profileDir: string, options: LaunchOptions, removes: readonly string[]): Promise<Started> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startChromedriver(profileDir, options, removes);
    } catch (error) {
      // It picks a port that is free in IPv6, and then ends if that is taken in IPv4.
      if (tries === 5 || !/Address already in use/.test(String(error))) throw error;
    }
  }
}

async function startChromedriver(profileDir: string, { mobile, args = [] }: LaunchOptions, removes: readonly string[]): Promise<Started> {
  const service = startGuarded('chromedriver', ['--port=0'], { removes, env: isolated(profileDir) });
  return orKill([service], async () => {
    const [, port] = await service.waitFor(/started successfully on port (\d+)/, START_TIMEOUT);
    const driver = await connect(`http://127.0.0.1:${port}`, {
      browserName: 'chrome',
      'goog:chromeOptions': {
        binary: '/usr/bin/chromium',
        args: [...CHROMIUM_ARGS, `--user-data-dir=${profileDir}`, ...args],
        ...(mobile ? { mobileEmulation: PHONE } : {}),
      },
    });
    return { driver, processes: [service] };
  });
}

const CHROMIUM_ARGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-breakpad',
  '--window-size=1280,900',
];

const PHONE = {
  deviceMetrics: { width: 412, height: 915, pixelRatio: 2.625, mobile: true, touch: true },
  userAgent: 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
  clientHints: { platform: 'Android', platformVersion: '15', model: 'Pixel 9', mobile: true, architecture: '', bitness: '', wow64: false },
};

async function startFirefox(profileDir: string, { args = [], prefs = {} }: LaunchOptions, removes: readonly string[]): Promise<Started> {
  // The port that it chose; from an earlier run on this profile it would mislead.
  const portFile = join(profileDir, 'MarionetteActivePort');
  writeFileSync(portFile, '');
  const settings = Object.entries({ ...FIREFOX_PREFS, ...prefs });
  const userJs = settings.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  writeFileSync(join(profileDir, 'user.js'), userJs.join(''));
  const firefox = startGuarded(
    'firefox-esr',
    ['--marionette', '--headless', '--no-remote', '--remote-debugging-port=0', '--profile', profileDir, ...args],
    { removes, env: { ...isolated(profileDir), MOZ_CRASHREPORTER_DISABLE: '1', MOZ_REMOTE_SETTINGS_DEVTOOLS: '0' } },
  );
  return orKill([firefox], async () => {
    const port = await until(firefox, () => {
      try {
        return Number(readFileSync(portFile, 'utf8')) || undefined;
      } catch {
        // It ended, and its profile is gone.
        return undefined;
      }
    });
    const bridge = await bridgeMarionette(port);
    const driver = await connect(bridge.url, { browserName: 'firefox', webSocketUrl: true });
    return { driver, processes: [firefox], quits: firefox, release: () => bridge.close() };
  });
}

const FIREFOX_PREFS = {
  'marionette.port': 0,
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.unified': false,
};

async function startWebKit(profileDir: string, { args = [] }: LaunchOptions, removes: readonly string[]): Promise<Started> {
  const screen = startGuarded('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp', '-noreset']);
  const processes = [screen];
  return orKill(processes, async () => {
    const [, display] = await screen.waitFor(/^(\d+)$/m, START_TIMEOUT);
    const [port] = await freePorts(1);
    const service = startGuarded('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
      removes,
      env: { ...isolated(profileDir), DISPLAY: `:${display}`, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1' },
    });
    processes.push(service);
    const url = `http://127.0.0.1:${port}`;
    await until(service, async () => (await fetch(`${url}/status`).catch(() => undefined))?.ok);
    const driver = await connect(url, {
      browserName: 'MiniBrowser',
      'webkitgtk:browserOptions': { binary: await findMiniBrowser(), args: ['--automation', ...args] },
    });
    return { driver, processes };
  });
}

async function findMiniBrowser(): Promise<string> {
  for (const arch of await readdir('/usr/lib')) {
    const found = arch.endsWith('-linux-gnu') && (await readdir(`/usr/lib/${arch}`)).includes('webkit2gtk-4.1');
    if (found) return `/usr/lib/${arch}/webkit2gtk-4.1/MiniBrowser`;
  }
  throw new Error("No MiniBrowser under /usr/lib; `npm run setup` installs Debian's webkit2gtk-driver");
}

/** No browser shall see the settings, caches or desktop of whoever runs the tests. */
function isolated(profileDir: string): Record<string, string> {
  const home = join(profileDir, 'home');
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_CACHE_HOME: join(home, 'cache'),
    XDG_DATA_HOME: join(home, 'data'),
    DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  };
}

async function connect(url: string, capabilities: Record<string, unknown>): Promise<WebDriver> {
  const building = new Builder().disableEnvironmentOverrides().usingServer(url).withCapabilities(capabilities).build();
  // The builder's driver is itself thenable; awaited, it is the plain one.
  const driver = await Promise.race([building, sleep(START_TIMEOUT, undefined, { ref: false })]);
  if (!driver) throw new Error(`no session within ${START_TIMEOUT} ms`);
  return driver;
}

/** What a failing start leaves behind is killed, and the error says what the programs said. */
async function orKill(processes: readonly Guarded[], start: () => Promise<Started>): Promise<Started> {
  try {
    return await start();
  } catch (error) {
    // Before they have ended they may not have said it all.
    await Promise.all(processes.map((one) => one.kill()));
    const outputs = processes.map((one) => one.output()).join('\n');
    throw new Error(`The browser did not start: ${error instanceof Error ? error.message : String(error)}\n${outputs}`, { cause: error });
  }
}

async function until<T>(owner: Guarded, probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + START_TIMEOUT; Date.now() < deadline && owner.running(); await sleep(25)) {
    const found = await probe();
    if (found) return found;
  }
  throw new Error(owner.running() ? `not ready within ${START_TIMEOUT} ms` : 'ended before it was ready');
}

async function sendBidi(driver: WebDriver, method: string, params: object): Promise<unknown> {
  const { getBidi } = driver as unknown as { getBidi(): Promise<Bidi> };
  const bidi = await getBidi.call(driver);
  // A killed Firefox resets the connection; nobody waits for it then.
  if (bidi.socket.listenerCount('error') === 0) bidi.socket.on('error', () => {});
  const { result, error, message } = await bidi.send({ method, params });
  if (error) throw new Error(`${method}: ${error} ${message ?? ''}`);
  return result;
}
interface Bidi {
  socket: NodeJS.EventEmitter;
  send(command: { method: string; params: object }): Promise<{ result?: unknown; error?: string; message?: string }>;
}

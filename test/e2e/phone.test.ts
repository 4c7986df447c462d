/** A printed code as a way into the journey: on a phone in real Chromium, from the shelf to a guest's order to an account days later. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { By, until, type WebDriver } from 'selenium-webdriver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReportRow } from '../../collector/scan/report.ts';
import type { StoredEvent } from '../../collector/store/queries-events.ts';
import type { ScanRow } from '../../collector/store/queries-scans.ts';
import { DAY } from '../../protocol/event.ts';
import { clickOn, visible } from '../browser/click.ts';
import { type Browser, launch, setClock } from '../browser/engines.ts';
import { startServer, type TestServer } from '../collector/server.ts';

let server: TestServer;
let phone: Browser;
let friend: Browser;
let offset = 0;
const clock = {
  get now() {
    return Date.now() + offset;
  },
};

beforeAll(async () => {
  server = await startServer({}, clock);
  [phone, friend] = await Promise.all([launch('chromium', { mobile: true }), launch('chromium', { mobile: true })]);
});
afterAll(async () => {
  await Promise.all([phone?.close(), friend?.close()]);
  await server?.close();
});

const byId = (id: string): By => By.css(`[data-testid="${id}"]`);

const click = (driver: WebDriver, id: string): Promise<void> => clickOn(driver, byId(id));

async function fill(driver: WebDriver, fields: Record<string, string>): Promise<void> {
  for (const [id, text] of Object.entries(fields)) {
    const field = await visible(driver, byId(id));
    await field.clear();
    await field.sendKeys(text);
  }
}

async function stored(what: (event: StoredEvent) => boolean): Promise<StoredEvent> {
  for (let tries = 0; tries < 150; tries += 1) {
    const found = (await server.store.queries.events({}, 0, 1_000)).find(what);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const all = await server.store.queries.events({}, 0, 1_000);
  throw new Error(`not stored; there are ${all.map(({ type, anonymous_id }) => `${type} of ${anonymous_id}`).join(', ')}`);
}

const report = async (query: string): Promise<ReportRow[]> => (await server.get<{ rows: ReportRow[] }>(`/v1/scans/report?${query}`)).rows;

async function footfall(...args: string[]): Promise<string> {
  const env = { ...process.env, DATA_DIR: server.data_dir };
  return (await promisify(execFile)(process.execPath, ['--import', 'tsx', 'collector/cli.ts', ...args], { env })).stdout;
}

test('scan, landing, an order as a guest, an account days later: the scan stands in her timeline, the sale beside its store and product', async () => {
  const { url } = server;
  const { driver } = phone;
  await driver.get(`${url}/q/TV55AA`);
  await driver.wait(until.urlContains('/demo/p/tv-55-oled/'), 10_000);
  const scanned = await stored(({ type, scan }) => type === 'scan' && scan?.claimed === true);
  await driver.wait(async () => !(await driver.getCurrentUrl()).includes('ff_scan'), 10_000);

  await click(driver, 'add-to-cart');
  await stored(({ type }) => type === 'add_to_cart');
  await driver.get(`${url}/demo/cart/`);
  await click(driver, 'checkout');
  await fill(driver, { 'ship-name': 'Jane', 'ship-email': ' Jane@Mail.example', 'ship-street': 'Street 1', 'ship-town': 'Town' });
  await click(driver, 'to-payment');
  await click(driver, 'pay');
  const order = await stored(({ type }) => type === 'purchase');
  expect(order).toMatchObject({ anonymous_id: scanned.anonymous_id, customer_id: expect.stringMatching(/^email:[0-9a-f]{64}$/) });

  // Somebody else scans the same code, looks, and is nobody.
  await friend.driver.get(`${url}/q/TV55AA`);
  await stored(({ type, anonymous_id }) => type === 'view_item' && anonymous_id !== null && anonymous_id !== scanned.anonymous_id);
  // A machine asks for it as well, and a scan in another store leads nowhere.
  await fetch(`${url}/q/TV55AA`, { method: 'HEAD', redirect: 'manual' });
  await fetch(`${url}/q/PH9AAA`, { redirect: 'manual', headers: { 'user-agent': 'Mozilla/5.0 (Android 15; Mobile; rv:140.0)' } });

  await driver.get('about:blank');
  offset += 3 * DAY;
  await setClock(phone, { offset });
  await driver.get(`${url}/demo/account/`);
  await fill(driver, { 'signup-name': 'jane', 'signup-email': 'jane@mail.example', 'signup-password': 'secret' });
  await click(driver, 'signup-submit');
  await stored(({ type }) => type === 'sign_up');
  await stored(({ type, customer_id }) => type === 'identify' && customer_id === 'C-jane');
  await click(driver, 'logout');
  await stored(({ type }) => type === 'logout');
  await fill(driver, { 'login-name': 'jane', 'login-password': 'secret' });
  await click(driver, 'login-submit');
  await stored(({ type }) => type === 'login');

  const [link] = await server.links('code=TV55AA&person_id=C-jane');
  expect(link).toMatchObject({
    status: 'linked',
    person_id: 'C-jane',
    channel: 'qr',
    device_type: 'mobile',
    orders: 1,
    products: ['TV-55'],
  });

  type Entry = { type: string; event_id: string; occurred_at: number; scan: { code: string; store: string } | null };
  const { events } = await server.get<{ events: Entry[] }>('/v1/customers/C-jane/timeline?limit=1000');
  const told = events.map(({ type }) => type);
  expect(events.filter(({ scan }) => scan)).toEqual([
    expect.objectContaining({ event_id: scanned.event_id, scan: expect.objectContaining({ code: 'TV55AA', store_id: 'berlin' }) }),
  ]);
  // Newest first: the account, days before it the order, and at the beginning of everything the scan.
  expect(told.indexOf('login')).toBeLessThan(told.indexOf('sign_up'));
  expect(told.indexOf('sign_up')).toBeLessThan(told.indexOf('purchase'));
  expect(told.indexOf('purchase')).toBeLessThan(told.indexOf('scan'));
  const [at, bought] = [events.find(({ type }) => type === 'sign_up'), events.find(({ type }) => type === 'purchase')];
  expect((at?.occurred_at ?? 0) - (bought?.occurred_at ?? 0)).toBeGreaterThan(2.9 * DAY);

  const { events: scans } = await server.get<{ events: ScanRow[] }>('/v1/scans?flagged=exclude&code=TV55AA');
  expect(scans.map(({ person_id, claimed }) => [person_id, claimed])).toEqual([
    ['C-jane', true],
    [null, true],
  ]);
  const value = (order.payload.props?.value ?? '') as string;
  expect(Number(value)).toBeGreaterThan(100);
  expect(await report('by=store,product')).toEqual([
    {
      by: { store: 'berlin', product: '09521000100015' },
      ...{ scans: 2, unclaimed: 0, shared: 0, browsers: 2, people: 2, known_share: 0.5 },
      ...{ views: 2, carts: 1, purchases: 1, product_purchases: 1, orders: 1, revenue: { EUR: value } },
    },
    {
      by: { store: 'utrecht', product: '09521000100145' },
      ...{ scans: 1, unclaimed: 1, shared: 0, browsers: 0, people: 0, known_share: 0 },
      ...{ views: 0, carts: 0, purchases: 0, product_purchases: 0, orders: 0, revenue: {} },
    },
  ]);
  expect(await footfall('scans', 'report', '--by', 'store,product')).toContain(
    `berlin  09521000100015  2 scans, 2 browsers, 50 % known  2 viewed, 1 carted, 1 bought (1 this product)  1 orders  ${value} EUR`,
  );
});

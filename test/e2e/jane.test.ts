/** Jane, end to end: real pages in real Chromium, a real collector, and the links that an analyst pulls. One clock drives all of it. */
import { By, until, type WebDriver } from 'selenium-webdriver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AcceptedEvent, factsOf } from '../../collector/domain/accepted-event.ts';
import { applyBatch } from '../../collector/intake/apply.ts';
import { barrierOf } from '../../collector/intake/enrich.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import type { StoredEvent } from '../../collector/store/queries-events.ts';
import type { Store } from '../../collector/store/store.ts';
import { DAY } from '../../protocol/event.ts';
import { clickOn, visible } from '../browser/click.ts';
import { type Browser, launch, setClock } from '../browser/engines.ts';
import { startServer, type TestServer } from '../collector/server.ts';
import { sqliteFixture } from '../contract/fixture.ts';

let server: TestServer;
let laptop: Browser;
let phone: Browser;
let offset = 0;
const clock = {
  get now() {
    return Date.now() + offset;
  },
};

beforeAll(async () => {
  server = await startServer({}, clock);
  [laptop, phone] = await Promise.all([launch('chromium'), launch('chromium', { mobile: true })]);
});
afterAll(async () => {
  await Promise.all([laptop?.close(), phone?.close()]);
  await server?.close();
});

const byId = (id: string): By => By.css(`[data-testid="${id}"]`);

const click = (driver: WebDriver, id: string): Promise<void> => clickOn(driver, byId(id));

async function fill(driver: WebDriver, id: string, text: string): Promise<void> {
  const field = await visible(driver, byId(id));
  await field.clear();
  await field.sendKeys(text);
}

async function logIn(driver: WebDriver, name: string): Promise<void> {
  await driver.get(`${server.url}/demo/account/`);
  await fill(driver, 'login-name', name);
  await fill(driver, 'login-password', 'secret');
  await click(driver, 'login-submit');
  await visible(driver, byId('customer-id'));
}

const events = (): Promise<StoredEvent[]> => server.store.queries.events({}, 0, 1_000);

/** Waits until the collector stored what the page is known to send. */
async function stored(what: (event: StoredEvent) => boolean, count = 1): Promise<StoredEvent[]> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = (await events()).filter(what);
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not stored; there are ${(await events()).map(({ type }) => type).join(', ')}`);
}

async function later(ms: number): Promise<void> {
  offset += ms;
  await setClock(laptop, { offset });
  await setClock(phone, { offset });
}

test('Jane’s laptop and phone become one customer, backwards in time, with the evidence', async () => {
  const { url } = server;
  await laptop.driver.get(`${url}/demo/?utm_source=google&utm_medium=cpc&gclid=Cj0abc`);
  await laptop.driver.get(`${url}/demo/p/tv-55-oled/`);
  await laptop.driver.get(`${url}/demo/p/tv-65-oled/`);
  await stored(({ type }) => type === 'view_item', 2);

  await phone.driver.get(`${url}/q/TV55AA`);
  await phone.driver.wait(until.urlContains('/demo/p/tv-55-oled/'), 10_000);
  await stored(({ type, scan }) => type === 'scan' && scan?.claimed === true);
  // The token leaves the address bar once the collector has it.
  await phone.driver.wait(async () => !(await phone.driver.getCurrentUrl()).includes('ff_scan'), 10_000);
  await phone.driver.get(`${url}/demo/p/tv-65-oled/`);
  await stored(({ type }) => type === 'view_item', 4);
  expect(new Set((await server.links()).map(({ status }) => status))).toEqual(new Set(['anonymous']));

  for (const { driver } of [laptop, phone]) await driver.get('about:blank');
  await later(2 * DAY);
  await logIn(laptop.driver, 'jane');
  await laptop.driver.get(`${url}/demo/p/tv-55-oled/`);
  await click(laptop.driver, 'add-to-cart');
  await laptop.driver.get(`${url}/demo/cart/`);
  await click(laptop.driver, 'checkout');
  for (const [field, text] of Object.entries({ name: 'Jane', email: 'jane@mail.example', street: 'Street 1', town: 'Town' }))
    await fill(laptop.driver, `ship-${field}`, text);
  await click(laptop.driver, 'to-payment');
  await click(laptop.driver, 'pay');
  await stored(({ type, customer_id }) => type === 'purchase' && customer_id !== null);
  await logIn(phone.driver, 'jane');
  const phoneId = (await events()).find(({ scan }) => scan)?.anonymous_id;
  await stored(({ anonymous_id, customer_id, scan }) => anonymous_id === phoneId && customer_id === 'C-jane' && !scan);

  // The tag says who she is once a session and statement (her name; later with her e-mail), and nothing while nobody is known.
  const identified = (await events()).filter(({ type }) => type === 'identify');
  expect(identified.map(({ customer_id }) => customer_id)).toEqual(['C-jane', 'C-jane', 'C-jane']);

  const links = await server.links();
  expect(links.map(({ status, customer_id, person_id }) => [status, customer_id, person_id])).toEqual(
    links.map(() => ['linked', 'C-jane', 'C-jane']),
  );
  expect(new Set(links.map(({ anonymous_id }) => anonymous_id)).size).toBe(2);

  const [first] = links.filter(({ click_id }) => click_id === 'gclid:Cj0abc') as [LinkRow];
  expect(first).toMatchObject({
    rule: 'device_before',
    source: 'google',
    channel: 'paid_search',
    device_type: 'desktop',
    strength: 'stated',
  });
  const [evidence] = await server.store.queries.events({ event_id: first.evidence_event_id ?? '' }, 0, 1);
  expect(evidence).toMatchObject({ anonymous_id: first.anonymous_id, customer_id: 'C-jane' });
  expect(first.evidence_gap_ms).toBeGreaterThan(1.9 * DAY);

  const [scanned] = links.filter(({ scans }) => scans.length > 0) as [LinkRow];
  expect(scanned).toMatchObject({ rule: 'device_before', channel: 'qr', device_type: 'mobile', landing_page: `${url}/demo/p/tv-55-oled/` });
  expect(scanned.scans).toEqual([expect.objectContaining({ code: 'TV55AA', store_id: 'berlin', placement: 'shelf', sku: 'TV-55' })]);

  const [bought] = links.filter(({ orders }) => orders > 0) as [LinkRow];
  expect(bought).toMatchObject({ rule: 'session', orders: 1, currency: 'EUR', products: ['TV-55'] });
  expect(Number(bought.revenue)).toBeGreaterThan(100);

  const explained = await server.get<{ why: { sentence: string; evidence: object }[] }>(`/v1/sessions/${first.session_id}/explain`);
  expect(explained.why[0]?.sentence).toMatch(/2 days later.*named C-jane/);
  expect(explained.why[0]?.evidence).toMatchObject({ event_id: first.evidence_event_id, customer_id: 'C-jane' });

  const { events: timeline } = await server.get<{ events: { type: string; scan: object | null }[] }>(
    '/v1/customers/C-jane/timeline?limit=1000',
  );
  expect(timeline.filter(({ scan }) => scan)).toEqual([
    expect.objectContaining({ scan: expect.objectContaining({ code: 'TV55AA', store: expect.stringContaining('Berlin') }) }),
  ]);
  expect(timeline.at(-1)).toMatchObject({ anonymous_id: first.anonymous_id });
});

test('her events in 100 shuffled orders, a third of them twice, give the same links', async () => {
  const fixture = sqliteFixture();
  const accepted = (await events()).map(asAccepted);
  const expected = await linksOf(await fill100(accepted));
  expect(expected).toHaveLength((await server.links()).length);
  for (let round = 0; round < 100; round += 1) {
    const twice = accepted.filter((_, index) => (index + round) % 3 === 0);
    const store = await fill100(shuffled([...accepted, ...twice], round + 1), 1 + (round % 9));
    expect(await linksOf(store)).toEqual(expected);
  }
  await fixture.cleanup();

  async function fill100(list: readonly AcceptedEvent[], size = list.length): Promise<Store> {
    const store = await fixture.open();
    for (let at = 0; at < list.length; at += size)
      await store.write((tx) => applyBatch(tx, list.slice(at, at + size), { policy: DEFAULT_POLICY, now: 0, sitePk: () => 1 }));
    return store;
  }
});

async function linksOf(store: Store): Promise<object[]> {
  const rows: object[] = [];
  for await (const { link_version: _v, cause_event_id: _c, ...row } of store.queries.allLinks({ bots: true })) rows.push(row);
  return rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function asAccepted(event: StoredEvent): AcceptedEvent {
  const { site, event_id, type, time, occurred_at, received_at, customer_id, strength, payload, scan, device_type, browser, os, bot } =
    event;
  const device = { device_type, browser, os, bot };
  return {
    ...{ site, event_id, type, time, occurred_at, received_at, device, payload, scan_flag: null },
    anonymous_id: scan ? null : event.anonymous_id,
    session_id: scan ? null : event.session_id,
    claim: customer_id === null ? null : { customer_id, email: null, strength: strength as 'stated' },
    barrier: barrierOf({ type, props: payload.props ?? {} }),
    kiosk: payload.kiosk ?? false,
    scan_id: payload.scan ?? null,
    scan: scan && { code: scan.code, store_id: scan.store_id ?? '', placement: scan.placement ?? '', sku: scan.product.sku ?? '' },
    facts: factsOf(event_id, type, payload, device),
  };
}

function shuffled<T>(list: readonly T[], seed: number): T[] {
  const result = [...list];
  let state = seed * 2_654_435_761;
  for (let at = result.length - 1; at > 0; at -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = state % (at + 1);
    [result[at], result[other]] = [result[other] as T, result[at] as T];
  }
  return result;
}

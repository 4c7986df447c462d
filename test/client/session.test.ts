/** Sessions and identity as the wire shows them. */
// @vitest-environment node
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE } from '../../protocol/event.ts';
import { openBrowser, type Sink, startSink } from './browser.ts';

let sink: Sink;
let browser: ReturnType<typeof openBrowser>;
beforeEach(async () => {
  sink = await startSink();
  browser = openBrowser(sink);
  browser.clock.now = Date.UTC(2026, 0, 5, 23, 50);
});
afterEach(async () => {
  browser.close();
  await sink.close();
});

const seen = (count: number) => browser.seen(count);
const session = (index: number) => sink.events()[index]?.session_id;
/** Each visit opens a page, and waits until its page view is stored. */
async function visit(url = 'https://www.shop.example/', data: Record<string, string> = { site: 'demo' }) {
  const before = sink.events().length;
  const page = browser.open({ url, data });
  await seen(before + 1);
  page.leave();
}
const pass = (ms: number) => {
  browser.clock.now = (browser.clock.now as number) + ms;
};

test('a session goes on from page to page and past midnight', async () => {
  await visit();
  pass(20 * MINUTE);
  await visit('https://www.shop.example/b');
  expect(session(1)).toBe(session(0));
});

test('30 idle minutes end a session, and the browser stays', async () => {
  await visit();
  pass(30 * MINUTE);
  await visit();
  const [first, second] = sink.events();
  expect(second?.session_id).not.toBe(first?.session_id);
  expect(second?.anonymous_id).toBe(first?.anonymous_id);
});

test('a session lasts at most 24 hours', async () => {
  await visit();
  for (let passed = 0; passed < 24 * HOUR; passed += 29 * MINUTE) {
    pass(29 * MINUTE);
    await visit();
  }
  expect(sink.events().at(-2)?.session_id).toBe(session(0));
  expect(sink.events().at(-1)?.session_id).not.toBe(session(0));
});

test('another campaign starts a session; the same one, an empty one and none do not', async () => {
  await visit('https://www.shop.example/?utm_source=news&gclid=1');
  await visit('https://www.shop.example/');
  await visit('https://www.shop.example/?utm_source=&utm_medium=');
  await visit('https://www.shop.example/?utm_source=news&gclid=1');
  expect(new Set(sink.events().map((event) => event.session_id)).size).toBe(1);
  await visit('https://www.shop.example/?utm_source=news&gclid=2');
  expect(session(4)).not.toBe(session(0));
});

test('a kiosk marks its events, and forgets a visitor after 5 minutes', async () => {
  const kiosk = { site: 'demo', kiosk: '' };
  await visit(undefined, kiosk);
  pass(5 * MINUTE);
  await visit(undefined, kiosk);
  expect(sink.events().map((event) => event.kiosk)).toEqual([true, true]);
  expect(session(1)).not.toBe(session(0));
});

test('time never runs back on one browser, over pages too', async () => {
  await visit();
  pass(-2 * MINUTE);
  await visit();
  const [first, second] = sink.events();
  expect(second?.time).toBe((first?.time as number) + 1);
});

test('a clock that stood more than a day ahead is forgotten', async () => {
  pass(2 * DAY);
  await visit();
  pass(-2 * DAY);
  await visit();
  expect(sink.events()[1]?.time).toBe(browser.clock.now);
});

test('tabs share the session and have ids of their own; a tab keeps its id within the page', async () => {
  const one = browser.open();
  await seen(1);
  one.window.localStorage.clear();
  const two = browser.open();
  await seen(2);
  one.footfall('track', 'a_thing');
  two.footfall('track', 'a_thing');
  const events = await seen(4);
  expect(new Set(events.map((event) => event.session_id)).size).toBe(1);
  expect(new Set(events.map((event) => event.tab_id)).size).toBe(2);
});

test('the cookies hold ids only, in less than 120 bytes, on the registrable domain', async () => {
  await visit('https://www.shop.co.uk/?utm_source=a-long-campaign-name&utm_campaign=spring&gclid=abcdefghijkl');
  const [event] = sink.events();
  const cookies = await browser.jar.getCookies('https://other.shop.co.uk/');
  expect(cookies.map(({ key, domain, path, secure, sameSite }) => ({ key, domain, path, secure, sameSite }))).toEqual([
    { key: 'ff_s', domain: 'shop.co.uk', path: '/', secure: true, sameSite: 'lax' },
    { key: 'ff_id', domain: 'shop.co.uk', path: '/', secure: true, sameSite: 'lax' },
  ]);
  const header = await browser.jar.getCookieString('https://www.shop.co.uk/');
  expect(header.length).toBeLessThan(120);
  expect(header).toContain(`ff_id=${event?.anonymous_id}`);
  const [id] = cookies.filter(({ key }) => key === 'ff_id');
  expect((id?.TTL() as number) / DAY).toBeGreaterThan(390);
});

test('a subdomain knows the browser by its cookie', async () => {
  await visit('https://www.shop.example/');
  await visit('https://checkout.shop.example/');
  expect(sink.events()[1]).toMatchObject({ anonymous_id: sink.events()[0]?.anonymous_id, session_id: session(0) });
});

test('lost cookies come back from the mirror', async () => {
  await visit();
  await browser.jar.removeAllCookies();
  await visit();
  expect(sink.events()[1]).toMatchObject({ anonymous_id: sink.events()[0]?.anonymous_id, session_id: session(0) });
});

test('a cookie that is no id of ours is not taken for one', async () => {
  await browser.jar.setCookie('ff_id=<script>', 'https://www.shop.example/');
  await browser.jar.setCookie(`ff_s=${'x'.repeat(300)}.1.2.3`, 'https://www.shop.example/');
  await visit();
  expect(sink.events()[0]?.anonymous_id).toMatch(/^[\w-]{21}$/);
  expect(sink.events()[0]?.session_id).toMatch(/^[\w-]{16}$/);
});

test('an event id is its time in 8 base36 digits and 16 random characters', async () => {
  await visit();
  const [event] = sink.events();
  expect(event?.event_id).toMatch(/^[0-9a-z]{8}-[\w-]{16}$/);
  expect(parseInt(event?.event_id.slice(0, 8) as string, 36)).toBe(event?.time);
});

/** Stores for the tests and pictures of the analysts' pages: a simulated town, Jane, one who never stops clicking, and one who attacks. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { simulate } from '../../collector/simulate/simulate.ts';
import { DAY, HOUR, MINUTE, SECOND, type WireEvent } from '../../protocol/event.ts';
import { startServer, type TestServer } from '../collector/server.ts';

/** A collector whose clock is the machine's, as a browser's is; `tellJane` sets it back while her last quarter of an hour happens. */
export async function startNow(settings: Parameters<typeof startServer>[0] = {}): Promise<TownServer> {
  const clock = {
    later: 0,
    get now() {
      return Date.now() + clock.later;
    },
  };
  return { ...(await startServer(settings, clock as { now: number })), town: clock };
}
export type TownServer = TestServer & { town: { later: number } };

/** People of the simulator, over the days before now. Answers how many events that were. */
export async function fillTown(
  server: TestServer,
  { people, days, seed = 1 }: { people: number; days: number; seed?: number },
): Promise<number> {
  const start = Math.floor(Date.now() / DAY) * DAY - days * DAY;
  let events = 0;
  for (const day of simulate({ people, days, seed, start }).days) {
    await importEvents(
      server,
      day.events.map(({ event }) => event).filter(({ time }) => time < Date.now()),
    );
    events += day.events.length;
  }
  return events;
}

export async function importEvents(server: TestServer, events: readonly object[], { signed = false } = {}): Promise<void> {
  for (let at = 0; at < events.length; at += 5_000) {
    const answer = await fetch(`${server.url}/v1/import?site=demo${signed ? '&signed=1' : ''}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.admin_token}`, 'content-type': 'application/x-ndjson' },
      body: events
        .slice(at, at + 5_000)
        .map((event) => JSON.stringify(event))
        .join('\n'),
    });
    const said = (await answer.json()) as { rejected: number; reasons: unknown[] };
    if (said.rejected > 0) throw new Error(`refused: ${JSON.stringify(said.reasons.slice(0, 3))}`);
  }
}

export const JANE = 'C-1001';
export const JANES_EMAIL = 'jane@mail.example';
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let made = 0;
const id = (): string => {
  made += 1;
  return `ui${made}`;
};
const QUARTER = 15 * MINUTE;
const TV = { item_id: 'TV-55-OLED', item_name: 'Lumen 55″ OLED TV', price: '1099.00', quantity: 1 };
const BAR = { item_id: 'SOUNDBAR', item_name: 'Lumen soundbar', price: '249.00', quantity: 1 };

/**
 * Jane: an ad on the laptop; a search on it three days later; a shelf's code with the phone; a login there; the purchase on the laptop;
 * a call to the service; a purchase at the till. Two of these name her.
 */
export async function tellJane(server: TownServer): Promise<void> {
  const start = Math.floor((Date.now() - 6 * DAY) / HOUR) * HOUR;
  const at = (days: number, hours: number, seconds: number): number => start + days * DAY + hours * HOUR + seconds * SECOND;
  const page = (browser: string, session: string, time: number, type: string, path: string, more: Partial<WireEvent> = {}): WireEvent => ({
    event_id: id(),
    type,
    time,
    anonymous_id: `jane-${browser}`,
    session_id: `jane-${session}`,
    url: `http://localhost:8080/demo${path}`,
    ...more,
  });
  const laptop = (session: string, time: number, type: string, path: string, more: Partial<WireEvent> = {}): WireEvent =>
    page('laptop', session, time, type, path, more);
  const phone = (session: string, time: number, type: string, path: string, more: Partial<WireEvent> = {}): WireEvent =>
    page('phone', session, time, type, path, more);
  const email_sha256 = sha256(JANES_EMAIL);
  const bought = { items: [TV, BAR], value: '1348.00', currency: 'EUR', transaction_id: '991' };
  const tv = { title: 'Lumen 55″ OLED TV', props: { items: [TV], currency: 'EUR', value: '1099.00' } };
  await send(server, LAPTOP, [
    laptop('s1', at(0, 1, 0), 'page_view', '/?utm_source=google&utm_medium=cpc&utm_campaign=black-friday&gclid=Cj0abc', {
      title: 'Demo shop',
    }),
    laptop('s1', at(0, 1, 40), 'view_item', '/p/tv-55-oled/', tv),
    laptop('s1', at(0, 1, 130), 'search', '/search/?q=soundbar', { props: { search_term: 'soundbar' } }),
    laptop('s1', at(0, 1, 190), 'view_item', '/p/soundbar/', { title: 'Lumen soundbar', props: { items: [BAR], currency: 'EUR' } }),
    laptop('s2', at(3, 2, 0), 'page_view', '/p/tv-55-oled/', { referrer: 'https://www.google.com/', title: 'Lumen 55″ OLED TV' }),
    laptop('s2', at(3, 2, 70), 'add_to_cart', '/p/tv-55-oled/', tv),
  ]);
  await server.send('POST', '/v1/stores', { site: 'demo', store_id: 'berlin', name: 'Berlin Mitte' });
  await server.send('POST', '/v1/codes', {
    code: 'SHELF55',
    site: 'demo',
    target: `${server.url}/demo/p/tv-55-oled/`,
    label: 'TV shelf',
    store_id: 'berlin',
    placement: 'shelf',
    product: { sku: 'TV-55-OLED' },
  });
  server.town.later = -QUARTER;
  const scanned = await fetch(`${server.url}/q/SHELF55`, { redirect: 'manual', headers: { 'user-agent': PHONE } });
  const scan = new URL(scanned.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
  const now = Date.now() - QUARTER + SECOND;
  server.town.later = 0;
  await send(server, PHONE, [
    phone('s3', now, 'page_view', '/p/tv-55-oled/', { scan, title: 'Lumen 55″ OLED TV' }),
    phone('s3', now + 9 * SECOND, 'view_item', '/p/tv-55-oled/', tv),
    phone('s3', now + 71 * SECOND, 'login', '/account/', { customer_id: JANE, email_sha256 }),
  ]);
  await send(server, LAPTOP, [
    laptop('s4', now + 500 * SECOND, 'page_view', '/cart/', { title: 'Your cart' }),
    laptop('s4', now + 530 * SECOND, 'begin_checkout', '/checkout/', { props: bought }),
    laptop('s4', now + 640 * SECOND, 'purchase', '/checkout/thanks/', { customer_id: JANE, email_sha256, props: bought }),
  ]);
  await importEvents(
    server,
    [
      { event_id: id(), type: 'service_contact', time: at(5, 3, 0), customer_id: JANE, title: 'Phone call', props: { topic: 'delivery' } },
      {
        event_id: id(),
        type: 'purchase',
        time: at(5, 5, 0),
        customer_id: JANE,
        props: { items: [BAR], value: '249.00', currency: 'EUR', transaction_id: 'T-77', store: 'Berlin Mitte' },
      },
    ],
    { signed: true },
  );
}

/** Some seconds of visitors, one event after the other, as their pages send them. */
export async function visitNow(server: TestServer, seconds: number): Promise<void> {
  const path = ['page_view', 'view_item', 'add_to_cart', 'login'];
  for (let n = 0; n < seconds * 4; n += 1) {
    const visitor = n % 7;
    const type = path[Math.floor(n / 7) % path.length] ?? 'page_view';
    const about = {
      title: visitor % 2 ? 'Lumen soundbar' : 'Lumen 55″ OLED TV',
      props: { items: [visitor % 2 ? BAR : TV], currency: 'EUR' },
    };
    const event = { event_id: id(), type, time: Date.now(), anonymous_id: `visitor-${visitor}`, session_id: `now-${visitor}` };
    const customer = type === 'login' && { customer_id: `C-20${visitor}` };
    await send(server, visitor % 3 ? LAPTOP : PHONE, [{ ...event, ...about, ...customer, url: 'http://localhost:8080/demo/p/soundbar/' }]);
    await sleep(250);
  }
}

/** One customer with so many events: sessions of forty on two browsers, with pauses. */
export async function tellRestless(server: TestServer, customer_id: string, events: number): Promise<void> {
  const types = ['page_view', 'view_item', 'click', 'add_to_cart', 'engagement', 'search', 'page_view', 'view_item'];
  const start = Date.now() - 25 * DAY;
  const step = (24 * DAY) / events;
  const rows: WireEvent[] = [];
  for (let n = 0; n < events; n += 1) {
    const session = Math.floor(n / 40);
    const type = n % 40 === 39 && session % 5 === 0 ? 'purchase' : n % 400 === 0 ? 'login' : (types[n % types.length] ?? 'page_view');
    rows.push({
      event_id: id(),
      type,
      time: Math.round(start + session * 40 * step + (n % 40) * Math.min(step, 20 * SECOND)),
      anonymous_id: `${customer_id}-b${session % 2}`,
      session_id: `${customer_id}-s${session}`,
      url: `http://localhost:8080/demo/p/${n % 90}/`,
      title: `Product ${n % 90}`,
      ...(type === 'login' && { customer_id }),
      ...(type === 'search' && { props: { search_term: `term ${n}` } }),
      ...(type === 'purchase' && { props: { items: [BAR], value: '249.00', currency: 'EUR', transaction_id: `R${n}` } }),
    });
  }
  await importEvents(server, rows);
}

/** Markup in every field that a page of the shop, or anyone with its public key, can fill. */
export const ATTACK = `"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`;
export const ATTACKER = `${ATTACK}'C`;
export async function tellAttacker(server: TestServer): Promise<void> {
  const now = Date.now() - MINUTE;
  const more = {
    url: `http://localhost:8080/demo/?utm_source=${encodeURIComponent(ATTACK)}&utm_campaign=${encodeURIComponent(ATTACK)}`,
    referrer: `https://evil.example/${encodeURIComponent(ATTACK)}`,
    title: ATTACK,
  };
  const items = [{ item_id: ATTACK, item_name: ATTACK, price: '1.00', quantity: 1 }];
  const props = { items, value: '1.00', currency: 'EUR', transaction_id: ATTACK, search_term: ATTACK, [ATTACK]: ATTACK };
  const event = (type: string, time: number, extra: Partial<WireEvent> = {}): WireEvent => ({
    event_id: id(),
    type,
    time,
    anonymous_id: 'attacker',
    session_id: 'attack',
    props,
    ...more,
    ...extra,
  });
  await send(server, `Mozilla/5.0 ${ATTACK}`, [
    event('page_view', now),
    event('search', now + 1),
    event('view_item', now + 2),
    event('my_custom', now + 3),
    event('login', now + 4, { customer_id: ATTACKER }),
    event('purchase', now + 5, { customer_id: ATTACKER }),
  ]);
}

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';
const LAPTOP = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

async function send(server: TestServer, agent: string, events: WireEvent[]): Promise<void> {
  const answer = await server.post(events, { headers: { 'user-agent': agent } });
  if (answer.status !== 204) throw new Error(`refused: ${answer.status} ${await answer.text()}`);
}

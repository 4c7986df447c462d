/** The profile of a person: who they are to the shop, where they come from, what they bought and what they want. */
import type { Millis } from '../../protocol/event.ts';
import type { Strength } from '../linking/event.ts';
import type { Queries } from '../store/queries.ts';
import type { IdentifierRow, LastScan, Visit, Wish } from '../store/queries-customers.ts';
import { type Order, ordersOf, type Revenue, revenueOf } from './orders.ts';
import { cartLeft, type Rfm, type Segment, segmentsOf } from './segments.ts';
import type { Standings } from './standings.ts';
import { type Touches, touchesOf } from './touches.ts';

export interface Profile {
  site: string;
  customer_id: string;
  person_id: string;
  identifiers: Identifier[];
  browsers: ProfileBrowser[];
  /** As the newest event of each browser states it; the newest of all. */
  consent: { state: string | null; gpc: boolean; anonymous_id: string; at: Millis } | null;
  traits: Record<string, unknown>;
  first_seen_at: Millis | null;
  last_seen_at: Millis | null;
  sessions: number;
  events: number;
  page_views: number;
  last_products: LastProduct[];
  last_searches: { search_term: string; at: Millis }[];
  last_scan: LastScan | null;
  /** Newest first, the newest ORDERS_SHOWN; sums are over all. */
  orders: (Order & Touches)[];
  order_count: number;
  refund_count: number;
  /** Each currency for itself. */
  revenue: Revenue[];
  first_order_at: Millis | null;
  last_order_at: Millis | null;
  /** Null for who never bought, or before the site was first worked out. */
  rfm: (Rfm & { as_of: Millis }) | null;
  cart: { filled_at: Millis; items: CartItem[]; abandoned: boolean } | null;
  segments: Segment[];
}

interface Identifier {
  customer_id: string;
  kind: 'customer' | 'email';
  /** The strongest it was claimed with; null where only an operator's merge names it. */
  strength: Strength | null;
  claims: number;
  first_at: Millis | null;
  last_at: Millis | null;
}

interface ProfileBrowser {
  anonymous_id: string;
  device_type: string | null;
  browser: string | null;
  os: string | null;
  sessions: number;
  first_at: Millis;
  last_at: Millis;
  kiosk: boolean;
  consent: string | null;
}

interface CartItem {
  item_id: string;
  item_name: string | null;
  price: string | null;
  quantity: number;
}

interface LastProduct {
  item_id: string;
  item_name: string | null;
  price: string | null;
  currency: string | null;
  /** The strongest thing done with it last: `view_item`, `add_to_cart`, `begin_checkout` or `purchase`. */
  type: string;
  at: Millis;
}

/** The newest orders that a profile lists. */
export const ORDERS_SHOWN = 100;
const PRODUCTS_SHOWN = 10;
const SEARCHES_SHOWN = 5;
/** Sessions looked into for products and searches, the newest, and events of them. */
const SESSIONS_READ = 10;
const WISHES_READ = 200;
const BROWSERS_SHOWN = 50;
const TRAITS_READ = 20;

export interface ProfileSource {
  queries: Queries;
  site: string;
  site_pk: number;
  customer_id: string;
  standings: Standings | null;
  now: Millis;
}

/** Null if no event ever named this customer. */
export async function profileOf(source: ProfileSource): Promise<Profile | null> {
  return (await readPerson(source))?.profile ?? null;
}

/** The profile, and beside it in full what it shows the newest of. */
interface WholePerson {
  profile: Profile;
  orders: Order[];
  browsers: ProfileBrowser[];
  /** Oldest first. */
  visits: Visit[];
}

/** `whole`: the state of every browser is told, not of the newest only. */
export async function readPerson(
  { queries, site, site_pk, customer_id, standings, now }: ProfileSource,
  whole = false,
): Promise<WholePerson | null> {
  const person_id = await queries.personOf(site, customer_id);
  const customers = await queries.customersOf(site, person_id);
  const person = { site_pk, customers };
  const claimed = await queries.identifiers(person);
  const visits = await queries.visits(person);
  if (claimed.length === 0 && visits.length === 0 && !(await queries.knowsCustomer(site, customers))) return null;
  const sessions = [...new Set(visits.map(({ session_pk }) => session_pk))];
  const newest = newestSessions(visits);

  const own = await queries.orderEventsOf(person, sessions);
  const ids = [...new Set(own.flatMap(({ order_id }) => order_id ?? []))];
  const told = ids.length === 0 ? own : [...own, ...(await queries.orderEventsNamed(site_pk, ids))];
  const orders = ordersOf(told).flatMap(({ order, person_id: owner }) => (owner === person_id ? [order] : []));
  orders.sort((a, b) => b.occurred_at - a.occurred_at || (a.event_id < b.event_id ? 1 : -1));
  const bought = orders.filter(({ type }) => type === 'purchase');
  const last_order_at = bought[0]?.occurred_at ?? null;
  const till = own.length === 0 ? [] : own.filter(({ session_id }) => session_id === null).map(({ occurred_at }) => occurred_at);

  const wishes = await queries.wishes(person, newest.slice(0, SESSIONS_READ), WISHES_READ);
  const cart_at = await queries.lastCart(person);
  const buyer = standings?.buyers.get(person_id) ?? null;
  const rfm = standings?.scores.get(person_id) ?? null;
  const seen = [
    ...visits.flatMap(({ started_at, ended_at }) => [started_at, ended_at]),
    ...claimed.flatMap((row) => [row.first_at, row.last_at]),
    ...till,
  ];
  const stated = await browsersOf(queries, visits, whole);
  const [latest = null] = [...stated].filter(({ stated_at }) => stated_at !== null).sort((a, b) => (b.stated_at ?? 0) - (a.stated_at ?? 0));
  const browsers = stated.map(({ stated_at: _at, gpc: _gpc, ...browser }) => browser);
  const profile: Profile = {
    site,
    customer_id,
    person_id,
    identifiers: identifiersOf(customers, claimed),
    browsers: browsers.slice(0, BROWSERS_SHOWN),
    consent: latest && { state: latest.consent, gpc: latest.gpc, anonymous_id: latest.anonymous_id, at: latest.stated_at ?? 0 },
    traits: mergedTraits(await queries.traitsOf(person, TRAITS_READ)),
    first_seen_at: least(seen),
    last_seen_at: most(seen),
    sessions: sessions.length,
    events: sum(visits, 'events'),
    page_views: sum(visits, 'page_views'),
    last_products: lastProducts(wishes),
    last_searches: lastSearches(wishes),
    last_scan: await queries.lastScan(person),
    orders: orders.slice(0, ORDERS_SHOWN).map((order) => ({ ...order, ...touchesOf(order, visits) })),
    order_count: bought.length,
    refund_count: orders.length - bought.length,
    revenue: revenueOf(orders),
    first_order_at: bought.at(-1)?.occurred_at ?? null,
    last_order_at,
    rfm: rfm && standings && { ...rfm, as_of: standings.as_of },
    cart:
      cart_at === null || (last_order_at !== null && last_order_at >= cart_at)
        ? null
        : { filled_at: cart_at, items: cartItems(wishes, last_order_at), abandoned: cartLeft(cart_at, last_order_at, now) },
    segments: segmentsOf(buyer, rfm, cart_at, now),
  };
  return { profile, orders, browsers, visits };
}

function newestSessions(visits: readonly Visit[]): number[] {
  const last = new Map<number, Millis>();
  for (const { session_pk, ended_at } of visits) last.set(session_pk, Math.max(ended_at, last.get(session_pk) ?? 0));
  return [...last].sort(([, a], [, b]) => b - a).map(([session_pk]) => session_pk);
}

function identifiersOf(customers: readonly string[], claimed: readonly IdentifierRow[]): Identifier[] {
  return customers.map((customer_id): Identifier => {
    const rows = claimed.filter((row) => row.customer_id === customer_id);
    return {
      customer_id,
      kind: customer_id.startsWith('email:') ? 'email' : 'customer',
      strength: (['signed', 'stated', 'carried'] as const).find((strength) => rows.some((row) => row.strength === strength)) ?? null,
      claims: rows.reduce((count, { claims }) => count + claims, 0),
      first_at: least(rows.map(({ first_at }) => first_at)),
      last_at: most(rows.map(({ last_at }) => last_at)),
    };
  });
}

async function browsersOf(queries: Queries, visits: readonly Visit[], whole: boolean) {
  const groups = new Map<string, Visit[]>();
  for (const visit of visits) {
    const group = groups.get(visit.anonymous_id);
    if (group) group.push(visit);
    else groups.set(visit.anonymous_id, [visit]);
  }
  const found = [...groups].map(([anonymous_id, group]) => {
    const newest = group.reduce((a, b) => (b.ended_at > a.ended_at ? b : a));
    return {
      anonymous_id,
      newest,
      sessions: new Set(group.map(({ session_pk }) => session_pk)).size,
      first_at: least(group.map(({ started_at }) => started_at)) ?? 0,
      last_at: newest.ended_at,
      kiosk: newest.kiosk !== 0,
    };
  });
  found.sort((a, b) => b.last_at - a.last_at);
  const stateOf = new Map<number, Awaited<ReturnType<Queries['newestEvents']>>[number]>();
  for (let at = 0; at < (whole ? found.length : 1); at += BROWSERS_SHOWN) {
    const sessions = found.slice(at, at + BROWSERS_SHOWN).map(({ newest }) => newest.session_pk);
    for (const state of await queries.newestEvents(sessions)) stateOf.set(state.session_pk, state);
  }
  return found.map(({ newest, ...rest }) => {
    const state = stateOf.get(newest.session_pk);
    const { consent = null, gpc = false } = state?.payload ?? {};
    const device = { device_type: newest.device_type, browser: state?.browser || null, os: state?.os || null };
    return { ...rest, ...device, consent, gpc, stated_at: consent === null || !state ? null : state.occurred_at };
  });
}

/** Shallow; the newest wins. Only what is a plain value. */
function mergedTraits(said: readonly unknown[]): Record<string, unknown> {
  const traits = new Map<string, unknown>();
  for (const given of said) {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) continue;
    for (const [name, value] of Object.entries(given))
      if (!traits.has(name) && value !== null && ['string', 'number', 'boolean'].includes(typeof value)) traits.set(name, value);
  }
  return Object.fromEntries(traits);
}

function lastProducts(wishes: readonly Wish[]): LastProduct[] {
  const found = new Map<string, LastProduct>();
  for (const { type, occurred_at, payload } of wishes) {
    for (const item of payload.props?.items ?? []) {
      if (found.size >= PRODUCTS_SHOWN) return [...found.values()];
      const { item_id, item_name, price } = item;
      if (item_id === '' || found.has(item_id)) continue;
      const currency = payload.props?.currency ?? null;
      found.set(item_id, { item_id, item_name: nameOf(item_name), price: price ?? null, currency, type, at: occurred_at });
    }
  }
  return [...found.values()];
}

function lastSearches(wishes: readonly Wish[]): Profile['last_searches'] {
  const found = new Map<string, Millis>();
  for (const { type, occurred_at, payload } of wishes) {
    const term = payload.props?.search_term;
    if (type === 'search' && typeof term === 'string' && term !== '' && !found.has(term)) found.set(term, occurred_at);
  }
  return [...found].slice(0, SEARCHES_SHOWN).map(([search_term, at]) => ({ search_term, at }));
}

/** What was put in since the last order. */
function cartItems(wishes: readonly Wish[], last_order_at: Millis | null): CartItem[] {
  const items = new Map<string, CartItem>();
  for (const { type, occurred_at, payload } of wishes) {
    if (type !== 'add_to_cart' || occurred_at <= (last_order_at ?? Number.NEGATIVE_INFINITY)) continue;
    for (const { item_id, item_name, price, quantity = 1 } of payload.props?.items ?? []) {
      const known = items.get(item_id);
      if (known) known.quantity += quantity;
      else items.set(item_id, { item_id, item_name: nameOf(item_name), price: price ?? null, quantity });
    }
  }
  return [...items.values()];
}

function nameOf(name: unknown): string | null {
  return typeof name === 'string' ? name : null;
}

function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => Math.min(a, b));
}

function most(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b));
}

function sum(visits: readonly Visit[], column: 'events' | 'page_views'): number {
  return visits.reduce((total, visit) => total + visit[column], 0);
}

/** What a segment is made of, as a fold over its events that gives the same whatever their order. */
import type { Millis } from '../../protocol/event.ts';
import type { LinkEvent, OrderFact, ScanPlace } from './event.ts';
import { sumDecimals } from './money.ts';
import { compareKeys, type Key } from './order.ts';

/** The rarer columns, absent on most segments. Lists are kept sorted by what identifies their entries. */
export interface Details {
  /** Keyed by scan id. */
  scans: [string, ScanPlace][];
  products: string[];
  /** Keyed by order; of one order the first event in R3's order stands. */
  orders: [Key, OrderFact][];
}

export interface Content {
  first: Key;
  last: Key;
  started_at: Millis;
  ended_at: Millis;
  events: number;
  page_views: number;
  /** Of the first event; where that is a scan, of the event that claims it: what asked for the redirect need not be what shows the page. */
  device_type: string | null;
  bot: boolean;
  details: Details | null;
}

const SCAN_SUB = 0;
/** How many products a segment names: the smallest ids, so that the choice does not depend on order. */
const PRODUCTS_NAMED = 50;

export function contentOf(event: LinkEvent, key: Key): Content {
  const content: Content = {
    first: key,
    last: key,
    started_at: event.occurred_at,
    ended_at: event.occurred_at,
    events: 0,
    page_views: 0,
    device_type: event.facts.device_type,
    bot: event.facts.bot,
    details: null,
  };
  addEvent(content, event, key);
  return content;
}

export function addEvent(content: Content, event: LinkEvent, key: Key): void {
  const { facts } = event;
  content.events += 1;
  if (facts.page_view) content.page_views += 1;
  const { first } = content;
  const isFirst = compareKeys(key, first) < 0;
  if (key.sub !== SCAN_SUB && (isFirst || claims(key, first))) {
    content.device_type = facts.device_type;
    content.bot = facts.bot;
  }
  if (isFirst) content.first = key;
  if (compareKeys(key, content.last) > 0) content.last = key;
  if (event.occurred_at < content.started_at) content.started_at = event.occurred_at;
  if (event.occurred_at > content.ended_at) content.ended_at = event.occurred_at;
  if (event.scan || facts.order || facts.products.length > 0) addDetails(content, event, key);
}

/** Whether the event of this key claimed the scan of that one: it stands right after it, with all of its key but `sub`. */
function claims(key: Key, scan: Key): boolean {
  return scan.sub === SCAN_SUB && scan.time === key.time && scan.event_id === key.event_id;
}

function addDetails(content: Content, event: LinkEvent, key: Key): void {
  const { scan, facts } = event;
  content.details ??= { scans: [], products: [], orders: [] };
  const { details } = content;
  if (scan) {
    details.scans.push([event.event_id, scan]);
    details.scans.sort(([a], [b]) => (a < b ? -1 : 1));
  }
  const fresh = facts.products.filter((product) => !details.products.includes(product));
  if (fresh.length > 0) details.products = [...new Set([...details.products, ...fresh])].sort().slice(0, PRODUCTS_NAMED);
  const { order } = facts;
  if (order) {
    const known = details.orders.findIndex(([, { key: orderKey }]) => orderKey === order.key);
    const stands = details.orders[known];
    if (!stands) details.orders.push([key, order]);
    else if (compareKeys(key, stands[0]) < 0) details.orders[known] = [key, order];
    details.orders.sort(([, a], [, b]) => (a.key < b.key ? -1 : 1));
  }
}

export interface Sales {
  orders: number;
  revenue: string | null;
  currency: string | null;
}

/** Orders and what they brought, refunds taken off; revenue and currency are null when currencies mix. */
export function salesOf(details: Details | null): Sales {
  const orders = details?.orders.map(([, order]) => order) ?? [];
  const currencies = new Set(orders.flatMap(({ value, currency }) => (value === null ? [] : [currency])));
  const [currency = null] = currencies;
  return {
    orders: orders.filter(({ key }) => !key.startsWith('r:')).length,
    revenue: currencies.size === 1 ? sumDecimals(orders.flatMap(({ value }) => value ?? [])) : null,
    currency: currencies.size === 1 ? currency : null,
  };
}

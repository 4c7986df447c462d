/** What scans led to, by code, store, placement, product and time: counted by person where one is known, else by browser. */
import { DAY, type Item, type Millis } from '../../protocol/event.ts';
import { localHours } from '../domain/local-time.ts';
import { sumDecimals } from '../linking/money.ts';
import type { Queries } from '../store/queries.ts';
import type { Action, PlacedScan, ScanFilter, ScanRow } from '../store/queries-scans.ts';

export const DIMENSIONS = ['code', 'store', 'placement', 'product', 'hour', 'day', 'month'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export interface ReportRow {
  /** The value of each dimension asked for; null where a scan has none. */
  by: Partial<Record<Dimension, string | null>>;
  /** By people: machines, prefetches and previews are not among them. */
  scans: number;
  /** Whose landing page never loaded the tag. */
  unclaimed: number;
  /** Browsers that came with the token of somebody else's scan. */
  shared: number;
  /** Different browsers that scanned. */
  browsers: number;
  /** Different people, a browser that nobody is known on counting as one. */
  people: number;
  /** Scans of known customers, as a share of all. */
  known_share: number;
  /** People who did it within the days after their scan. */
  views: number;
  carts: number;
  purchases: number;
  /** Of these, people who bought the very product of the code. */
  product_purchases: number;
  /** Different orders, and their sum by currency (decimal strings). */
  orders: number;
  revenue: Record<string, string>;
}

export interface ReportOptions {
  by: readonly Dimension[];
  filter: ScanFilter;
  /** Days in which an action counts after a scan. */
  days: number;
  timezoneOf(site: string): string;
}

/** Scans that one report reads at most. */
export const REPORT_SCANS = 500_000;
const PAGE = 2_000;
/** People whose actions are read at once. */
const ACTORS = 200;

/** Null: more than REPORT_SCANS scans fit the filter. Other work gets its turn between pages. */
export async function scanReport(queries: Queries, { by, filter, days, timezoneOf }: ReportOptions): Promise<ReportRow[] | null> {
  const groups = new Map<string, Group>();
  const timeOf = times(by, timezoneOf);
  let read = 0;
  for (let after = 0; ; ) {
    const page = await queries.scans(filter, after, PAGE);
    read += page.length;
    if (read > REPORT_SCANS) return null;
    const actions = await actionsAfter(queries, page, days * DAY);
    for (const placed of page) {
      const values = Object.fromEntries(by.map((dimension) => [dimension, dimensionOf(placed.scan, dimension, timeOf)]));
      const key = JSON.stringify(values);
      let group = groups.get(key);
      if (!group) {
        group = newGroup(values);
        groups.set(key, group);
      }
      addScan(group, placed, actions.get(actorOf(placed) ?? '') ?? [], days * DAY);
    }
    const last = page.at(-1);
    if (page.length < PAGE || !last) break;
    after = last.event_pk;
    await new Promise((next) => setImmediate(next));
  }
  const order = (row: ReportRow): string => JSON.stringify(Object.values(row.by));
  return [...groups.values()].map(rowOf).sort((a, b) => b.scans - a.scans || (order(a) < order(b) ? -1 : 1));
}

interface Group {
  by: ReportRow['by'];
  scans: number;
  unclaimed: number;
  shared: number;
  known: number;
  browsers: Set<number>;
  people: Set<string>;
  did: Record<'view_item' | 'add_to_cart' | 'purchase' | 'product', Set<string>>;
  orders: Map<string, { value: string; currency: string } | null>;
}

function newGroup(by: ReportRow['by']): Group {
  const did = { view_item: new Set<string>(), add_to_cart: new Set<string>(), purchase: new Set<string>(), product: new Set<string>() };
  return { by, scans: 0, unclaimed: 0, shared: 0, known: 0, browsers: new Set(), people: new Set(), did, orders: new Map() };
}

/** Who scanned: a person, or a browser of nobody known; null while nobody came with the token. */
function actorOf({ scan, site_pk, browser_pk }: PlacedScan): string | null {
  if (scan.person_id !== null) return `${site_pk} person ${scan.person_id}`;
  return browser_pk === null ? null : `browser ${browser_pk}`;
}

function addScan(group: Group, placed: PlacedScan, actions: readonly Action[], within: Millis): void {
  const { scan, site_pk, browser_pk } = placed;
  const actor = actorOf(placed);
  group.scans += 1;
  group.shared += scan.shared;
  if (actor === null || browser_pk === null) {
    group.unclaimed += 1;
    return;
  }
  if (scan.person_id !== null) group.known += 1;
  group.browsers.add(browser_pk);
  group.people.add(actor);
  for (const { type, occurred_at, event_id, payload } of actions) {
    if (occurred_at < scan.occurred_at || occurred_at > scan.occurred_at + within) continue;
    group.did[type].add(actor);
    if (type !== 'purchase') continue;
    const { value, currency, transaction_id, items = [] } = payload.props ?? {};
    if (items.some((item) => isProduct(item, scan.product))) group.did.product.add(actor);
    // One order told by several messengers is one order.
    const key = `${site_pk} ${transaction_id ?? event_id}`;
    if (!group.orders.get(key)) group.orders.set(key, value && currency ? { value, currency } : null);
  }
}

function isProduct(item: Item, product: ScanRow['product']): boolean {
  if (!product) return false;
  if (product.sku !== null && item.item_id === product.sku) return true;
  const gtin = typeof item['gtin'] === 'string' ? item['gtin'] : item.item_id;
  return product.gtin !== null && /^\d{8,14}$/.test(gtin) && gtin.padStart(14, '0') === product.gtin.padStart(14, '0');
}

function rowOf({ by, scans, unclaimed, shared, known, browsers, people, did, orders }: Group): ReportRow {
  const values = new Map<string, string[]>();
  for (const order of orders.values()) if (order) values.set(order.currency, [...(values.get(order.currency) ?? []), order.value]);
  return {
    by,
    ...{ scans, unclaimed, shared, browsers: browsers.size, people: people.size },
    known_share: scans === 0 ? 0 : Number((known / scans).toFixed(4)),
    ...{ views: did.view_item.size, carts: did.add_to_cart.size, purchases: did.purchase.size, product_purchases: did.product.size },
    orders: orders.size,
    revenue: Object.fromEntries([...values].sort().map(([currency, list]) => [currency, sumDecimals(list) ?? '0'])),
  };
}

async function actionsAfter(queries: Queries, page: readonly PlacedScan[], within: Millis): Promise<Map<string, Action[]>> {
  const found = new Map<string, Action[]>();
  const times = page.map(({ scan }) => scan.occurred_at);
  const from = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
  const to = times.reduce((most, time) => Math.max(most, time), 0) + within;
  const keep = (actor: string, action: Action): void => {
    const known = found.get(actor);
    if (known) known.push(action);
    else found.set(actor, [action]);
  };
  const persons = new Map<number, Set<string>>();
  const browsers = new Set<number>();
  for (const { scan, site_pk, browser_pk } of page) {
    if (scan.person_id !== null) persons.set(site_pk, (persons.get(site_pk) ?? new Set()).add(scan.person_id));
    else if (browser_pk !== null) browsers.add(browser_pk);
  }
  for (const [site_pk, ids] of persons)
    for (const some of portions([...ids]))
      for (const action of await queries.actionsOfPersons(site_pk, some, from, to)) keep(`${site_pk} person ${action.person_id}`, action);
  for (const some of portions([...browsers]))
    for (const action of await queries.actionsOfBrowsers(some, from, to)) keep(`browser ${action.browser_pk}`, action);
  return found;
}

function* portions<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += ACTORS) yield all.slice(at, at + ACTORS);
}

function dimensionOf(
  { site, code, store_id, placement, product, occurred_at }: ScanRow,
  dimension: Dimension,
  timeOf: TimeOf,
): string | null {
  if (dimension === 'code') return code;
  if (dimension === 'store') return store_id;
  if (dimension === 'placement') return placement;
  if (dimension === 'product') return product?.gtin?.padStart(14, '0') ?? product?.sku ?? null;
  return timeOf(site, occurred_at).slice(0, { hour: 13, day: 10, month: 7 }[dimension]);
}

type TimeOf = (site: string, time: Millis) => string;

/** `2026-11-20T09` on the site's own clock. */
function times(by: readonly Dimension[], timezoneOf: ReportOptions['timezoneOf']): TimeOf {
  if (!by.some((dimension) => dimension === 'hour' || dimension === 'day' || dimension === 'month')) return () => '';
  const formats = new Map<string, (time: Millis) => string>();
  return (site, time) => {
    let hours = formats.get(site);
    if (!hours) {
      hours = localHours(timezoneOf(site));
      formats.set(site, hours);
    }
    return hours(time);
  };
}

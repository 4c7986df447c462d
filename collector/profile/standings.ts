/**
 * Where each buyer of a site stands among the others: worked out in small portions, kept in memory, and worked out again when asked
 * for after something changed, so that no profile waits for the whole site.
 */
import { type Millis, SECOND } from '../../protocol/event.ts';
import type { Queries } from '../store/queries.ts';
import type { OwnedOrderEvent } from '../store/queries-customers.ts';
import { type OwnedOrder, ordersOf, unitsOf } from './orders.ts';
import { type Buyer, CART_FORGOTTEN_AFTER, type Rfm, scoresOf } from './segments.ts';

export interface Standings {
  /** The moment they hold for. */
  as_of: Millis;
  buyers: ReadonlyMap<string, Buyer>;
  scores: ReadonlyMap<string, Rfm>;
  /** When each person last filled a cart, if that is not forgotten yet. */
  carts: ReadonlyMap<string, Millis>;
}

export interface StandingsOptions {
  queries: Queries;
  sites(): readonly { site: string; site_pk: number; currency: string }[];
  now: () => Millis;
}

/** Rows of one portion: bounds how long it holds up the collector. */
const PORTION = 500;
/** At most this share of the time is spent on it, and it is no older than this while nothing is asked. */
const REST = 40;
const YOUNG = 2 * SECOND;
/** How long a question waits for standings that are being worked out. */
const PATIENCE = 10;

export interface StandingsCache {
  /** Those known now; null until they were worked out once. */
  of(site: string): Promise<Standings | null>;
  /** Worked out to the end, as of a moment not before this question. */
  fresh(site: string): Promise<Standings>;
}

interface Known {
  standings: Standings | null;
  /** What the store held then. */
  mark: string;
  took: number;
  ended: number;
  running: Promise<Standings> | null;
}

export function createStandings({ queries, sites, now }: StandingsOptions): StandingsCache {
  const known = new Map<string, Known>();

  const entryOf = (site: string): Known => {
    let entry = known.get(site);
    if (!entry) {
      entry = { standings: null, mark: '', took: 0, ended: Number.NEGATIVE_INFINITY, running: null };
      known.set(site, entry);
    }
    return entry;
  };

  async function workOut(site: string, entry: Known): Promise<Standings> {
    const { site_pk = -1, currency = '' } = sites().find((record) => record.site === site) ?? {};
    const started = performance.now();
    const mark = await queries.storeMark();
    const as_of = now();
    const events: OwnedOrderEvent[] = [];
    const carts = new Map<string, Millis>();
    await inPortions(
      (after) => queries.orderEventsAfter(site_pk, after, PORTION),
      (row) => events.push(row),
    );
    await inPortions(
      (after) => queries.cartsAfter(site_pk, as_of - CART_FORGOTTEN_AFTER, after, PORTION),
      ({ person_id, occurred_at }) => {
        if (person_id !== null && occurred_at > (carts.get(person_id) ?? Number.NEGATIVE_INFINITY)) carts.set(person_id, occurred_at);
      },
    );
    const buyers = buyersOf(ordersOf(events), currency);
    const standings: Standings = { as_of, buyers, scores: scoresOf([...buyers.values()]), carts };
    Object.assign(entry, { standings, mark, took: performance.now() - started, ended: performance.now() });
    return standings;
  }

  function start(site: string, entry: Known): Promise<Standings> {
    entry.running ??= workOut(site, entry).finally(() => {
      entry.running = null;
    });
    return entry.running;
  }

  return {
    async of(site) {
      const entry = entryOf(site);
      const age = performance.now() - entry.ended;
      // A small site's are worked out for each question; a large one's while older ones are answered.
      const cheap = entry.standings === null || entry.took < PATIENCE;
      const due = cheap || age > Math.max(YOUNG, entry.took * REST);
      const running = entry.running ?? (due && entry.mark !== (await queries.storeMark()) ? start(site, entry) : null);
      // What fails is tried again by the next question; this one has older standings, or none.
      const ended = running?.then(
        () => undefined,
        () => undefined,
      );
      if (ended && cheap) await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
      return entry.standings;
    },
    async fresh(site) {
      const entry = entryOf(site);
      await entry.running?.catch(() => undefined);
      if (entry.standings && entry.mark === (await queries.storeMark())) return entry.standings;
      return start(site, entry);
    },
  };
}

async function inPortions<T extends { event_pk: number }>(read: (after: number) => Promise<T[]>, take: (row: T) => void): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await read(after);
    for (const row of rows) take(row);
    const last = rows.at(-1);
    if (rows.length < PORTION || !last) return;
    after = last.event_pk;
    await new Promise((next) => setImmediate(next));
  }
}

function buyersOf(orders: readonly OwnedOrder[], currency: string): Map<string, Buyer> {
  const buyers = new Map<string, Buyer>();
  for (const { order, person_id } of orders) {
    if (person_id === null) continue;
    const { type, occurred_at, value } = order;
    let buyer = buyers.get(person_id);
    if (!buyer) {
      buyer = { person_id, orders: 0, first_order_at: Number.POSITIVE_INFINITY, last_order_at: Number.NEGATIVE_INFINITY, worth: 0n };
      buyers.set(person_id, buyer);
    }
    if (value !== null && order.currency === currency) buyer.worth += unitsOf(value);
    if (type === 'refund') continue;
    buyer.orders += 1;
    buyer.first_order_at = Math.min(buyer.first_order_at, occurred_at);
    buyer.last_order_at = Math.max(buyer.last_order_at, occurred_at);
  }
  // Who only gave back bought before there was anything to see.
  for (const { person_id, orders } of buyers.values()) if (orders === 0) buyers.delete(person_id);
  return buyers;
}

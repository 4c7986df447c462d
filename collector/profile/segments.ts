/** Recency, frequency, monetary value by quintiles, and the built-in segments that follow from them. Pure. docs/profiles.md has the rules. */
import { DAY, HOUR, type Millis } from '../../protocol/event.ts';

/** What scores and segments are made of: one person with at least one order. */
export interface Buyer {
  person_id: string;
  orders: number;
  first_order_at: Millis;
  last_order_at: Millis;
  /** What it brought in the site's own currency, in hundred-millionths: exact, and comparable. */
  worth: bigint;
}

/** Each 1 to 5; 5 is the best fifth of the site's buyers. */
export interface Rfm {
  recency: number;
  frequency: number;
  monetary: number;
}

export const SEGMENTS = ['big_spender', 'loyal', 'at_risk', 'new', 'cart_left'] as const;
export type Segment = (typeof SEGMENTS)[number];

/** A cart without an order is left behind after this time, and forgotten after the other. */
export const CART_LEFT_AFTER = 4 * HOUR;
export const CART_FORGOTTEN_AFTER = 30 * DAY;
const NEW_WITHIN = 30 * DAY;

/** NTILE(5) three times; of equals the smaller person id (by UTF-16 units) comes first and so gets the lower score. */
export function scoresOf(buyers: readonly Buyer[]): Map<string, Rfm> {
  const scores = new Map(buyers.map(({ person_id }) => [person_id, { recency: 1, frequency: 1, monetary: 1 }]));
  const rank = (part: keyof Rfm, compare: (a: Buyer, b: Buyer) => number): void => {
    const sorted = [...buyers].sort((a, b) => compare(a, b) || (a.person_id < b.person_id ? -1 : 1));
    sorted.forEach(({ person_id }, index) => {
      (scores.get(person_id) as Rfm)[part] = tileOf(index, sorted.length);
    });
  };
  rank('recency', (a, b) => a.last_order_at - b.last_order_at);
  rank('frequency', (a, b) => a.orders - b.orders);
  rank('monetary', (a, b) => (a.worth < b.worth ? -1 : a.worth > b.worth ? 1 : 0));
  return scores;
}

/** SQL's NTILE(5) of row `index` (from 0) of `count`: sizes differ by one at most, the larger ones first. */
function tileOf(index: number, count: number): number {
  const [size, larger] = [Math.floor(count / 5), count % 5];
  const head = larger * (size + 1);
  return index < head ? Math.floor(index / (size + 1)) + 1 : larger + Math.floor((index - head) / size) + 1;
}

/** In the order of SEGMENTS. `rfm` and `buyer` are null for who never bought, `cart_at` for who never filled a cart. */
export function segmentsOf(buyer: Buyer | null, rfm: Rfm | null, cart_at: Millis | null, now: Millis): Segment[] {
  const is: Record<Segment, boolean> = {
    big_spender: rfm !== null && rfm.monetary === 5 && (buyer?.worth ?? 0n) > 0n,
    loyal: rfm !== null && (buyer?.orders ?? 0) >= 2 && rfm.frequency >= 4 && rfm.recency >= 3,
    at_risk: rfm !== null && (buyer?.orders ?? 0) >= 2 && rfm.frequency >= 3 && rfm.recency <= 2,
    new: buyer !== null && buyer.orders === 1 && now - buyer.first_order_at < NEW_WITHIN,
    cart_left: cartLeft(cart_at, buyer?.last_order_at ?? null, now),
  };
  return SEGMENTS.filter((segment) => is[segment]);
}

/** A cart, and no order since, on any device or in any store. */
export function cartLeft(cart_at: Millis | null, last_order_at: Millis | null, now: Millis): boolean {
  if (cart_at === null || (last_order_at !== null && last_order_at >= cart_at)) return false;
  return now - cart_at >= CART_LEFT_AFTER && now - cart_at < CART_FORGOTTEN_AFTER;
}

/** What linking sees of an event: its place in order, its claim, its barrier, and what it adds to its segment. */
import type { Millis } from '../../protocol/event.ts';

export type Strength = 'signed' | 'stated' | 'carried';

/** "This browser is now this customer", as it was accepted (R4: normalised, refused ids already absent). */
export interface Claim {
  /** The retailer's raw id, or `email:<hmac>` for a guest. */
  customer_id: string;
  /** `email:<hmac>` when the event carries an e-mail, beside a raw id or as the customer itself. */
  email: string | null;
  strength: Strength;
}

/** A logout is soft; a reset or withdrawn consent is hard. */
export type Barrier = 'soft' | 'hard';

/** What a printed code's scan says of where it happened. */
export interface ScanPlace {
  code: string;
  store_id?: string;
  store?: string;
  placement?: string;
  sku?: string;
  gtin?: string;
}

/** One order or refund as it counts into a segment: an order once, however often a page sends it. */
export interface OrderFact {
  /** `p:<order id>` for a purchase (`p@<source>:<order id>` from another source than the shop), `r:<event id>` for a refund. */
  key: string;
  /** Decimal string; a refund's is negative. Null when the event gave none. */
  value: string | null;
  currency: string | null;
}

/** What one event adds to its segment's columns. */
export interface Facts {
  page_view: boolean;
  /** Item ids. */
  products: readonly string[];
  order: OrderFact | null;
  device_type: string | null;
  bot: boolean;
  /** The page it happened on: that of a session's first such event is the session's landing. */
  page: Page | null;
}

export interface Page {
  url: string;
  referrer: string | null;
}

export interface LinkEvent {
  site: string;
  event_id: string;
  type: string;
  /** The order on one browser (R2, R3). */
  time: Millis;
  /** For display and filters: `time`, corrected for the clock, never after receipt. */
  occurred_at: Millis;
  anonymous_id: string | null;
  session_id: string | null;
  claim: Claim | null;
  barrier: Barrier | null;
  kiosk: boolean;
  /** The scan whose token this event carries. */
  scan_id: string | null;
  /** On a scan only: where it happened. Its event_id is the scan's id, and `claim` a personal code's. */
  scan: ScanPlace | null;
  /** On a scan of a code whose first claimed scan alone makes a claim. */
  single_use?: boolean;
  facts: Facts;
}

/** An operator's statement (R7 to R9). */
export type Decision = { decision_id: string; site: string; time: Millis } & (
  | { type: 'merge'; customers: readonly string[]; into: string }
  | { type: 'kiosk'; anonymous_id: string }
  | { type: 'hub'; customer_id: string }
  | { type: 'revoke'; target: string }
);

/** Whether this claim is one that counts across sessions and cuts them (R5, R6): a carried one does neither. */
export function binds(claim: Claim): boolean {
  return claim.strength !== 'carried';
}

const STRENGTHS = { signed: 2, stated: 1, carried: 0 } as const;

/** Positive if a is the stronger. */
export function compareStrength(a: Strength, b: Strength): number {
  return STRENGTHS[a] - STRENGTHS[b];
}

/** The wire format between tag and collector. Types and constants only: in the tag's bundle all of it vanishes. */

export const PROTOCOL_VERSION = 1;

/** Milliseconds since 1970-01-01 UTC, an integer. */
export type Millis = number;

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** Limits of one batch and of what is in it. Lengths are in UTF-16 units, sizes in bytes. */
export const LIMITS = {
  /** Body as it arrives. Above: 413. */
  body_bytes: 65_536,
  /** Body after gunzip. Above: 413. */
  inflated_bytes: 262_144,
  events: 100,
  /** One event as JSON. Above: `too_large`. */
  event_bytes: 32_768,
  /** Nesting of `props`, and values in it. Above: `too_deep`. */
  depth: 16,
  nodes: 5_000,
  id: 128,
  customer_id: 256,
  customer_token: 4_096,
  /** Longer ones are cut, not refused. */
  url: 2_048,
  title: 512,
  /** Items of one commerce event. Longer lists are cut. */
  items: 200,
  /** How far past receipt a `time` may lie. Above: `future`. */
  future: 48 * HOUR,
} as const;

/** Consent for storage, as the page or its consent platform states it. */
export type Consent = 'granted' | 'denied' | 'pending';

export interface Item {
  item_id: string;
  item_name?: string;
  /** Decimal string, never a float. */
  price?: string;
  quantity?: number;
  [key: string]: unknown;
}

/** What the event says beyond its envelope. Unknown fields are kept. */
export interface Props {
  items?: Item[];
  /** Decimal string with `currency` (ISO 4217). */
  value?: string;
  currency?: string;
  transaction_id?: string;
  search_term?: string;
  [key: string]: unknown;
}

/** One immutable fact, stamped when it was captured. */
export interface WireEvent {
  /** Unique per site for ever. The tag's: time in 8 base36 digits, `-`, 16 characters of nanoid. */
  event_id: string;
  /** A GA4 name, one of ours, or any other `[a-z][a-z0-9_]{0,63}`. */
  type: string;
  /** The tag's clock at capture, never running back on one browser. */
  time: Millis;
  /** First-party browser id. Absent without consent, and on back-office events that know no browser. */
  anonymous_id?: string;
  session_id?: string;
  tab_id?: string;
  view_id?: string;
  /** Only on claims (see `CLAIM_TYPES`): the retailer's own customer id. */
  customer_id?: string;
  /** Compact JWT by which the retailer's backend vouches for `customer_id`. */
  customer_token?: string;
  /** Hex SHA-256 of the trimmed, lower-cased e-mail address. */
  email_sha256?: string;
  url?: string;
  referrer?: string;
  title?: string;
  /** Scan token taken from the landing URL's `ff_scan`. */
  scan?: string;
  consent?: Consent;
  /** Global Privacy Control. */
  gpc?: boolean;
  /** The browser stands in public (`data-kiosk`). */
  kiosk?: boolean;
  props?: Props;
}

export interface Batch {
  v: number;
  site: string;
  /** The tag's clock at sending: tells how far it is off. */
  sent_at: Millis;
  /** Events that the tag had to give up since its last acknowledged batch. */
  dropped?: number;
  events: WireEvent[];
}

/** The one list of reasons for refusing an event; also the labels of the metric. */
export const REJECT_REASONS = [
  'bad_event',
  'bad_id',
  'bad_type',
  'bad_time',
  'future',
  'too_old',
  'too_large',
  'too_deep',
  'bad_field',
  'not_stored',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

export interface Rejected {
  event_id: string | null;
  reason: RejectReason;
  /** With `bad_field`: which. */
  field?: string;
}

/** The body of a 200 answer to `POST /e`: some events were refused. */
export interface BatchAnswer {
  accepted: number;
  rejected: Rejected[];
}

/** Types by which a page says "this browser is now this customer". No other event of a page carries a customer. */
export const CLAIM_TYPES: ReadonlySet<string> = new Set(['login', 'sign_up', 'identify', 'purchase', 'email_click']);

/** The query parameter that carries a scan token from the redirect to the tag. */
export const SCAN_PARAM = 'ff_scan';

/** What the API answers, as far as these pages read it. Names and meanings are those of the links table. */
import type { Millis, Props } from '../../protocol/event.ts';

export type LinkStatus = 'linked' | 'ambiguous' | 'anonymous' | 'logged_out' | 'kiosk';
type LinkRule = 'session' | 'device_between' | 'device_after' | 'device_after_logout' | 'device_before';
export type Strength = 'signed' | 'stated' | 'carried';

/** How a segment ended up: its rule where it is linked, its status where it is not. */
export type Outcome = LinkRule | Exclude<LinkStatus, 'linked'>;

interface Candidate {
  customer_id: string;
  person_id: string;
  evidence_event_id: string;
  gap_ms: Millis;
}

export interface ScanPlace {
  code: string;
  store_id?: string | null;
  store?: string | null;
  placement?: string | null;
  sku?: string | null;
  product?: { sku?: string | null; gtin?: string | null } | null;
}

/** One row per segment of a session. */
export interface LinkRow {
  site: string;
  session_id: string;
  anonymous_id: string;
  segment: number;
  started_at: Millis;
  ended_at: Millis;
  events: number;
  status: LinkStatus;
  customer_id: string | null;
  person_id: string | null;
  rule: LinkRule | null;
  strength: Strength | null;
  evidence_event_id: string | null;
  evidence_type: string | null;
  evidence_at: Millis | null;
  evidence_gap_ms: Millis | null;
  candidates: Candidate[] | null;
  owners: number;
  changed_at: Millis;
  landing_page: string | null;
  referrer: string | null;
  channel: string | null;
  source: string | null;
  medium: string | null;
  campaign: string | null;
  device_type: string | null;
  bot: boolean | number;
  page_views: number;
  scans: ScanPlace[] | null;
  orders: number;
  revenue: string | null;
  currency: string | null;
}

export interface LinksPage {
  links: LinkRow[];
  next_cursor: string | null;
  changes_cursor: string;
}

export interface LinkChange {
  type: 'upsert' | 'delete' | 'person';
  link: LinkRow | null;
  old: LinkRow | null;
  customer_id?: string;
  person_id?: string;
}

/** An event as it was stored, without its session's link. */
export type StreamedEvent = Omit<TimelineEvent, 'channel' | 'rule' | 'status'> & { site: string; customer_id: string | null };

export interface TimelineEvent {
  event_id: string;
  type: string;
  time: Millis;
  occurred_at: Millis;
  anonymous_id: string | null;
  session_id: string | null;
  url: string | null;
  title: string | null;
  device_type: string | null;
  channel: string | null;
  props: Props | null;
  scan: ScanPlace | null;
  rule: LinkRule | null;
  status: LinkStatus | null;
}

export interface TimelinePage {
  events: TimelineEvent[];
  next_before: string | number | null;
}

export interface Reason {
  segment: number;
  status: LinkStatus;
  rule: LinkRule | null;
  sentence: string;
  evidence: { event_id: string; type: string; occurred_at: Millis; customer_id: string | null; strength: Strength } | null;
  candidates: Candidate[] | null;
  would_change: string[] | null;
}

export interface Explanation {
  links: LinkRow[];
  why: Reason[];
}

export interface Site {
  site: string;
  name?: string | null;
}

export interface Profile {
  site: string;
  customer_id: string;
  person_id: string;
  identifiers: {
    customer_id: string;
    kind: 'customer' | 'email';
    strength: Strength | null;
    claims: number;
    first_at: Millis | null;
    last_at: Millis | null;
  }[];
  browsers: {
    anonymous_id: string;
    device_type: string | null;
    browser: string | null;
    os: string | null;
    sessions: number;
    first_at: Millis;
    last_at: Millis;
    kiosk: boolean;
  }[];
  consent: { state: string | null; gpc: boolean; at: Millis } | null;
  traits: Record<string, unknown>;
  first_seen_at: Millis | null;
  last_seen_at: Millis | null;
  sessions: number;
  events: number;
  last_products: { item_id: string; item_name: string | null; type: string; at: Millis }[];
  last_searches: { search_term: string; at: Millis }[];
  order_count: number;
  refund_count: number;
  revenue: { currency: string; net: string }[];
  rfm: { recency: number; frequency: number; monetary: number } | null;
  segments: string[];
}

export type DecisionRow = { decision_id: string; time: Millis; author: string; reason: string } & (
  | { type: 'merge'; customers: string[]; into: string }
  | { type: 'kiosk'; anonymous_id: string }
  | { type: 'hub'; customer_id: string }
  | { type: 'revoke'; target: string }
);

export interface CustomerRow {
  customer_id: string;
  person_id: string;
  sessions: number;
  last_seen_at: Millis | null;
  orders: number;
  revenue: string;
  currency: string;
  segments: string[];
}

export interface CustomersPage {
  customers: CustomerRow[];
  next_cursor: string | null;
}

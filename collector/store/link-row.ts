/** A link as the API, the exports and the change feed show it, made from its row. */

import type { ScanPlace } from '../linking/event.ts';
import type { Candidate, Outcome } from '../linking/outcome.ts';
import { type Details, salesOf } from '../linking/segment.ts';

/** One segment of a session and whose it is; the columns of docs/linking.md's table. Times are milliseconds. */
export interface LinkRow extends Omit<Outcome, 'candidates'> {
  site: string;
  session_id: string;
  anonymous_id: string;
  segment: number;
  started_at: number;
  ended_at: number;
  events: number;
  person_id: string | null;
  candidates: (Candidate & { person_id: string })[];
  policy_version: number;
  link_version: number;
  changed_at: number;
  cause_event_id: string;
  landing_page: string | null;
  referrer: string | null;
  channel: string | null;
  source: string | null;
  medium: string | null;
  campaign: string | null;
  click_id: string | null;
  device_type: string | null;
  bot: boolean;
  page_views: number;
  scans: ScanPlace[];
  products: string[];
  orders: number;
  revenue: string | null;
  currency: string | null;
}

/** The row as SQL gives it. */
export interface LinkColumns extends Omit<LinkRow, 'candidates' | 'bot' | 'scans' | 'products' | 'orders' | 'revenue' | 'currency'> {
  session_pk: number;
  bot: number;
  candidates: string | null;
  details: string | null;
}

export interface ChangeColumns {
  position: number;
  type: 'upsert' | 'delete' | 'person';
  site: string;
  session_id: string;
  anonymous_id: string;
  session_pk: number;
  segment: number;
  new_link: string | null;
  old_link: string | null;
  new_version: number | null;
  cause: string;
  changed: number;
}

export function linkRow(row: LinkColumns, personOf: (customer_id: string) => string): LinkRow {
  const details = row.details === null ? null : (JSON.parse(row.details) as Details);
  const candidates = row.candidates === null ? [] : (JSON.parse(row.candidates) as Candidate[]);
  return {
    site: row.site,
    session_id: row.session_id,
    anonymous_id: row.anonymous_id,
    segment: row.segment,
    started_at: row.started_at,
    ended_at: row.ended_at,
    events: row.events,
    status: row.status,
    customer_id: row.customer_id,
    person_id: row.person_id,
    rule: row.rule,
    strength: row.strength,
    evidence_event_id: row.evidence_event_id,
    evidence_type: row.evidence_type,
    evidence_at: row.evidence_at,
    evidence_gap_ms: row.evidence_gap_ms,
    candidates: candidates.map((candidate) => ({ ...candidate, person_id: personOf(candidate.customer_id) })),
    owners: row.owners,
    policy_version: row.policy_version,
    link_version: row.link_version,
    changed_at: row.changed_at,
    cause_event_id: row.cause_event_id,
    landing_page: row.landing_page,
    referrer: row.referrer,
    channel: row.channel,
    source: row.source,
    medium: row.medium,
    campaign: row.campaign,
    click_id: row.click_id,
    device_type: row.device_type,
    bot: row.bot === 1,
    page_views: row.page_views,
    scans: details?.scans.map(([, scan]) => scan) ?? [],
    products: details?.products ?? [],
    ...salesOf(details),
  };
}

/** An outcome as the change feed keeps it leaves out what is null or empty: this puts it back, with the segment's ids. */
export function restore(change: ChangeColumns, json: string): Partial<LinkRow> {
  const { site, session_id, anonymous_id, segment } = change;
  return { site, session_id, anonymous_id, segment, ...NOTHING, ...(JSON.parse(json) as Partial<LinkRow>) };
}

const NOTHING = {
  customer_id: null,
  rule: null,
  strength: null,
  evidence_event_id: null,
  evidence_type: null,
  evidence_at: null,
  evidence_gap_ms: null,
  candidates: [],
};

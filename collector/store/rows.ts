/** Rows as every SQL store keeps them, and what they are in memory. */
import { factsOf, type Payload } from '../domain/accepted-event.ts';
import {
  addBoundary,
  type BrowserState,
  newBrowser,
  newSession,
  type Placed,
  type SegmentState,
  type SessionState,
} from '../linking/browser.ts';
import { dayOf, type SessionChanges } from '../linking/changes.ts';
import type { Barrier, LinkEvent, Strength } from '../linking/event.ts';
import { type Key, keyOf } from '../linking/order.ts';
import type { Candidate, Outcome } from '../linking/outcome.ts';
import { type Details, salesOf } from '../linking/segment.ts';

/** Columns of a link by what writes them: taking in one more event, another outcome, a changed link. */
export const GROW_COLUMNS = ['last_time', 'last_rank', 'last_id', 'last_sub', 'started_at', 'ended_at', 'events', 'page_views', 'details'];
export const JUDGE_COLUMNS = [
  ...[
    ...GROW_COLUMNS,
    'first_time',
    'first_rank',
    'first_id',
    'first_sub',
    'last_day',
    'device_type',
    'bot',
    'status',
    'customer_id',
    'rule',
    'strength',
  ],
  ...['evidence_event_id', 'evidence_type', 'evidence_at', 'evidence_gap_ms', 'candidates', 'owners', 'policy_version'],
];
export const PUT_COLUMNS = [...JUDGE_COLUMNS, 'link_version', 'changed_at', 'cause_event_id', 'session_pk', 'segment', 'browser_pk'];

/** A browser's boundaries: its barriers and its live claims, each at its place. */
export function browserOf(declared_kiosk: boolean, barriers: readonly BarrierRow[], claims: readonly ClaimRow[]): BrowserState {
  const state = { ...newBrowser(), declared_kiosk };
  for (const { time, event_id, barrier } of barriers) state.barriers.push({ key: { time, rank: 0, event_id, sub: 1 }, barrier });
  for (const row of claims) {
    const key: Key = { time: row.time, rank: row.rank, event_id: row.key_id ?? row.event_id, sub: row.key_id === null ? 1 : 0 };
    const { event_id, type, session_id, occurred_at, customer_id, email, strength } = row;
    const claim = { customer_id, email, strength };
    const event = { event_id, type, session_id, occurred_at, claim, barrier: null, kiosk: false } as LinkEvent;
    addBoundary(state, { event, key, person: row.person_id ?? customer_id, hub: row.hub === 1 });
  }
  return state;
}

/** A session with its segments as they are stored. */
export function sessionOf(row: SessionRow, links: readonly LinkRow[]): SessionState {
  const session = newSession(row.session_id);
  if (row.landing_time !== null)
    session.landing = { time: row.landing_time, rank: row.landing_rank ?? 2, event_id: row.landing_event_id ?? '', sub: 1 };
  for (const link of links) {
    const segment = segmentOf(link);
    session.segments.push(segment);
    session.stored.push({ segment, first: segment.first, last: segment.last, outcome: segment.outcome, link_version: link.link_version });
  }
  return session;
}

/** Where a session stands, for its events. */
export interface SessionPlace {
  site: string;
  anonymous_id: string;
  session_id: string;
}

/** A session's own events and the scans it claims, each at its place. */
export function placedOf(place: SessionPlace, events: readonly EventRow[], scans: readonly ScannedRow[]): Placed[] {
  return [
    ...events.map((row): Placed => {
      const payload = JSON.parse(row.payload || '{}') as Payload;
      const event: LinkEvent = {
        ...place,
        event_id: row.event_id,
        type: row.type,
        time: row.time,
        occurred_at: row.occurred_at,
        claim: claimIn(row),
        barrier: row.barrier,
        kiosk: payload.kiosk ?? false,
        scan_id: payload.scan ?? null,
        scan: null,
        facts: factsOf(row.event_id, row.type, payload, { device_type: row.device_type, bot: row.bot === 1 }),
      };
      return { event, key: keyOf(event) };
    }),
    ...scans.map((row): Placed => {
      const { code, store_id, placement, sku, gtin } = row;
      const event: LinkEvent = {
        ...place,
        event_id: row.scan_id,
        type: row.type,
        time: row.claimer_time,
        occurred_at: row.occurred_at,
        claim: claimIn(row),
        barrier: null,
        kiosk: false,
        scan_id: null,
        scan: { code, ...(store_id && { store_id }), ...(placement && { placement }), ...(sku && { sku }), ...(gtin && { gtin }) },
        facts: factsOf(row.scan_id, row.type, {}, { device_type: row.device_type, bot: row.bot === 1 }),
      };
      return { event, key: { time: row.claimer_time, rank: row.claimer_rank, event_id: row.claimer_id, sub: 0 } };
    }),
  ];
}

/** Values of GROW_COLUMNS. */
export function growValues({ last, started_at, ended_at, events, page_views, details }: Content): unknown[] {
  return [last.time, last.rank, last.event_id, last.sub, started_at, ended_at, events, page_views, details && detailsText(details)];
}

/** Sums stand beside what they are of, so that SQL can read exact money without adding it up. */
function detailsText(details: Details): string {
  return JSON.stringify(details.orders.length === 0 ? details : { ...details, sales: salesOf(details) });
}

/** Values of JUDGE_COLUMNS. */
export function judgeValues(content: Content, policy_version: number): unknown[] {
  const { outcome, first, device_type, bot } = content;
  const { status, customer_id, rule, strength, evidence_event_id, evidence_type, evidence_at, evidence_gap_ms, owners } = outcome;
  return [
    ...[
      ...growValues(content),
      first.time,
      first.rank,
      first.event_id,
      first.sub,
      dayOf(content.last.time),
      device_type,
      bot ? 1 : 0,
      status,
      customer_id,
      rule,
      strength,
    ],
    ...[evidence_event_id, evidence_type, evidence_at, evidence_gap_ms],
    ...[outcome.candidates.length > 0 ? JSON.stringify(outcome.candidates) : null, owners, policy_version],
  ];
}

type Content = SessionChanges['writes'][number]['content'];

export interface BarrierRow {
  time: number;
  event_id: string;
  barrier: Barrier;
}

export interface SessionRow {
  session_pk: number;
  session_id: string;
  landing_time: number | null;
  landing_rank: 0 | 1 | 2 | null;
  landing_event_id: string | null;
}

interface ClaimColumns {
  customer_id: string | null;
  email: string | null;
  strength: Strength | null;
}

export interface ClaimRow {
  event_id: string;
  key_id: string | null;
  session_id: string | null;
  time: number;
  rank: 0 | 1 | 2;
  type: string;
  occurred_at: number;
  customer_id: string;
  email: string | null;
  strength: Strength;
  person_id: string | null;
  hub: number;
}

export interface EventRow extends ClaimColumns {
  event_id: string;
  type: string;
  time: number;
  occurred_at: number;
  payload: string;
  device_type: string;
  bot: number;
  barrier: Barrier | null;
}

export interface ScannedRow extends ClaimColumns {
  scan_id: string;
  type: string;
  occurred_at: number;
  code: string;
  store_id: string | null;
  placement: string | null;
  sku: string | null;
  gtin: string | null;
  claimer_id: string;
  claimer_time: number;
  claimer_rank: 0 | 1 | 2;
  device_type: string;
  bot: number;
}

export type LinkRow = { [K in `${'first' | 'last'}_${'time'}`]: number } & { [K in `${'first' | 'last'}_id`]: string } & {
  first_rank: 0 | 1 | 2;
  last_rank: 0 | 1 | 2;
  first_sub: 0 | 1;
  last_sub: 0 | 1;
  started_at: number;
  ended_at: number;
  events: number;
  page_views: number;
  device_type: string | null;
  bot: number;
  details: string | null;
  candidates: string | null;
  link_version: number;
} & Omit<Outcome, 'candidates'>;

function segmentOf(row: LinkRow): SegmentState {
  const { status, customer_id, rule, strength, evidence_event_id, evidence_type, evidence_at, evidence_gap_ms, owners } = row;
  const candidates = row.candidates === null ? [] : (JSON.parse(row.candidates) as Candidate[]);
  return {
    first: { time: row.first_time, rank: row.first_rank, event_id: row.first_id, sub: row.first_sub },
    last: { time: row.last_time, rank: row.last_rank, event_id: row.last_id, sub: row.last_sub },
    started_at: row.started_at,
    ended_at: row.ended_at,
    events: row.events,
    page_views: row.page_views,
    device_type: row.device_type,
    bot: row.bot === 1,
    details: row.details === null ? null : (JSON.parse(row.details) as Details),
    outcome: { status, customer_id, rule, strength, evidence_event_id, evidence_type, evidence_at, evidence_gap_ms, candidates, owners },
    dirty: false,
  };
}

function claimIn({ customer_id, email, strength }: ClaimColumns): LinkEvent['claim'] {
  return customer_id === null || strength === null ? null : { customer_id, email, strength };
}

/** An outcome as the change feed keeps it: what is null or empty is left out. */
export function lean(outcome: Outcome): string {
  return JSON.stringify(outcome, (_key, value: unknown) =>
    value === null || (Array.isArray(value) && value.length === 0) ? undefined : value,
  );
}

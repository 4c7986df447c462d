/** Where do we lose them? From how people came, over what they viewed and wanted, to what they bought; by person or by browser. */
import { DAY, HOUR, type Millis } from '../../protocol/event.ts';
import type { Queries } from '../store/queries.ts';
import type { EntryRow, Step } from '../store/queries-reports.ts';
import { ordersOf } from './orders.ts';

export const UNITS = ['person', 'browser'] as const;
export type Unit = (typeof UNITS)[number];

/** How a visit came about; `all` is everybody. */
export const ENTRIES = ['all', 'scan', 'ad', 'search', 'email', 'social', 'direct', 'other'] as const;
export type Entry = (typeof ENTRIES)[number];

/** People (or browsers) that came this way in the span, and those who came to this step or a later one at or after that. */
export interface FunnelRow {
  entry: Entry;
  entered: number;
  viewed: number;
  carted: number;
  purchased: number;
}

export interface FunnelOptions {
  site_pk: number;
  by: Unit;
  from: Millis;
  to: Millis;
}

/** Segments that one funnel takes in at most. */
export const FUNNEL_SEGMENTS = 1_000_000;
const PORTION = 2_000;

interface Member {
  entered: Map<Entry, Millis>;
  did: Partial<Record<Step, Millis>>;
}

/** Null: more than FUNNEL_SEGMENTS segments are in the span. */
export async function funnelOf(queries: Queries, { site_pk, by, from, to }: FunnelOptions): Promise<FunnelRow[] | null> {
  const members = new Map<string | number, Member>();
  const memberAt = (key: string | number): Member => {
    let member = members.get(key);
    if (!member) {
      member = { entered: new Map(), did: {} };
      members.set(key, member);
    }
    return member;
  };
  const owners = new Map<string, Member>();
  const lastSession = await queries.lastSessionPk();
  for (let after = 0; after < lastSession; after += PORTION) {
    // A visit that began a day before may still have come to its steps in the span.
    for (const row of await queries.entries(site_pk, from - DAY, to, after, after + PORTION)) {
      const member = memberAt(by === 'person' && row.person_id !== null ? `person ${row.person_id}` : row.browser_pk);
      owners.set(`${row.session_pk} ${row.segment}`, member);
      if (row.started_at < from) continue;
      for (const entry of ['all', entryOf(row)] as const) least(member.entered, entry, row.started_at);
    }
    if (owners.size > FUNNEL_SEGMENTS) return null;
    await breath();
  }
  const lastEvent = await queries.lastEventPk();
  for (let after = await queries.eventBefore(from - HOUR); after < lastEvent; after += PORTION) {
    for (const { session_pk, segment, type, at } of await queries.steps(site_pk, from, to, after, after + PORTION)) {
      const member = owners.get(`${session_pk} ${segment}`);
      if (member) latest(member, type, at);
    }
    await breath();
  }
  if (by === 'person') await addTills(queries, { site_pk, from, to }, (person_id) => members.get(`person ${person_id}`));
  return ENTRIES.map((entry) => rowOf(entry, members.values()));
}

/** Orders that stand in no session: a till's, or a backend's. */
async function addTills(
  queries: Queries,
  { site_pk, from, to }: Omit<FunnelOptions, 'by'>,
  memberOf: (person_id: string) => Member | undefined,
): Promise<void> {
  for (let after = 0; ; ) {
    const events = await queries.orderEventsAfter(site_pk, after, PORTION);
    for (const { order, person_id } of ordersOf(events)) {
      if (order.type !== 'purchase' || order.session_id !== null || person_id === null) continue;
      if (order.occurred_at < from || order.occurred_at >= to) continue;
      const member = memberOf(person_id);
      if (member) latest(member, 'purchase', order.occurred_at);
    }
    const last = events.at(-1);
    if (events.length < PORTION || !last) return;
    after = last.event_pk;
    await breath();
  }
}

function entryOf({ channel, scanned }: EntryRow): Entry {
  if (scanned === 1 || channel === 'qr' || channel === 'store') return 'scan';
  if (channel === null) return 'other';
  if (channel.startsWith('paid_') || channel === 'display' || channel === 'affiliates') return 'ad';
  if (channel === 'organic_search') return 'search';
  if (channel === 'organic_social' || channel === 'organic_video') return 'social';
  return channel === 'email' || channel === 'direct' ? channel : 'other';
}

function least(moments: Map<Entry, Millis>, entry: Entry, at: Millis): void {
  if (at < (moments.get(entry) ?? Number.POSITIVE_INFINITY)) moments.set(entry, at);
}

/** The last moment of a step is enough to say whether it came at or after an entry. */
function latest({ did }: Member, step: Step, at: Millis): void {
  did[step] = Math.max(did[step] ?? 0, at);
}

function rowOf(entry: Entry, members: Iterable<Member>): FunnelRow {
  const row: FunnelRow = { entry, entered: 0, viewed: 0, carted: 0, purchased: 0 };
  for (const { entered, did } of members) {
    const at = entered.get(entry);
    if (at === undefined) continue;
    const reached = (step: Step): boolean => (did[step] ?? Number.NEGATIVE_INFINITY) >= at;
    const [bought, wanted, viewed] = [reached('purchase'), reached('add_to_cart'), reached('view_item')];
    row.entered += 1;
    if (bought) row.purchased += 1;
    if (bought || wanted) row.carted += 1;
    if (bought || wanted || viewed) row.viewed += 1;
  }
  return row;
}

const breath = (): Promise<void> => new Promise((next) => setImmediate(next));

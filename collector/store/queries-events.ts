/** Reading events: as they were stored, and as a customer's timeline. */
import { sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Payload } from '../domain/accepted-event.ts';
import type { Rule, Status } from '../linking/outcome.ts';
import { and, type Condition, ofSites, type Rows } from './queries-sql.ts';

/** An event as the API shows it. */
export interface StoredEvent {
  event_pk: number;
  site: string;
  event_id: string;
  type: string;
  time: Millis;
  occurred_at: Millis;
  received_at: Millis;
  anonymous_id: string | null;
  session_id: string | null;
  customer_id: string | null;
  strength: string | null;
  device_type: string;
  browser: string;
  os: string;
  bot: boolean;
  scan: StoredScan | null;
  payload: Payload;
}

export interface StoredScan {
  scan_id: string;
  code: string;
  store_id: string | null;
  store: string | null;
  placement: string | null;
  product: { sku: string | null; gtin: string | null };
  flag: string | null;
  claimed: boolean;
}

export interface TimelineEvent extends StoredEvent {
  rule: Rule | null;
  status: Status | null;
  channel: string | null;
}

export interface EventFilter {
  site?: string;
  anonymous_id?: string;
  session_id?: string;
  event_id?: string;
  /** Events of the sessions' segments linked to this very customer, and its claims without a session. */
  customer_id?: string;
  /** The same of all customers that are this person. */
  person_id?: string;
  type?: string;
  from?: Millis;
  to?: Millis;
  sites?: readonly string[] | null;
}

/** Rows of one portion of a search through all events, and portions of one page. */
const PORTION = 5_000;
const PORTIONS = 100;

export function eventQueries(rows: Rows) {
  /** Events in the order of storing, after a place in it, up to another. */
  async function events(filter: EventFilter, after: number, limit: number, to = Number.MAX_SAFE_INTEGER): Promise<StoredEvent[]> {
    const { site, anonymous_id, session_id, event_id, customer_id, person_id, type } = filter;
    const ownedBy = (whose: Whose): Condition => sql`e.event_pk IN (SELECT event_pk FROM (${placedEvents(whose)}) owned)`;
    const inSessions = (sessions: Condition): Condition => sql`
      SELECT event_pk FROM events WHERE session_pk IN (${sessions}) UNION SELECT event_pk FROM scan_records WHERE session_pk IN (${sessions})`;
    const ofBrowser = (browsers: Condition): Condition => sql`
      ${inSessions(sql`SELECT session_pk FROM sessions WHERE browser_pk IN (${browsers})`)}
      UNION SELECT event_pk FROM events WHERE browser_pk IN (${browsers})`;
    const found = await rows(
      sql<EventColumns>`${EVENT_SELECT} WHERE e.event_pk > ${after} AND e.event_pk <= ${to} AND e.payload <> '' AND ${and([
        ...(site === undefined ? [] : [sql`st.site = ${site}`]),
        ...(anonymous_id === undefined
          ? []
          : [sql`e.event_pk IN (${ofBrowser(sql`SELECT browser_pk FROM browsers WHERE anonymous_id = ${anonymous_id}`)})`]),
        ...(session_id === undefined
          ? []
          : [sql`e.event_pk IN (${inSessions(sql`SELECT session_pk FROM sessions WHERE session_id = ${session_id}`)})`]),
        ...(customer_id === undefined ? [] : [ownedBy([customer_id])]),
        ...(person_id === undefined ? [] : [ownedBy({ person_id })]),
        ...(event_id === undefined ? [] : [sql`e.event_id = ${event_id}`]),
        ...(type === undefined ? [] : [sql`e.type = ${type}`]),
        ...(filter.from === undefined ? [] : [sql`e.occurred_at >= ${filter.from}`]),
        ...(filter.to === undefined ? [] : [sql`e.occurred_at < ${filter.to}`]),
        ...ofSites(filter.sites),
      ])} ORDER BY e.event_pk LIMIT ${limit}`,
    );
    return found.map(storedEvent);
  }

  return {
    events,

    /**
     * A page of events in the order of storing, and where to go on, null at the end. Without an id to look them up by, it reads a
     * bounded part of the store, and lets other work in between: such a page may be shorter than its limit.
     */
    async eventsPage(filter: EventFilter, after: number, limit: number): Promise<{ events: StoredEvent[]; next: number | null }> {
      const { anonymous_id, session_id, event_id, customer_id, person_id } = filter;
      const named = [anonymous_id, session_id, event_id, customer_id, person_id].some((id) => id !== undefined);
      if (named) {
        const found = await events(filter, after, limit);
        return { events: found, next: found.length === limit ? (found.at(-1)?.event_pk ?? null) : null };
      }
      const [end] = await rows(sql<{ last: number | null }>`SELECT max(event_pk) AS last FROM events`);
      const last = end?.last ?? 0;
      const found: StoredEvent[] = [];
      let from = after;
      for (let read = 0; from < last && read < PORTIONS; read += 1) {
        found.push(...(await events(filter, from, limit - found.length, from + PORTION)));
        if (found.length === limit) return { events: found, next: found.at(-1)?.event_pk ?? null };
        from += PORTION;
        await new Promise((next) => setImmediate(next));
      }
      return { events: found, next: from < last ? from : null };
    },

    /** Everything these customers did, newest first; `before` is the place of the last event of the page before. */
    async timeline(
      site: string,
      customers: readonly string[],
      before: { occurred_at: Millis; event_pk: number } | null,
      limit: number,
    ): Promise<TimelineEvent[]> {
      const earlier = before ? sql`AND (e.occurred_at, e.event_pk) < (${before.occurred_at}, ${before.event_pk})` : sql``;
      const found = await rows(sql<EventColumns & { rule: Rule | null; status: Status | null; channel: string | null }>`
        WITH placed AS (${placedEvents(customers, site)})
        SELECT x.*, placed.rule, placed.status, se.channel FROM placed JOIN (${EVENT_SELECT}) x USING (event_pk)
          JOIN events e USING (event_pk) LEFT JOIN sessions se ON se.session_pk = x.session_pk
        WHERE e.payload <> '' ${earlier} ORDER BY e.occurred_at DESC, e.event_pk DESC LIMIT ${limit}`);
      return found.map((row) => ({ ...storedEvent(row), rule: row.rule, status: row.status, channel: row.channel }));
    },

    /** Of these ids, the ones that are events of these customers, or claims of theirs that were taken back. */
    async eventsOfPerson(site: string, customers: readonly string[], event_ids: readonly string[]): Promise<Set<string>> {
      if (event_ids.length === 0) return new Set();
      const ids = sql.join([...event_ids]);
      const found = await rows(sql<{ event_id: string }>`
        SELECT e.event_id FROM events e JOIN sites st USING (site_pk)
        WHERE st.site = ${site} AND e.event_id IN (${ids}) AND e.event_pk IN (SELECT event_pk FROM (${placedEvents(customers, site)}) placed)
        UNION SELECT c.event_id FROM claims c JOIN sites st USING (site_pk)
        WHERE st.site = ${site} AND c.event_id IN (${ids}) AND c.customer_id IN (${sql.join([...customers])})`);
      return new Set(found.map(({ event_id }) => event_id));
    },

    /** The sessions of these events; of a scan, the one it led to. */
    async sessionsOfEvents(event_ids: readonly string[]) {
      if (event_ids.length === 0) return [];
      return rows(sql<{ site: string; event_id: string; session_id: string | null }>`
        SELECT st.site, e.event_id, s.session_id FROM events e JOIN sites st USING (site_pk)
          LEFT JOIN scan_records sc ON e.type = 'scan' AND sc.site_pk = e.site_pk AND sc.scan_id = e.event_id
          LEFT JOIN sessions s ON s.session_pk = coalesce(e.session_pk, sc.session_pk)
        WHERE e.event_id IN (${sql.join([...new Set(event_ids)])}) AND e.payload <> ''`);
    },

    /** Of these ids, the ones that this site's events have. */
    async knownIds(site: string, event_ids: readonly string[]): Promise<Set<string>> {
      const found = await rows(sql<{ event_id: string }>`
        SELECT event_id FROM events JOIN sites USING (site_pk) WHERE site = ${site} AND event_id IN (${sql.join([...event_ids, ''])})`);
      return new Set(found.map(({ event_id }) => event_id));
    },
  };
}

/** Customers by their ids, or all that are one person. */
export type Whose = readonly string[] | { person_id: string };

/** Events in the segments of these customers, claimed scans included, and claims of theirs that stand in no session. */
export function placedEvents(whose: Whose, site?: string): Condition {
  const here = site === undefined ? sql`` : sql`AND st.site = ${site}`;
  const owns = (table: 'o' | 'c'): Condition => ownedBy(sql.ref(`${table}.customer_id`), whose);
  return sql`
    SELECT e.event_pk, o.rule, o.status FROM links o JOIN events e USING (session_pk) JOIN sites st USING (site_pk)
      LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
      LEFT JOIN barriers r ON r.browser_pk = o.browser_pk AND r.time = e.time AND r.event_id = e.event_id
    WHERE ${owns('o')} ${here}
      AND (e.time, CASE WHEN r.barrier IS NOT NULL THEN 0 WHEN c.customer_id IS NOT NULL THEN 1 ELSE 2 END, e.event_id, 1)
        BETWEEN (o.first_time, o.first_rank, o.first_id, o.first_sub) AND (o.last_time, o.last_rank, o.last_id, o.last_sub)
    UNION
    SELECT sc.event_pk, o.rule, o.status FROM links o JOIN scan_records sc USING (session_pk) JOIN sites st USING (site_pk)
    WHERE ${owns('o')} ${here} AND (sc.claimer_time, sc.claimer_rank, sc.claimer_id, 0)
        BETWEEN (o.first_time, o.first_rank, o.first_id, o.first_sub) AND (o.last_time, o.last_rank, o.last_id, o.last_sub)
    UNION
    SELECT e.event_pk, NULL, NULL FROM claims c JOIN sites st USING (site_pk) JOIN events e ON e.event_id = c.event_id AND e.site_pk = c.site_pk
    WHERE ${owns('c')} ${here} AND c.session_pk IS NULL AND c.revoked = 0`;
}

function ownedBy(customer_id: Condition, whose: Whose): Condition {
  if (!('person_id' in whose)) return sql`${customer_id} IN (${sql.join([...whose])})`;
  const { person_id } = whose;
  // Persons are a site's: the same id may be its own person on one and another's on the next.
  return sql`${customer_id} IN (SELECT ${person_id} UNION SELECT customer_id FROM persons WHERE person_id = ${person_id})
    AND coalesce((SELECT person_id FROM persons p WHERE p.site_pk = st.site_pk AND p.customer_id = ${customer_id}), ${customer_id}) = ${person_id}`;
}

const EVENT_SELECT = sql`
  SELECT e.*, st.site, b.anonymous_id, s.session_id, c.customer_id, c.strength, d.device_type, d.browser, d.os, d.bot,
    sc.scan_id, sc.code, sc.store_id, x.name AS store, sc.placement, sc.sku, sc.gtin, sc.flag, sc.claimer_id
  FROM events e JOIN sites st USING (site_pk) JOIN devices d USING (device_pk)
    LEFT JOIN scan_records sc ON e.type = 'scan' AND sc.site_pk = e.site_pk AND sc.scan_id = e.event_id
    LEFT JOIN stores x ON x.site_pk = sc.site_pk AND x.store_id = sc.store_id
    LEFT JOIN sessions s ON s.session_pk = coalesce(e.session_pk, sc.session_pk)
    LEFT JOIN browsers b ON b.browser_pk = coalesce(s.browser_pk, e.browser_pk)
    LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0`;

interface EventColumns extends Omit<StoredEvent, 'bot' | 'scan' | 'payload'> {
  bot: number;
  payload: string;
  scan_id: string | null;
  code: string | null;
  store_id: string | null;
  store: string | null;
  placement: string | null;
  sku: string | null;
  gtin: string | null;
  flag: string | null;
  claimer_id: string | null;
}

function storedEvent(row: EventColumns): StoredEvent {
  const { event_pk, site, event_id, type, time, occurred_at, received_at, anonymous_id, session_id, customer_id, strength } = row;
  const { device_type, browser, os, scan_id, code, store_id, store, placement, sku, gtin, flag } = row;
  const scan =
    scan_id === null || code === null
      ? null
      : { scan_id, code, store_id, store, placement, product: { sku, gtin }, flag, claimed: row.claimer_id !== null };
  return {
    ...{ event_pk, site, event_id, type, time, occurred_at, received_at, anonymous_id, session_id, customer_id, strength },
    ...{ device_type, browser, os, bot: row.bot === 1, scan, payload: JSON.parse(row.payload || '{}') as Payload },
  };
}

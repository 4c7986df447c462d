/** Reading a site as a whole, in portions by the order of storing, so that no report holds up the collector: customers, links by day, steps to a purchase. */
import { type RawBuilder, sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Rule, Status } from '../linking/outcome.ts';
import type { Rows } from './queries-sql.ts';

/** A customer as lists show it, before money is added. */
export interface ListedCustomer {
  customer_id: string;
  person_id: string;
  /** Of its newest session; 0 where the list has another order. */
  session_pk: number;
}

/** Links that began in one quarter of an hour: every time zone's days begin with one. */
export interface QuarterCount {
  quarter: number;
  status: Status;
  rule: Rule | null;
  segments: number;
  sessions: number;
}

export type Step = 'view_item' | 'add_to_cart' | 'purchase';

/** When somebody last came to a step in a segment, in a portion of events. */
export interface StepRow {
  session_pk: number;
  segment: number;
  type: Step;
  at: Millis;
}

/** A segment as a funnel sees it. */
export interface EntryRow {
  session_pk: number;
  segment: number;
  browser_pk: number;
  person_id: string | null;
  started_at: Millis;
  channel: string | null;
  scanned: number;
}

export const QUARTER = 900_000;

export function reportQueries(rows: Rows) {
  const number = async (query: RawBuilder<{ n: number | null }>): Promise<number> => (await rows(query))[0]?.n ?? 0;

  /** The last event received before a moment, or one not much earlier: rows are nearly in the order of receipt. */
  async function eventBefore(moment: Millis): Promise<number> {
    let low = 0;
    let high = await number(sql`SELECT max(event_pk) AS n FROM events`);
    while (high - low > 1_000) {
      const middle = Math.floor((low + high) / 2);
      const [row] = await rows(sql<{ received_at: Millis }>`
        SELECT received_at FROM events WHERE event_pk >= ${middle} ORDER BY event_pk LIMIT 1`);
      if (row && row.received_at < moment) low = middle;
      else high = middle;
    }
    return low;
  }

  return {
    /** Customers by id, from a place in their order; `search` is how the id begins. */
    customersById: (site_pk: number, search: string | null, after: string, limit: number) =>
      rows(sql<ListedCustomer>`
        SELECT c.customer_id, coalesce(max(p.person_id), c.customer_id) AS person_id, 0 AS session_pk
        FROM claims c LEFT JOIN persons p ON p.site_pk = c.site_pk AND p.customer_id = c.customer_id
        WHERE c.site_pk = ${site_pk} AND c.revoked = 0 AND c.type <> 'erased' AND c.customer_id > ${after}
          ${search === null ? sql`` : sql`AND c.customer_id >= ${search} AND c.customer_id < ${`${search}\u{10FFFF}`}`}
        GROUP BY c.customer_id ORDER BY c.customer_id LIMIT ${limit}`),

    /** Customers by their newest session, newest first, each once. */
    customersBySession: (site_pk: number, before: number, limit: number) =>
      rows(sql<ListedCustomer>`
        SELECT l.customer_id, coalesce(p.person_id, l.customer_id) AS person_id, l.session_pk
        FROM links l JOIN browsers b ON b.browser_pk = l.browser_pk LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id
        WHERE l.session_pk < ${before} AND l.customer_id IS NOT NULL AND b.site_pk = ${site_pk}
          AND NOT EXISTS (SELECT 1 FROM links n JOIN browsers m ON m.browser_pk = n.browser_pk
            WHERE n.customer_id = l.customer_id AND (n.session_pk, n.segment) > (l.session_pk, l.segment) AND m.site_pk = b.site_pk)
        ORDER BY l.session_pk DESC, l.segment DESC LIMIT ${limit}`),

    /** Sessions of these customers and when each was last seen, in a session or by a claim without one. */
    customersSeen: (site_pk: number, customers: readonly string[]) =>
      rows(sql<{ customer_id: string; sessions: number; last_seen_at: Millis }>`
        SELECT customer_id, sum(sessions) AS sessions, max(last_seen_at) AS last_seen_at FROM (
          SELECT l.customer_id, count(DISTINCT l.session_pk) AS sessions, max(l.ended_at) AS last_seen_at
          FROM links l JOIN browsers b ON b.browser_pk = l.browser_pk
          WHERE l.customer_id IN (${sql.join([...customers, ''])}) AND b.site_pk = ${site_pk} GROUP BY l.customer_id
          UNION ALL
          SELECT customer_id, 0, max(occurred_at) FROM claims
          WHERE customer_id IN (${sql.join([...customers, ''])}) AND site_pk = ${site_pk} AND revoked = 0 GROUP BY customer_id
        ) seen GROUP BY customer_id`),

    lastSessionPk: () => number(sql`SELECT max(session_pk) AS n FROM sessions`),
    lastEventPk: () => number(sql`SELECT max(event_pk) AS n FROM events`),
    eventBefore,

    /** Links of a portion of sessions by when they began, people's only. */
    linkCounts: (site_pk: number, from: Millis, to: Millis, after: number, last: number) =>
      rows(sql<QuarterCount>`
        SELECT l.started_at / ${sql.lit(QUARTER)} AS quarter, l.status, l.rule, count(*) AS segments,
          sum(CASE WHEN l.segment = 0 THEN 1 ELSE 0 END) AS sessions
        FROM links l JOIN browsers b ON b.browser_pk = l.browser_pk
        WHERE l.session_pk > ${after} AND l.session_pk <= ${last} AND l.started_at >= ${from} AND l.started_at < ${to}
          AND l.bot = 0 AND b.site_pk = ${site_pk}
        GROUP BY l.started_at / ${sql.lit(QUARTER)}, l.status, l.rule`),

    /** Segments of a portion of sessions that began in a span of time, people's only. */
    entries: (site_pk: number, from: Millis, to: Millis, after: number, last: number) =>
      rows(sql<EntryRow>`
        SELECT l.session_pk, l.segment, l.browser_pk, coalesce(p.person_id, l.customer_id) AS person_id, l.started_at, s.channel,
          CASE WHEN EXISTS (SELECT 1 FROM scan_records q WHERE q.session_pk = l.session_pk AND q.claimer_time BETWEEN l.first_time AND l.last_time)
            THEN 1 ELSE 0 END AS scanned
        FROM links l JOIN sessions s ON s.session_pk = l.session_pk JOIN browsers b ON b.browser_pk = l.browser_pk
          LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id
        WHERE l.session_pk > ${after} AND l.session_pk <= ${last} AND l.started_at >= ${from} AND l.started_at < ${to}
          AND l.bot = 0 AND b.site_pk = ${site_pk}`),

    /** Last moments of views, carts and purchases by segment, in a portion of events. */
    steps: (site_pk: number, from: Millis, to: Millis, after: number, last: number) =>
      rows(sql<StepRow>`
        SELECT e.session_pk, l.segment, CASE WHEN e.type = 'begin_checkout' THEN 'add_to_cart' ELSE e.type END AS type, max(e.occurred_at) AS at
        FROM events e JOIN links l ON l.session_pk = e.session_pk AND e.time BETWEEN l.first_time AND l.last_time
        WHERE e.event_pk > ${after} AND e.event_pk <= ${last} AND e.site_pk = ${site_pk} AND e.occurred_at >= ${from} AND e.occurred_at < ${to}
          AND e.type IN ('view_item', 'add_to_cart', 'begin_checkout', 'purchase')
        GROUP BY e.session_pk, l.segment, CASE WHEN e.type = 'begin_checkout' THEN 'add_to_cart' ELSE e.type END`),
  };
}

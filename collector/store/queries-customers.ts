/** Reading one person: identifiers, visits, orders, cart, scans and what they last looked at. All by index, whatever the store holds. */
import { sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Payload } from '../domain/accepted-event.ts';
import type { Strength } from '../linking/event.ts';
import type { Rule } from '../linking/outcome.ts';
import type { StoredScan } from './queries-events.ts';
import { and, type Condition, type Rows } from './queries-sql.ts';

/** Several customers that are one person, on one site. */
export interface PersonRef {
  site_pk: number;
  customers: readonly string[];
}

/** One segment that is linked to the person, with what its session came from. */
export interface Visit {
  session_pk: number;
  session_id: string;
  anonymous_id: string;
  browser_pk: number;
  kiosk: number;
  customer_id: string;
  rule: Rule;
  started_at: Millis;
  ended_at: Millis;
  events: number;
  page_views: number;
  device_type: string | null;
  channel: string | null;
  source: string | null;
  medium: string | null;
  campaign: string | null;
  click_id: string | null;
  landing_page: string | null;
  referrer: string | null;
}

export interface IdentifierRow {
  customer_id: string;
  strength: Strength;
  claims: number;
  first_at: Millis;
  last_at: Millis;
}

/** A purchase or refund and whose it is by its own session or claim; null: nobody's. */
export interface OwnedOrderEvent {
  event_pk: number;
  event_id: string;
  source: string;
  order_id: string | null;
  type: 'purchase' | 'refund';
  occurred_at: Millis;
  value: string | null;
  currency: string | null;
  /** 1: a refund of all that is left of its order. */
  whole: number;
  session_id: string | null;
  anonymous_id: string | null;
  person_id: string | null;
}

export interface LastScan extends Omit<StoredScan, 'claimed'> {
  occurred_at: Millis;
}

export interface Wish {
  type: string;
  occurred_at: Millis;
  payload: Payload;
}

/** Events that tell what somebody wants. */
const WISHES = ['search', 'view_item', 'add_to_cart', 'begin_checkout', 'purchase'] as const;
/** Persons that one look-up finds at most. */
const PERSONS = 20;
/** Ids that one statement names at most. */
const IDS = 500;

export function customerQueries(rows: Rows) {
  const orderEvents = (condition: Condition) => sql<OwnedOrderEvent>`
    SELECT o.event_pk, o.event_id, o.source, o.order_id, o.type, o.occurred_at, o.value, o.currency, o.whole, s.session_id, b.anonymous_id,
      CASE WHEN o.session_pk IS NULL THEN coalesce(pc.person_id, c.customer_id) ELSE coalesce(pl.person_id, l.customer_id) END AS person_id
    FROM order_events o LEFT JOIN claims c ON c.site_pk = o.site_pk AND c.event_id = o.event_id AND c.revoked = 0
      LEFT JOIN links l ON l.session_pk = o.session_pk AND (o.time, CASE WHEN c.event_id IS NULL THEN 2 ELSE 1 END, o.event_id, 1)
        BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)
      LEFT JOIN persons pl ON pl.site_pk = o.site_pk AND pl.customer_id = l.customer_id
      LEFT JOIN persons pc ON pc.site_pk = o.site_pk AND pc.customer_id = c.customer_id
      LEFT JOIN sessions s ON s.session_pk = o.session_pk LEFT JOIN browsers b ON b.browser_pk = o.browser_pk
    WHERE ${condition}`;

  return {
    /** The person's segments, oldest first. */
    visits: ({ site_pk, customers }: PersonRef) =>
      rows(sql<Visit>`
        SELECT l.session_pk, s.session_id, b.anonymous_id, l.browser_pk, b.kiosk, l.customer_id, l.rule, l.started_at, l.ended_at, l.events,
          l.page_views, l.device_type, s.channel, s.source, s.medium, s.campaign, s.click_id, s.landing_page, s.referrer
        FROM links l JOIN sessions s USING (session_pk) JOIN browsers b ON b.browser_pk = l.browser_pk
        WHERE l.customer_id IN (${sql.join([...customers])}) AND b.site_pk = ${site_pk} ORDER BY l.started_at, l.session_pk, l.segment`),

    /** Claims of each id, and those that brought an e-mail beside a raw id. */
    identifiers: ({ site_pk, customers }: PersonRef) =>
      rows(sql<IdentifierRow>`
        SELECT customer_id, strength, count(*) AS claims, min(occurred_at) AS first_at, max(occurred_at) AS last_at
        FROM claims WHERE site_pk = ${site_pk} AND customer_id IN (${sql.join([...customers])}) AND revoked = 0
        GROUP BY customer_id, strength
        UNION ALL
        SELECT email, strength, count(*), min(occurred_at), max(occurred_at) FROM claims
        WHERE site_pk = ${site_pk} AND email IN (${sql.join([...customers])}) AND email <> customer_id AND revoked = 0
        GROUP BY email, strength`),

    /** Claims that name the person, revoked ones too, in order after one of them. */
    claimsOfPerson: ({ site_pk, customers }: PersonRef, after: { occurred_at: Millis; event_id: string }, limit: number) =>
      rows(sql<{
        event_id: string;
        type: string;
        occurred_at: Millis;
        customer_id: string;
        email: string | null;
        strength: Strength;
        revoked: number;
      }>`
        SELECT event_id, type, occurred_at, customer_id, email, strength, revoked FROM claims
        WHERE site_pk = ${site_pk} AND customer_id IN (${sql.join([...customers])}) AND (occurred_at, event_id) > (${after.occurred_at}, ${after.event_id})
        ORDER BY occurred_at, event_id LIMIT ${limit}`),

    /** Purchases and refunds in the person's segments, and those of their claims that stand in no session. */
    async orderEventsOf({ site_pk, customers }: PersonRef, sessions: readonly number[]): Promise<OwnedOrderEvent[]> {
      const found: OwnedOrderEvent[] = [];
      for (let at = 0; at < sessions.length; at += IDS)
        found.push(...(await rows(orderEvents(sql`o.session_pk IN (${sql.join(sessions.slice(at, at + IDS))})`))));
      const claimed = sql`SELECT e.event_pk FROM claims k JOIN events e ON e.event_id = k.event_id AND e.site_pk = k.site_pk
        WHERE k.site_pk = ${site_pk} AND k.customer_id IN (${sql.join([...customers])}) AND k.session_pk IS NULL AND k.revoked = 0`;
      found.push(...(await rows(orderEvents(sql`o.event_pk IN (${claimed}) AND o.session_pk IS NULL`))));
      return found;
    },

    /** Everything that was said of these orders, by whomever. */
    async orderEventsNamed(site_pk: number, order_ids: readonly string[]): Promise<OwnedOrderEvent[]> {
      const found: OwnedOrderEvent[] = [];
      for (let at = 0; at < order_ids.length; at += IDS)
        found.push(
          ...(await rows(orderEvents(sql`o.order_id IN (${sql.join(order_ids.slice(at, at + IDS))}) AND o.site_pk = ${site_pk}`))),
        );
      return found;
    },

    /** A site's purchases and refunds in the order of storing. */
    orderEventsAfter: (site_pk: number, after: number, limit: number) =>
      rows(orderEvents(sql`o.site_pk = ${site_pk} AND o.event_pk > ${after} ORDER BY o.event_pk LIMIT ${limit}`)),

    /** When each person of a site last filled a cart, since a moment; in portions by the order of storing. */
    cartsAfter: (site_pk: number, since: Millis, after: number, limit: number) =>
      rows(sql<{ event_pk: number; occurred_at: Millis; person_id: string | null }>`
        SELECT k.event_pk, k.occurred_at, coalesce(p.person_id, l.customer_id) AS person_id
        FROM cart_events k LEFT JOIN claims c ON c.site_pk = k.site_pk AND c.event_id = k.event_id AND c.revoked = 0
          LEFT JOIN links l ON l.session_pk = k.session_pk AND (k.time, CASE WHEN c.event_id IS NULL THEN 2 ELSE 1 END, k.event_id, 1)
            BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)
          LEFT JOIN persons p ON p.site_pk = k.site_pk AND p.customer_id = l.customer_id
        WHERE k.site_pk = ${site_pk} AND k.event_pk > ${after} AND k.occurred_at >= ${since} ORDER BY k.event_pk LIMIT ${limit}`),

    /** When the person last filled a cart. */
    async lastCart({ site_pk, customers }: PersonRef): Promise<Millis | null> {
      const [found] = await rows(sql<{ at: Millis | null }>`
        SELECT max(k.occurred_at) AS at FROM links l JOIN cart_events k ON k.session_pk = l.session_pk
          LEFT JOIN claims c ON c.site_pk = k.site_pk AND c.event_id = k.event_id AND c.revoked = 0
        WHERE l.customer_id IN (${sql.join([...customers])}) AND k.site_pk = ${site_pk}
          AND (k.time, CASE WHEN c.event_id IS NULL THEN 2 ELSE 1 END, k.event_id, 1) BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)`);
      return found?.at ?? null;
    },

    async lastScan({ site_pk, customers }: PersonRef): Promise<LastScan | null> {
      const [found] = await rows(sql<
        Omit<StoredScan, 'claimed' | 'product'> & { occurred_at: Millis; sku: string | null; gtin: string | null }
      >`
        SELECT q.scan_id, q.code, q.store_id, x.name AS store, q.placement, q.sku, q.gtin, q.flag, q.occurred_at
        FROM links l JOIN scan_records q ON q.session_pk = l.session_pk LEFT JOIN stores x ON x.site_pk = q.site_pk AND x.store_id = q.store_id
        WHERE l.customer_id IN (${sql.join([...customers])}) AND q.site_pk = ${site_pk} AND (q.claimer_time, q.claimer_rank, q.claimer_id, 0)
          BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)
        ORDER BY q.occurred_at DESC LIMIT 1`);
      if (!found) return null;
      const { sku, gtin, ...scan } = found;
      return { ...scan, product: { sku, gtin } };
    },

    /** The persons of a site's claims that carried this e-mail's id, beside a raw id or alone. */
    personsOfEmail: (site_pk: number, email: string) =>
      rows(sql<{ person_id: string }>`
        SELECT DISTINCT coalesce(p.person_id, c.customer_id) AS person_id
        FROM claims c LEFT JOIN persons p ON p.site_pk = c.site_pk AND p.customer_id = c.customer_id
        WHERE c.email = ${email} AND c.site_pk = ${site_pk} AND c.revoked = 0 ORDER BY person_id LIMIT ${PERSONS}`),

    /** The persons that this session's segments, or this browser's, are linked to. */
    personsOfVisits: (site_pk: number, by: { session_id: string } | { anonymous_id: string }) =>
      rows(sql<{ person_id: string }>`
        SELECT DISTINCT coalesce(p.person_id, l.customer_id) AS person_id
        FROM ${
          'session_id' in by
            ? sql`sessions s JOIN links l ON l.session_pk = s.session_pk JOIN browsers b ON b.browser_pk = s.browser_pk`
            : sql`browsers b JOIN links l ON l.browser_pk = b.browser_pk`
        } LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id
        WHERE ${'session_id' in by ? sql`s.session_id = ${by.session_id}` : sql`b.anonymous_id = ${by.anonymous_id}`}
          AND b.site_pk = ${site_pk} AND l.customer_id IS NOT NULL ORDER BY person_id LIMIT ${PERSONS}`),

    /** The persons in whose segments this scan stands, or scans of this code, newest first. */
    personsOfScans: (site_pk: number, by: { scan_id: string } | { code: string }) =>
      rows(sql<{ person_id: string; at: Millis }>`
        SELECT coalesce(p.person_id, l.customer_id) AS person_id, max(q.occurred_at) AS at
        FROM scan_records q JOIN links l ON l.session_pk = q.session_pk AND (q.claimer_time, q.claimer_rank, q.claimer_id, 0)
            BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)
          LEFT JOIN persons p ON p.site_pk = q.site_pk AND p.customer_id = l.customer_id
        WHERE ${'scan_id' in by ? sql`q.scan_id = ${by.scan_id}` : sql`q.code = ${by.code}`}
          AND q.site_pk = ${site_pk} AND l.customer_id IS NOT NULL
        GROUP BY coalesce(p.person_id, l.customer_id) ORDER BY at DESC LIMIT ${PERSONS}`),

    /** What the person searched, viewed, wanted and bought in these sessions, newest first. */
    async wishes({ customers }: PersonRef, sessions: readonly number[], limit: number): Promise<Wish[]> {
      const found = await rows(sql<Omit<Wish, 'payload'> & { payload: string }>`
        SELECT e.type, e.occurred_at, e.payload FROM links l JOIN events e ON e.session_pk = l.session_pk
          LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
        WHERE l.session_pk IN (${sql.join([...sessions, -1])}) AND l.customer_id IN (${sql.join([...customers])})
          AND e.type IN (${sql.join([...WISHES])}) AND e.payload <> ''
          AND (e.time, CASE WHEN c.event_id IS NULL THEN 2 ELSE 1 END, e.event_id, 1)
            BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)
        ORDER BY e.occurred_at DESC, e.event_pk DESC LIMIT ${limit}`);
      return found.map((row) => ({ ...row, payload: JSON.parse(row.payload) as Payload }));
    },

    /** The newest event of each of these sessions: what its device is, and what it says of consent. */
    async newestEvents(sessions: readonly number[]) {
      const found = await rows(sql<{ session_pk: number; occurred_at: Millis; payload: string; browser: string; os: string }>`
        SELECT e.session_pk, e.occurred_at, e.payload, d.browser, d.os FROM events e JOIN devices d USING (device_pk)
        WHERE e.event_pk IN (SELECT max(event_pk) FROM events WHERE session_pk IN (${sql.join([...sessions, -1])}) GROUP BY session_pk)`);
      return found.map(({ payload, ...row }) => ({ ...row, payload: JSON.parse(payload || '{}') as Payload }));
    },

    /** `props.traits` of the person's newest claims, newest first. */
    async traitsOf({ site_pk, customers }: PersonRef, limit: number): Promise<unknown[]> {
      const found = await rows(sql<{ payload: string }>`
        SELECT e.payload FROM claims c JOIN events e ON e.event_id = c.event_id AND e.site_pk = c.site_pk
        WHERE ${and([
          sql`c.site_pk = ${site_pk}`,
          sql`c.customer_id IN (${sql.join([...customers])})`,
          sql`c.type IN ('identify', 'sign_up') AND c.revoked = 0 AND e.payload LIKE '%"traits":%'`,
        ])} ORDER BY c.occurred_at DESC, c.event_id DESC LIMIT ${limit}`);
      return found.map(({ payload }) => (JSON.parse(payload) as Payload).props?.['traits']);
    },
  };
}

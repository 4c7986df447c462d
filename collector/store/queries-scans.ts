/** What can be read of scans and of what their people did afterwards, written once for every SQL store. */
import { type RawBuilder, sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Payload } from '../domain/accepted-event.ts';

export interface ScanFilter {
  sites: readonly string[] | null;
  code?: string;
  store?: string;
  placement?: string;
  /** 14 digits. */
  gtin?: string;
  sku?: string;
  scan_id?: string;
  customer_id?: string;
  person_id?: string;
  anonymous_id?: string;
  session_id?: string;
  from?: Millis;
  to?: Millis;
  claimed?: boolean;
  /** Machines and prefetches too. */
  flagged?: boolean;
}

/** A scan as the API shows it. */
export interface ScanRow {
  scan_id: string;
  site: string;
  occurred_at: Millis;
  code: string;
  label: string | null;
  store_id: string | null;
  store: string | null;
  placement: string | null;
  product: { sku: string | null; gtin: string | null } | null;
  /** What a GS1 link said: lot, serial, GLN, location. */
  gs1: Record<string, unknown> | null;
  flag: string | null;
  claimed: boolean;
  /** Other browsers that brought the token: the link was shared, and joined nobody. */
  shared: number;
  anonymous_id: string | null;
  session_id: string | null;
  status: string | null;
  customer_id: string | null;
  person_id: string | null;
}

/** A scan of somebody, and what is needed to find what that somebody did next. */
export interface PlacedScan {
  event_pk: number;
  scan: ScanRow;
  site_pk: number;
  browser_pk: number | null;
}

/** Something a person did that a scan may have led to. */
export interface Action {
  person_id: string | null;
  browser_pk: number | null;
  type: 'view_item' | 'add_to_cart' | 'purchase';
  event_id: string;
  occurred_at: Millis;
  payload: Payload;
}

type Rows = <T>(query: RawBuilder<T>) => Promise<T[]>;

export function scanQueries(rows: Rows) {
  /** Events of these sessions' segments that are theirs, in a span of time. */
  const actions = (owned: RawBuilder<unknown>, from: Millis, to: Millis): RawBuilder<ActionColumns> => sql<ActionColumns>`
    SELECT o.person_id, o.browser_pk, e.type, e.event_id, e.occurred_at, e.payload FROM (${owned}) o JOIN events e USING (session_pk)
      LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
    WHERE e.type IN ('view_item', 'add_to_cart', 'purchase') AND e.occurred_at >= ${from} AND e.occurred_at <= ${to}
      AND (e.time, CASE WHEN c.customer_id IS NOT NULL THEN 1 ELSE 2 END, e.event_id, 1)
        BETWEEN (o.first_time, o.first_rank, o.first_id, o.first_sub) AND (o.last_time, o.last_rank, o.last_id, o.last_sub)`;

  return {
    /** Scans in the order of storing, after a place in it. */
    async scans(filter: ScanFilter, after: number, limit: number): Promise<PlacedScan[]> {
      const found = await rows(sql<ScanColumns>`
        SELECT q.*, st.site, e.payload, k.label, x.name AS store, b.anonymous_id, s.session_id, l.status, l.customer_id,
          coalesce(p.person_id, l.customer_id) AS person_id,
          (SELECT count(DISTINCT r.browser_pk) FROM scan_carriers r
            WHERE r.site_pk = q.site_pk AND r.scan_id = q.scan_id AND r.browser_pk <> coalesce(q.browser_pk, -1)) AS shared
        FROM scan_records q JOIN sites st USING (site_pk) JOIN events e ON e.event_pk = q.event_pk
          LEFT JOIN codes k ON k.code = q.code LEFT JOIN stores x ON x.site_pk = q.site_pk AND x.store_id = q.store_id
          LEFT JOIN sessions s ON s.session_pk = q.session_pk LEFT JOIN browsers b ON b.browser_pk = q.browser_pk
          LEFT JOIN links l ON l.session_pk = q.session_pk AND (q.claimer_time, q.claimer_rank, q.claimer_id, 0)
            BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)
          LEFT JOIN persons p ON p.site_pk = q.site_pk AND p.customer_id = l.customer_id
        WHERE q.event_pk > ${after} AND ${sql.join(conditions(filter), sql` AND `)} ORDER BY q.event_pk LIMIT ${limit}`);
      return found.map(placedScan);
    },

    /** What these persons did in a span of time: on every browser that is theirs, and at the till. */
    async actionsOfPersons(site_pk: number, persons: readonly string[], from: Millis, to: Millis): Promise<Action[]> {
      const ids = sql.join([...persons]);
      const customers = sql`SELECT customer_id FROM persons WHERE site_pk = ${site_pk} AND person_id IN (${ids})`;
      const theirs = (column: RawBuilder<unknown>): RawBuilder<unknown> => sql`(${column} IN (${ids}) OR ${column} IN (${customers}))`;
      const owned = sql`
        SELECT coalesce(p.person_id, l.customer_id) AS person_id, l.browser_pk, l.session_pk,
          l.first_time, l.first_rank, l.first_id, l.first_sub, l.last_time, l.last_rank, l.last_id, l.last_sub
        FROM links l JOIN browsers b USING (browser_pk) LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id
        WHERE b.site_pk = ${site_pk} AND ${theirs(sql`l.customer_id`)}`;
      const found = await rows(sql<ActionColumns>`${actions(owned, from, to)}
        UNION ALL
        SELECT coalesce(p.person_id, c.customer_id), NULL, e.type, e.event_id, e.occurred_at, e.payload
        FROM claims c JOIN events e ON e.event_id = c.event_id AND e.site_pk = c.site_pk
          LEFT JOIN persons p ON p.site_pk = c.site_pk AND p.customer_id = c.customer_id
        WHERE c.site_pk = ${site_pk} AND c.session_pk IS NULL AND c.revoked = 0 AND e.type = 'purchase' AND ${theirs(sql`c.customer_id`)}
          AND e.occurred_at >= ${from} AND e.occurred_at <= ${to}`);
      return found.map(action);
    },

    /** What was done on these browsers by nobody known. */
    async actionsOfBrowsers(browsers: readonly number[], from: Millis, to: Millis): Promise<Action[]> {
      const owned = sql`SELECT NULL AS person_id, l.* FROM links l WHERE l.browser_pk IN (${sql.join([...browsers])}) AND l.customer_id IS NULL`;
      return (await rows(actions(owned, from, to))).map(action);
    },

    /** Scans of these personal codes whose claims stand. */
    async claimingScans(site_pk: number, codes: readonly string[]): Promise<string[]> {
      const found: string[] = [];
      for (let at = 0; at < codes.length; at += 500) {
        const some = await rows(sql<{ scan_id: string }>`
          SELECT q.scan_id FROM scan_records q JOIN claims c ON c.site_pk = q.site_pk AND c.event_id = q.scan_id
          WHERE q.site_pk = ${site_pk} AND c.revoked = 0 AND q.code IN (${sql.join(codes.slice(at, at + 500))}) ORDER BY q.scan_id`);
        found.push(...some.map(({ scan_id }) => scan_id));
      }
      return found;
    },

    /** Codes in use that nobody scanned since a moment, and when each last was. */
    deadCodes: (sites: readonly string[] | null, since: Millis, now: Millis, limit: number) =>
      rows(sql<{
        site: string;
        code: string;
        label: string;
        store_id: string | null;
        placement: string | null;
        last_scan_at: Millis | null;
      }>`
        SELECT st.site, c.code, c.label, c.store_id, c.placement,
          (SELECT max(q.occurred_at) FROM scan_records q WHERE q.code = c.code AND q.site_pk = c.site_pk AND q.flag IS NULL) AS last_scan_at
        FROM codes c JOIN sites st USING (site_pk)
        WHERE c.active = 1 AND c.created_at < ${since} AND coalesce(c.valid_from, 0) < ${since} AND coalesce(c.valid_until, ${now + 1}) > ${now}
          AND ${sites ? sql`st.site IN (${sql.join([...sites, ''])})` : sql`1 = 1`}
          AND NOT EXISTS (SELECT 1 FROM scan_records q WHERE q.code = c.code AND q.site_pk = c.site_pk AND q.flag IS NULL AND q.occurred_at >= ${since})
        ORDER BY last_scan_at NULLS FIRST, c.code LIMIT ${limit}`),
  };
}

function conditions(filter: ScanFilter): RawBuilder<unknown>[] {
  const {
    sites,
    code,
    store,
    placement,
    gtin,
    sku,
    anonymous_id,
    session_id,
    from,
    to,
    claimed,
    flagged,
    scan_id,
    customer_id,
    person_id,
  } = filter;
  return [
    sites ? sql`st.site IN (${sql.join([...sites, ''])})` : sql`1 = 1`,
    ...(flagged ? [] : [sql`q.flag IS NULL`]),
    ...(code === undefined ? [] : [sql`q.code = ${code}`]),
    ...(store === undefined ? [] : [sql`q.store_id = ${store}`]),
    ...(placement === undefined ? [] : [sql`q.placement = ${placement}`]),
    // Codes may hold GTIN-8 to -13; links always 14 digits.
    ...(gtin === undefined ? [] : [sql`substr('00000000000000' || q.gtin, length(q.gtin) + 1) = ${gtin}`]),
    ...(sku === undefined ? [] : [sql`q.sku = ${sku}`]),
    ...(scan_id === undefined ? [] : [sql`q.scan_id = ${scan_id}`]),
    ...(customer_id === undefined ? [] : [sql`l.customer_id = ${customer_id}`]),
    ...(person_id === undefined ? [] : [sql`coalesce(p.person_id, l.customer_id) = ${person_id}`]),
    ...(anonymous_id === undefined ? [] : [sql`b.anonymous_id = ${anonymous_id}`]),
    ...(session_id === undefined ? [] : [sql`s.session_id = ${session_id}`]),
    ...(from === undefined ? [] : [sql`q.occurred_at >= ${from}`]),
    ...(to === undefined ? [] : [sql`q.occurred_at < ${to}`]),
    ...(claimed === undefined ? [] : [claimed ? sql`q.claimer_id IS NOT NULL` : sql`q.claimer_id IS NULL`]),
  ];
}

interface ScanColumns extends Omit<ScanRow, 'product' | 'gs1' | 'claimed'> {
  event_pk: number;
  site_pk: number;
  browser_pk: number | null;
  claimer_id: string | null;
  sku: string | null;
  gtin: string | null;
  payload: string;
}

interface ActionColumns extends Omit<Action, 'payload'> {
  payload: string;
}

function placedScan(row: ScanColumns): PlacedScan {
  const { event_pk, site_pk, browser_pk, claimer_id, sku, gtin, payload, scan_id, site, occurred_at, code, label, store_id, store } = row;
  const { placement, flag, shared, anonymous_id, session_id, status, customer_id, person_id } = row;
  const product = sku === null && gtin === null ? null : { sku, gtin };
  const gs1 = (JSON.parse(payload) as Payload).props ?? null;
  const place = { scan_id, site, occurred_at, code, label, store_id, store, placement, product, gs1, flag };
  const claim = { claimed: claimer_id !== null, shared, anonymous_id, session_id, status, customer_id, person_id };
  return { event_pk, site_pk, browser_pk, scan: { ...place, ...claim } };
}

function action({ payload, ...row }: ActionColumns): Action {
  return { ...row, payload: JSON.parse(payload) as Payload };
}

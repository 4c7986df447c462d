/** What can be read, written once with Kysely for every SQL store. Reads see whole transactions only, and never block a write. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Payload } from '../domain/accepted-event.ts';
import type { Decision } from '../linking/event.ts';
import type { Rule, Status } from '../linking/outcome.ts';
import { type ChangeColumns, type LinkColumns, type LinkRow, linkRow, restore } from './link-row.ts';
import { codeQueries } from './queries-codes.ts';
import { scanQueries } from './queries-scans.ts';
import type { Scope, TokenRow } from './store.ts';

/** Kysely only carries the connection: the statements name their tables themselves. */
export type Tables = Record<string, never>;

export interface LinkFilter {
  site?: string;
  customer_id?: string;
  person_id?: string;
  anonymous_id?: string;
  session_id?: string;
  status?: Status;
  rule?: Rule;
  code?: string;
  store?: string;
  from?: Millis;
  to?: Millis;
  /** Machines are left out unless asked for. */
  bots?: boolean;
  /** Only these sites (a token's), null: all. */
  sites?: readonly string[] | null;
}

/** A place in row order: links are read in the order (session_pk, segment). */
export interface LinkCursor {
  session_pk: number;
  segment: number;
}

export interface PlacedLink {
  link: LinkRow;
  place: LinkCursor;
}

export interface LinkChange {
  position: number;
  type: 'upsert' | 'delete' | 'person';
  link: LinkRow | null;
  old: Partial<LinkRow> | null;
  customer_id?: string;
  person_id?: string;
  cause_event_id: string;
  changed_at: Millis;
}

export interface HistoryRow {
  segment: number;
  type: 'upsert' | 'delete';
  link: string | null;
  old: string | null;
  cause_event_id: string;
  changed_at: Millis;
  event_type: string | null;
  decision_type: string | null;
  author: string | null;
  reason: string | null;
}

export interface BoundaryRow {
  event_id: string;
  type: string;
  time: Millis;
  occurred_at: Millis;
  customer_id: string | null;
  strength: string | null;
  barrier: 'soft' | 'hard' | null;
  revoked: boolean;
}

/** A decision, and who said it why. */
export type DecisionRow = Decision & { author: string; reason: string };

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
  type?: string;
  from?: Millis;
  to?: Millis;
  sites?: readonly string[] | null;
}

export type Queries = ReturnType<typeof createQueries>;

export function createQueries(db: Kysely<Tables>) {
  const rows = async <T>(query: RawBuilder<T>): Promise<T[]> => (await query.execute(db)).rows;
  const first = async <T>(query: RawBuilder<T>): Promise<T | null> => (await query.execute(db)).rows[0] ?? null;

  async function complete(columns: LinkColumns[]): Promise<PlacedLink[]> {
    const candidates = new Set(
      columns.flatMap(({ candidates: json }) => (json ? (JSON.parse(json) as { customer_id: string }[]) : [])).map((c) => c.customer_id),
    );
    const persons =
      candidates.size === 0
        ? []
        : await rows(
            sql<{
              site: string;
              customer_id: string;
              person_id: string;
            }>`SELECT s.site, p.customer_id, p.person_id FROM persons p JOIN sites s USING (site_pk)
              WHERE p.customer_id IN (${sql.join([...candidates])})`,
          );
    const personOf = new Map(persons.map(({ site, customer_id, person_id }) => [`${site} ${customer_id}`, person_id]));
    return columns.map((row) => ({
      link: linkRow(row, (customer_id) => personOf.get(`${row.site} ${customer_id}`) ?? customer_id),
      place: { session_pk: row.session_pk, segment: row.segment },
    }));
  }

  async function links(filter: LinkFilter, after: LinkCursor | null, limit: number, newestFirst = false): Promise<PlacedLink[]> {
    const beyond = newestFirst ? sql`<` : sql`>`;
    const direction = newestFirst ? sql`DESC` : sql`ASC`;
    const columns = await rows(sql<LinkColumns>`${LINK_SELECT}
      WHERE ${and(linkConditions(filter))} ${after ? sql`AND (l.session_pk, l.segment) ${beyond} (${after.session_pk}, ${after.segment})` : sql``}
      ORDER BY l.session_pk ${direction}, l.segment ${direction} LIMIT ${limit}`);
    return complete(columns);
  }

  /** Customers that are one person: the person's own id, and all that were joined to it. */
  async function customersOf(site: string, person_id: string): Promise<string[]> {
    const joined = await rows(
      sql<{
        customer_id: string;
      }>`SELECT customer_id FROM persons JOIN sites USING (site_pk) WHERE site = ${site} AND person_id = ${person_id}`,
    );
    return [...new Set([person_id, ...joined.map(({ customer_id }) => customer_id)])];
  }

  /** The person a customer belongs to; a customer that was joined to nobody is its own. */
  async function personOf(site: string, customer_id: string): Promise<string> {
    const row = await first(
      sql<{
        person_id: string;
      }>`SELECT person_id FROM persons JOIN sites USING (site_pk) WHERE site = ${site} AND customer_id = ${customer_id}`,
    );
    return row?.person_id ?? customer_id;
  }

  return {
    links,
    customersOf,
    personOf,

    /** All links of a selection in row order, read page by page so that memory stays flat. */
    async *allLinks(filter: LinkFilter, pageSize = 1_000): AsyncGenerator<LinkRow> {
      for (let after: LinkCursor | null = null; ; ) {
        const page: PlacedLink[] = await links(filter, after, pageSize);
        for (const { link } of page) yield link;
        const last = page.at(-1);
        if (page.length < pageSize || !last) return;
        after = last.place;
      }
    },

    /** Where the change feed stands: the newest position, 0 before the first. */
    async lastPosition(): Promise<number> {
      return (await first(sql<{ position: number | null }>`SELECT max(position) AS position FROM link_changes`))?.position ?? 0;
    },

    async changesSince(position: number, limit: number, sites: readonly string[] | null): Promise<LinkChange[]> {
      const found = await rows(sql<ChangeColumns>`
        SELECT c.position, c.type, c.segment, c.link AS new_link, c.old AS old_link, c.link_version AS new_version,
          c.cause_event_id AS cause, c.changed_at AS changed, st.site, s.session_id, b.anonymous_id, s.session_pk, c.site_pk
        FROM link_changes c JOIN sites st USING (site_pk) LEFT JOIN sessions s USING (session_pk) LEFT JOIN browsers b USING (browser_pk)
        WHERE c.position > ${position} ${sites ? sql`AND st.site IN (${sql.join([...sites, ''])})` : sql``} ORDER BY c.position LIMIT ${limit}`);
      const changes: LinkChange[] = [];
      for (const change of found) {
        const { type, cause, changed } = change;
        const base = { position: change.position, type, cause_event_id: cause, changed_at: changed };
        if (type === 'person') {
          const { customer_id = '', person_id = '' } = JSON.parse(change.new_link ?? '{}') as { customer_id?: string; person_id?: string };
          changes.push({ ...base, link: null, old: JSON.parse(change.old_link ?? 'null') as null, customer_id, person_id });
          continue;
        }
        const [now] = change.new_link
          ? await complete(
              await rows(sql<LinkColumns>`${LINK_SELECT} WHERE l.session_pk = ${change.session_pk} AND l.segment = ${change.segment}`),
            )
          : [];
        const old = change.old_link === null ? null : restore(change, change.old_link);
        if (change.new_link === null) {
          changes.push({ ...base, link: null, old });
          continue;
        }
        // What the change said, on the row's other columns as they are now (all null where the segment is gone since).
        const said = {
          ...restore(change, change.new_link),
          link_version: change.new_version ?? 0,
          changed_at: changed,
          cause_event_id: cause,
        };
        changes.push({ ...base, link: await withPersons({ ...now?.link, ...said } as LinkRow), old });
      }
      return changes;
    },

    /** Sessions of this id, with the site and browser that tell them apart. */
    sessions: (session_id: string, at: { site?: string; anonymous_id?: string; sites?: readonly string[] | null }) =>
      rows(sql<{ session_pk: number; site: string; anonymous_id: string }>`
        SELECT s.session_pk, st.site, b.anonymous_id FROM sessions s JOIN browsers b USING (browser_pk) JOIN sites st USING (site_pk)
        WHERE s.session_id = ${session_id} AND ${and([
          ...(at.site === undefined ? [] : [sql`st.site = ${at.site}`]),
          ...(at.anonymous_id === undefined ? [] : [sql`b.anonymous_id = ${at.anonymous_id}`]),
          ...ofSites(at.sites),
        ])}`),

    /** Events in the order of storing. */
    async events(filter: EventFilter, after: number, limit: number): Promise<StoredEvent[]> {
      const found = await rows(
        sql<EventColumns>`${EVENT_SELECT} WHERE e.event_pk > ${after} AND e.payload <> '' AND ${and([
          ...(filter.site === undefined ? [] : [sql`st.site = ${filter.site}`]),
          ...(filter.anonymous_id === undefined ? [] : [sql`b.anonymous_id = ${filter.anonymous_id}`]),
          ...(filter.session_id === undefined ? [] : [sql`s.session_id = ${filter.session_id}`]),
          ...(filter.event_id === undefined ? [] : [sql`e.event_id = ${filter.event_id}`]),
          ...(filter.type === undefined ? [] : [sql`e.type = ${filter.type}`]),
          ...(filter.from === undefined ? [] : [sql`e.occurred_at >= ${filter.from}`]),
          ...(filter.to === undefined ? [] : [sql`e.occurred_at < ${filter.to}`]),
          ...ofSites(filter.sites),
        ])} ORDER BY e.event_pk LIMIT ${limit}`,
      );
      return found.map(storedEvent);
    },

    /** Everything these customers did, newest first; `before` is the place of the last event of the page before. */
    async timeline(
      site: string,
      customers: readonly string[],
      before: { occurred_at: Millis; event_pk: number } | null,
      limit: number,
    ): Promise<TimelineEvent[]> {
      const earlier = before ? sql`AND (e.occurred_at, e.event_pk) < (${before.occurred_at}, ${before.event_pk})` : sql``;
      const ids = sql.join([...customers]);
      const found = await rows(sql<EventColumns & { rule: Rule | null; status: Status | null; channel: string | null }>`
        WITH owned AS (
          SELECT l.* FROM links l JOIN browsers USING (browser_pk) JOIN sites USING (site_pk) WHERE l.customer_id IN (${ids}) AND site = ${site}
        ), placed AS (
          SELECT e.event_pk, o.rule, o.status FROM owned o JOIN events e USING (session_pk)
            LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
            LEFT JOIN barriers r ON r.browser_pk = o.browser_pk AND r.time = e.time AND r.event_id = e.event_id
          WHERE (e.time, CASE WHEN r.barrier IS NOT NULL THEN 0 WHEN c.customer_id IS NOT NULL THEN 1 ELSE 2 END, e.event_id, 1)
            BETWEEN (o.first_time, o.first_rank, o.first_id, o.first_sub) AND (o.last_time, o.last_rank, o.last_id, o.last_sub)
          UNION
          SELECT sc.event_pk, o.rule, o.status FROM owned o JOIN scans sc USING (session_pk)
          WHERE (sc.claimer_time, sc.claimer_rank, sc.claimer_id, 0)
            BETWEEN (o.first_time, o.first_rank, o.first_id, o.first_sub) AND (o.last_time, o.last_rank, o.last_id, o.last_sub)
          UNION
          SELECT e.event_pk, NULL, NULL FROM claims c JOIN sites st USING (site_pk) JOIN events e ON e.event_id = c.event_id AND e.site_pk = c.site_pk
          WHERE c.customer_id IN (${ids}) AND st.site = ${site} AND c.session_pk IS NULL AND c.revoked = 0
        )
        SELECT x.*, placed.rule, placed.status, se.channel FROM placed JOIN (${EVENT_SELECT}) x USING (event_pk)
          JOIN events e USING (event_pk) LEFT JOIN sessions se ON se.session_pk = x.session_pk
        WHERE e.payload <> '' ${earlier} ORDER BY e.occurred_at DESC, e.event_pk DESC LIMIT ${limit}`);
      return found.map((row) => ({ ...storedEvent(row), rule: row.rule, status: row.status, channel: row.channel }));
    },

    /** Whether any event ever named one of these customers. */
    async knowsCustomer(site: string, customers: readonly string[]): Promise<boolean> {
      return (
        (await first(
          sql`SELECT 1 FROM claims JOIN sites USING (site_pk) WHERE site = ${site} AND customer_id IN (${sql.join([...customers])}) LIMIT 1`,
        )) !== null
      );
    },

    ...codeQueries(rows),
    ...scanQueries(rows),

    async tokens(): Promise<TokenRow[]> {
      const found = await rows(
        sql<Omit<TokenRow, 'scopes' | 'sites'> & { scopes: string; sites: string | null }>`SELECT * FROM tokens ORDER BY created_at`,
      );
      return found.map((row) => ({
        ...row,
        scopes: row.scopes.split(' ') as Scope[],
        sites: row.sites === null ? null : (JSON.parse(row.sites) as string[]),
      }));
    },

    /** What became of a session's links: each change with what caused it. */
    sessionHistory: (session_pk: number) =>
      rows(sql<HistoryRow>`
        SELECT c.segment, c.type, c.link, c.old, c.cause_event_id, c.changed_at, e.type AS event_type, d.type AS decision_type, d.author, d.reason
        FROM link_changes c LEFT JOIN events e ON e.event_id = c.cause_event_id AND e.site_pk = c.site_pk
          LEFT JOIN decisions d ON d.decision_id = c.cause_event_id
        WHERE c.session_pk = ${session_pk} AND c.type <> 'person' ORDER BY c.position`),

    /** Claims and barriers on a browser, in order; revoked claims as well. */
    async boundaries(site: string, anonymous_id: string): Promise<BoundaryRow[]> {
      const found = await rows(sql<Omit<BoundaryRow, 'revoked'> & { revoked: number }>`
        SELECT b.site_pk, c.event_id, c.type, c.time, c.occurred_at, c.customer_id, c.strength, NULL AS barrier, c.revoked
        FROM claims c JOIN browsers b USING (browser_pk) JOIN sites st ON st.site_pk = b.site_pk
        WHERE st.site = ${site} AND b.anonymous_id = ${anonymous_id}
        UNION ALL
        SELECT b.site_pk, r.event_id, e.type, r.time, e.occurred_at, NULL, NULL, r.barrier, 0
        FROM barriers r JOIN browsers b USING (browser_pk) JOIN sites st ON st.site_pk = b.site_pk
          JOIN events e ON e.event_id = r.event_id AND e.site_pk = b.site_pk
        WHERE st.site = ${site} AND b.anonymous_id = ${anonymous_id} ORDER BY time`);
      return found.map((row) => ({ ...row, revoked: row.revoked !== 0 }));
    },

    /** The browsers that anybody claimed as one of these customers, most claimed first. */
    claimedBrowsers: (site: string, customers: readonly string[]) =>
      rows(sql<{ anonymous_id: string; customer_id: string; claims: number; first_at: Millis; last_at: Millis }>`
        SELECT b.anonymous_id, c.customer_id, count(*) AS claims, min(c.occurred_at) AS first_at, max(c.occurred_at) AS last_at
        FROM claims c JOIN browsers b USING (browser_pk) JOIN sites st ON st.site_pk = c.site_pk
        WHERE st.site = ${site} AND c.customer_id IN (${sql.join([...customers])}) AND c.revoked = 0
        GROUP BY b.anonymous_id, c.customer_id ORDER BY claims DESC, b.anonymous_id`),

    /** R7: customers claimed on many browsers since a moment, for an operator to look at. Never judged automatically. */
    possibleHubs: (sites: readonly string[] | null, since: Millis, browsers: number) =>
      rows(sql<{ site: string; customer_id: string; browsers: number; claims: number }>`
        SELECT st.site, c.customer_id, count(DISTINCT c.browser_pk) AS browsers, count(*) AS claims FROM claims c JOIN sites st USING (site_pk)
        WHERE c.occurred_at >= ${since} AND c.revoked = 0 AND c.browser_pk IS NOT NULL AND ${and(ofSites(sites))}
          AND NOT EXISTS (SELECT 1 FROM hubs h WHERE h.site_pk = c.site_pk AND h.customer_id = c.customer_id)
        GROUP BY st.site, c.customer_id HAVING count(DISTINCT c.browser_pk) > ${browsers} ORDER BY browsers DESC LIMIT 1000`),

    /** What a statement changed, after this position of the change feed. */
    changedBy: (cause_event_id: string, after: number) =>
      rows(
        sql<{ type: LinkChange['type'] }>`SELECT type FROM link_changes WHERE position > ${after} AND cause_event_id = ${cause_event_id}`,
      ),

    async decisions(sites: readonly string[] | null, after: string, limit: number): Promise<DecisionRow[]> {
      const found = await rows(sql<{ author: string; reason: string; body: string }>`
        SELECT d.author, d.reason, d.body FROM decisions d JOIN sites st USING (site_pk)
        WHERE d.decision_id > ${after} AND ${and(ofSites(sites))} ORDER BY d.decision_id LIMIT ${limit}`);
      return found.map(({ author, reason, body }) => ({ ...(JSON.parse(body) as Decision), author, reason }));
    },

    /** Of these ids, the ones that this site's events have. */
    async knownIds(site: string, event_ids: readonly string[]): Promise<Set<string>> {
      const found = await rows(sql<{ event_id: string }>`
        SELECT event_id FROM events JOIN sites USING (site_pk) WHERE site = ${site} AND event_id IN (${sql.join([...event_ids, ''])})`);
      return new Set(found.map(({ event_id }) => event_id));
    },

    async relinksWaiting(): Promise<number> {
      return (await first(sql<{ waiting: number }>`SELECT count(*) AS waiting FROM relink_queue`))?.waiting ?? 0;
    },

    /** The last refused event's key, 0 without any. */
    async lastFailed(): Promise<number> {
      return (await first(sql<{ last: number | null }>`SELECT max(failed_pk) AS last FROM failed_events`))?.last ?? 0;
    },

    failed: (after: number, limit: number) =>
      rows(sql<{
        failed_pk: number;
        site: string;
        event_id: string | null;
        reason: string;
        field: string | null;
        received_at: Millis;
        raw: Buffer;
      }>`
        SELECT * FROM failed_events WHERE failed_pk > ${after} ORDER BY failed_pk LIMIT ${limit}`),
  };

  async function withPersons(link: LinkRow): Promise<LinkRow> {
    const customers = [...link.candidates.map(({ customer_id }) => customer_id), ...(link.customer_id === null ? [] : [link.customer_id])];
    if (customers.length === 0) return { ...link, person_id: null };
    const found = await rows(sql<{ customer_id: string; person_id: string }>`
      SELECT customer_id, person_id FROM persons JOIN sites USING (site_pk) WHERE site = ${link.site} AND customer_id IN (${sql.join(customers)})`);
    const personOf = (customer_id: string): string => found.find((row) => row.customer_id === customer_id)?.person_id ?? customer_id;
    return {
      ...link,
      person_id: link.customer_id === null ? null : personOf(link.customer_id),
      candidates: link.candidates.map((candidate) => ({ ...candidate, person_id: personOf(candidate.customer_id) })),
    };
  }
}

const LINK_SELECT = sql`
  SELECT l.*, st.site, s.session_id, b.anonymous_id, s.landing_page, s.referrer, s.channel, s.source, s.medium, s.campaign, s.click_id,
    coalesce(p.person_id, l.customer_id) AS person_id
  FROM links l JOIN sessions s USING (session_pk) JOIN browsers b ON b.browser_pk = l.browser_pk JOIN sites st USING (site_pk)
    LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id`;

const EVENT_SELECT = sql`
  SELECT e.*, st.site, b.anonymous_id, s.session_id, c.customer_id, c.strength, d.device_type, d.browser, d.os, d.bot,
    sc.scan_id, sc.code, sc.store_id, x.name AS store, sc.placement, sc.sku, sc.gtin, sc.flag, sc.claimer_id
  FROM events e JOIN sites st USING (site_pk) JOIN devices d USING (device_pk)
    LEFT JOIN scans sc ON e.type = 'scan' AND sc.site_pk = e.site_pk AND sc.scan_id = e.event_id
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

type Condition = RawBuilder<unknown>;

function and(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql`1 = 1` : sql.join([...conditions], sql` AND `);
}

function ofSites(sites: readonly string[] | null | undefined): Condition[] {
  return sites ? [sql`st.site IN (${sql.join([...sites, ''])})`] : [];
}

function linkConditions(filter: LinkFilter): Condition[] {
  const conditions: Condition[] = ofSites(filter.sites);
  const { site, customer_id, person_id, anonymous_id, session_id, status, rule, code, store, from, to, bots } = filter;
  if (site !== undefined) conditions.push(sql`st.site = ${site}`);
  if (customer_id !== undefined) conditions.push(sql`l.customer_id = ${customer_id}`);
  if (person_id !== undefined)
    conditions.push(
      sql`l.customer_id IN (SELECT ${person_id} UNION SELECT customer_id FROM persons WHERE person_id = ${person_id}) AND coalesce(p.person_id, l.customer_id) = ${person_id}`,
    );
  if (anonymous_id !== undefined) conditions.push(sql`b.anonymous_id = ${anonymous_id}`);
  if (session_id !== undefined) conditions.push(sql`s.session_id = ${session_id}`);
  if (status !== undefined) conditions.push(sql`l.status = ${status}`);
  if (rule !== undefined) conditions.push(sql`l.rule = ${rule}`);
  if (from !== undefined) conditions.push(sql`l.started_at >= ${from}`);
  if (to !== undefined) conditions.push(sql`l.started_at < ${to}`);
  if (!bots) conditions.push(sql`l.bot = 0`);
  for (const [column, value] of [
    ['code', code],
    ['store_id', store],
  ] as const) {
    if (value === undefined) continue;
    conditions.push(sql`EXISTS (SELECT 1 FROM scans q WHERE q.session_pk = l.session_pk AND q.${sql.ref(column)} = ${value}
      AND q.claimer_time BETWEEN l.first_time AND l.last_time)`);
  }
  return conditions;
}

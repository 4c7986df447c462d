/** Reading who is who: persons, what was claimed on which browser, decisions, and what became of a session's links. */
import { type RawBuilder, sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Decision } from '../linking/event.ts';
import { and, ofSites, type Rows } from './queries-sql.ts';

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

/** Ids that one statement looks for at most. */
const PATTERNS = 100;

/** A decision, and who said it why. */
export type DecisionRow = Decision & { author: string; reason: string };

export function identityQueries(rows: Rows) {
  const first = async <T>(query: RawBuilder<T>): Promise<T | null> => (await rows(query))[0] ?? null;

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
    customersOf,
    personOf,

    /** Whether any event ever named one of these customers. */
    async knowsCustomer(site: string, customers: readonly string[]): Promise<boolean> {
      return (
        (await first(
          sql`SELECT 1 FROM claims JOIN sites USING (site_pk) WHERE site = ${site} AND customer_id IN (${sql.join([...customers])}) LIMIT 1`,
        )) !== null
      );
    },

    /** The sites that have a browser of this id. */
    async sitesOfBrowser(anonymous_id: string, sites: readonly string[] | null, limit: number): Promise<string[]> {
      const found = await rows(sql<{ site: string }>`
        SELECT st.site FROM browsers b JOIN sites st USING (site_pk) WHERE b.anonymous_id = ${anonymous_id} AND ${and(ofSites(sites))}
        ORDER BY st.site LIMIT ${limit}`);
      return found.map(({ site }) => site);
    },

    /** The sites that have claims of this customer, or know them by a merge. */
    async sitesOfCustomer(customer_id: string, sites: readonly string[] | null, limit: number): Promise<string[]> {
      const found = await rows(sql<{ site: string }>`
        SELECT st.site FROM sites st WHERE (EXISTS (SELECT 1 FROM claims c WHERE c.customer_id = ${customer_id} AND c.site_pk = st.site_pk)
          OR EXISTS (SELECT 1 FROM persons p WHERE p.site_pk = st.site_pk AND (p.customer_id = ${customer_id} OR p.person_id = ${customer_id})))
          AND ${and(ofSites(sites))} ORDER BY st.site LIMIT ${limit}`);
      return found.map(({ site }) => site);
    },

    /** Decisions in whose words one of these ids may stand; not in order, and some perhaps twice. */
    async decisionsNaming(site: string, ids: readonly string[]): Promise<DecisionRow[]> {
      const found: DecisionRow[] = [];
      for (let at = 0; at < ids.length; at += PATTERNS) {
        const patterns = ids.slice(at, at + PATTERNS).map((id) => `%${JSON.stringify(id).replace(/[!%_]/g, '!$&')}%`);
        const some = await rows(sql<{ author: string; reason: string; body: string }>`
          SELECT d.author, d.reason, d.body FROM decisions d JOIN sites st USING (site_pk)
          WHERE st.site = ${site} AND (${sql.join(
            patterns.map((pattern) => sql`d.body LIKE ${pattern} ESCAPE '!'`),
            sql` OR `,
          )})`);
        found.push(...some.map(({ author, reason, body }) => ({ ...(JSON.parse(body) as Decision), author, reason })));
      }
      return found;
    },

    /** Sessions of this id, with the site and browser that tell them apart. */
    sessions: (session_id: string, at: { anonymous_id?: string; sites?: readonly string[] | null }, limit: number) =>
      rows(sql<{ session_pk: number; site: string; anonymous_id: string }>`
        SELECT s.session_pk, st.site, b.anonymous_id FROM sessions s JOIN browsers b USING (browser_pk) JOIN sites st USING (site_pk)
        WHERE s.session_id = ${session_id} AND ${and([
          ...(at.anonymous_id === undefined ? [] : [sql`b.anonymous_id = ${at.anonymous_id}`]),
          ...ofSites(at.sites),
        ])} ORDER BY s.session_pk LIMIT ${limit}`),

    /** What became of a session's links: each change with what caused it. */
    sessionHistory: (session_pk: number, limit: number) =>
      rows(sql<HistoryRow>`
        SELECT c.segment, c.type, c.link, c.old, c.cause_event_id, c.changed_at, e.type AS event_type, d.type AS decision_type, d.author, d.reason
        FROM change_log c LEFT JOIN events e ON e.event_id = c.cause_event_id AND e.site_pk = c.site_pk
          LEFT JOIN decisions d ON d.decision_id = c.cause_event_id
        WHERE c.session_pk = ${session_pk} AND c.type <> 'person' ORDER BY c.position LIMIT ${limit}`),

    /** Claims and barriers on a browser, in order; revoked claims as well. */
    async boundaries(site: string, anonymous_id: string, limit: number): Promise<BoundaryRow[]> {
      const found = await rows(sql<Omit<BoundaryRow, 'revoked'> & { revoked: number }>`
        SELECT c.event_id, c.type, c.time, c.occurred_at, c.customer_id, c.strength, NULL AS barrier, c.revoked
        FROM claims c JOIN browsers b USING (browser_pk) JOIN sites st ON st.site_pk = b.site_pk
        WHERE st.site = ${site} AND b.anonymous_id = ${anonymous_id}
        UNION ALL
        SELECT r.event_id, e.type, r.time, e.occurred_at, NULL, NULL, r.barrier, 0
        FROM barriers r JOIN browsers b USING (browser_pk) JOIN sites st ON st.site_pk = b.site_pk
          JOIN events e ON e.event_id = r.event_id AND e.site_pk = b.site_pk
        WHERE st.site = ${site} AND b.anonymous_id = ${anonymous_id} ORDER BY time LIMIT ${limit}`);
      return found.map((row) => ({ ...row, revoked: row.revoked !== 0 }));
    },

    /** The browsers that anybody claimed as one of these customers, most claimed first. */
    claimedBrowsers: (site: string, customers: readonly string[], limit = Number.MAX_SAFE_INTEGER) =>
      rows(sql<{ anonymous_id: string; customer_id: string; claims: number; first_at: Millis; last_at: Millis }>`
        SELECT b.anonymous_id, c.customer_id, count(*) AS claims, min(c.occurred_at) AS first_at, max(c.occurred_at) AS last_at
        FROM claims c JOIN browsers b USING (browser_pk) JOIN sites st ON st.site_pk = c.site_pk
        WHERE st.site = ${site} AND c.customer_id IN (${sql.join([...customers])}) AND c.revoked = 0
        GROUP BY b.anonymous_id, c.customer_id ORDER BY claims DESC, b.anonymous_id LIMIT ${limit}`),

    /** R7: customers claimed on many browsers since a moment, for an operator to look at. Never judged automatically. */
    possibleHubs: (sites: readonly string[] | null, since: Millis, browsers: number) =>
      rows(sql<{ site: string; customer_id: string; browsers: number; claims: number }>`
        SELECT st.site, c.customer_id, count(DISTINCT c.browser_pk) AS browsers, count(*) AS claims FROM claims c JOIN sites st USING (site_pk)
        WHERE c.occurred_at >= ${since} AND c.revoked = 0 AND c.browser_pk IS NOT NULL AND ${and(ofSites(sites))}
          AND NOT EXISTS (SELECT 1 FROM hubs h WHERE h.site_pk = c.site_pk AND h.customer_id = c.customer_id)
        GROUP BY st.site, c.customer_id HAVING count(DISTINCT c.browser_pk) > ${browsers} ORDER BY browsers DESC LIMIT 1000`),

    /** Erasures after one of them, oldest first. */
    async erasures(sites: readonly string[] | null, after: string, limit: number) {
      const found = await rows(sql<{ erasure_id: string; site: string; erased_at: Millis; author: string; report: string }>`
        SELECT e.erasure_id, st.site, e.erased_at, e.author, e.report FROM erasures e JOIN sites st USING (site_pk)
        WHERE e.erasure_id > ${after} AND ${and(ofSites(sites))} ORDER BY e.erasure_id LIMIT ${limit}`);
      return found.map(({ report, ...row }) => ({ ...row, report: JSON.parse(report) as unknown }));
    },

    async decisions(sites: readonly string[] | null, after: string, limit: number, newestFirst = false): Promise<DecisionRow[]> {
      const found = await rows(sql<{ author: string; reason: string; body: string }>`
        SELECT d.author, d.reason, d.body FROM decisions d JOIN sites st USING (site_pk)
        WHERE ${newestFirst ? (after === '' ? sql`1 = 1` : sql`d.decision_id < ${after}`) : sql`d.decision_id > ${after}`} AND ${and(ofSites(sites))}
        ORDER BY d.decision_id ${newestFirst ? sql`DESC` : sql`ASC`} LIMIT ${limit}`);
      return found.map(({ author, reason, body }) => ({ ...(JSON.parse(body) as Decision), author, reason }));
    },
  };
}

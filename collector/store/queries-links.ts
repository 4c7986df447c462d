/** Reading links and the change feed. */
import { sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Rule, Status } from '../linking/outcome.ts';
import { type ChangeColumns, type LinkColumns, type LinkRow, linkRow, restore } from './link-row.ts';
import { and, type Condition, ofSites, type Rows } from './queries-sql.ts';

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
  /** Of `person`: whose person changed, where, and to whom. */
  site?: string;
  customer_id?: string;
  person_id?: string;
  cause_event_id: string;
  changed_at: Millis;
}

export function linkQueries(rows: Rows) {
  async function complete(columns: LinkColumns[]): Promise<PlacedLink[]> {
    const candidates = columns.flatMap(({ candidates: json }) => (json ? (JSON.parse(json) as { customer_id: string }[]) : []));
    const personOf = candidates.length === 0 ? OWN : await personsNow(candidates.map(({ customer_id }) => customer_id));
    return columns.map((row) => ({
      link: linkRow(row, (customer_id) => personOf(row.site, customer_id)),
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

  /** All links of a selection in row order, page by page: no transaction stays open between two pages, so that a slow reader costs nothing. */
  async function* linkPages(filter: LinkFilter, pageSize = 1_000): AsyncGenerator<LinkRow[]> {
    for (let after: LinkCursor | null = null; ; ) {
      const page: PlacedLink[] = await links(filter, after, pageSize);
      if (page.length > 0) yield page.map(({ link }) => link);
      const last = page.at(-1);
      if (page.length < pageSize || !last) return;
      after = last.place;
    }
  }

  return {
    links,

    linkPages,

    /** As linkPages, one by one. */
    async *allLinks(filter: LinkFilter): AsyncGenerator<LinkRow> {
      for await (const page of linkPages(filter)) yield* page;
    },

    /** The newest session's place in row order, 1 before the first. */
    async lastSession(): Promise<number> {
      return (await rows(sql<{ last: number | null }>`SELECT max(session_pk) AS last FROM sessions`))[0]?.last ?? 1;
    },

    /** Where the change feed stands: the newest position, 0 before the first. */
    async lastPosition(): Promise<number> {
      return (await rows(sql<{ position: number | null }>`SELECT max(position) AS position FROM change_log`))[0]?.position ?? 0;
    },

    async changesSince(position: number, limit: number, sites: readonly string[] | null): Promise<LinkChange[]> {
      const found = await rows(sql<ChangeColumns>`
        SELECT c.position, c.type, c.segment, c.link AS new_link, c.old AS old_link, c.link_version AS new_version,
          c.cause_event_id AS cause, c.changed_at AS changed, st.site, s.session_id, b.anonymous_id, s.session_pk, c.site_pk
        FROM change_log c JOIN sites st USING (site_pk) LEFT JOIN sessions s USING (session_pk) LEFT JOIN browsers b USING (browser_pk)
        WHERE c.position > ${position} ${sites ? sql`AND st.site IN (${sql.join([...sites, ''])})` : sql``} ORDER BY c.position LIMIT ${limit}`);
      const upserts = found.flatMap((change) => {
        const said = change.type === 'upsert' && change.new_link !== null ? restore(change, change.new_link) : null;
        return said === null ? [] : [{ change, said }];
      });
      const rowOf = await rowsNow(upserts.map(({ change }) => change));
      const personOf = await personsNow(upserts.flatMap(({ said }) => [said.customer_id ?? '', ...candidatesIn(said)]));
      // What each change said, on the row's other columns as they are now (all null where the segment is gone since).
      const linkOf = new Map(
        upserts.map(({ change, said }) => {
          const { site, new_version, changed, cause, position } = change;
          const link = { ...rowOf(change), ...said, link_version: new_version ?? 0, changed_at: changed, cause_event_id: cause } as LinkRow;
          const person_id = link.customer_id === null ? null : personOf(site, link.customer_id);
          const candidates = link.candidates.map((candidate) => ({ ...candidate, person_id: personOf(site, candidate.customer_id) }));
          return [position, { ...link, person_id, candidates }];
        }),
      );
      return found.map((change): LinkChange => {
        const { position, type, cause, changed, new_link, old_link } = change;
        const base = { position, type, cause_event_id: cause, changed_at: changed };
        if (type !== 'person')
          return { ...base, link: linkOf.get(position) ?? null, old: old_link === null ? null : restore(change, old_link) };
        const { customer_id = '', person_id = '' } = JSON.parse(new_link ?? '{}') as { customer_id?: string; person_id?: string };
        return { ...base, site: change.site, link: null, old: JSON.parse(old_link ?? 'null') as null, customer_id, person_id };
      });
    },

    /** What a statement changed, after this position of the change feed. */
    changedBy: (cause_event_id: string, after: number) =>
      rows(sql<{ type: LinkChange['type'] }>`SELECT type FROM change_log WHERE position > ${after} AND cause_event_id = ${cause_event_id}`),
  };

  /** The rows of these segments as they are now. */
  async function rowsNow(segments: readonly SegmentPlace[]): Promise<(place: SegmentPlace) => LinkRow | undefined> {
    const places = segments.map(({ session_pk, segment }) => sql`(CAST(${session_pk} AS bigint), CAST(${segment} AS bigint))`);
    const found =
      places.length === 0
        ? []
        : await rows(sql<LinkColumns>`${LINK_SELECT} WHERE (l.session_pk, l.segment) IN (VALUES ${sql.join(places)})`);
    const byPlace = new Map(found.map((row) => [`${row.session_pk} ${row.segment}`, linkRow(row, (customer_id) => customer_id)]));
    return ({ session_pk, segment }) => byPlace.get(`${session_pk} ${segment}`);
  }

  /** Who these customers are now. */
  async function personsNow(customers: readonly string[]): Promise<(site: string, customer_id: string) => string> {
    const found = await rows(sql<{ site: string; customer_id: string; person_id: string }>`
      SELECT s.site, p.customer_id, p.person_id FROM persons p JOIN sites s USING (site_pk)
      WHERE p.customer_id IN (${sql.join([...new Set([...customers, ''])])})`);
    const persons = new Map(found.map(({ site, customer_id, person_id }) => [`${site} ${customer_id}`, person_id]));
    return (site, customer_id) => persons.get(`${site} ${customer_id}`) ?? customer_id;
  }
}

const OWN = (_site: string, customer_id: string): string => customer_id;

type SegmentPlace = Pick<ChangeColumns, 'session_pk' | 'segment'>;

const candidatesIn = (link: Partial<LinkRow>): string[] => link.candidates?.map(({ customer_id }) => customer_id) ?? [];

const LINK_SELECT = sql`
  SELECT l.*, st.site, s.session_id, b.anonymous_id, s.landing_page, s.referrer, s.channel, s.source, s.medium, s.campaign, s.click_id,
    coalesce(p.person_id, l.customer_id) AS person_id
  FROM links l JOIN sessions s USING (session_pk) JOIN browsers b ON b.browser_pk = l.browser_pk JOIN sites st USING (site_pk)
    LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id`;

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
    conditions.push(sql`EXISTS (SELECT 1 FROM scan_records q WHERE q.session_pk = l.session_pk AND q.${sql.ref(column)} = ${value}
      AND q.claimer_time BETWEEN l.first_time AND l.last_time)`);
  }
  return conditions;
}

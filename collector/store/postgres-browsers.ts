/** Browsers as PostgreSQL keeps them, many at a time: their boundaries, and those of their sessions that are asked for. */
import { newBrowser, type SessionState } from '../linking/browser.ts';
import { numbers, prepared, rowParameters, type Session } from './postgres-sql.ts';
import { type BarrierRow, browserOf, type ClaimRow, type LinkRow, type SessionRow, sessionOf } from './rows.ts';
import type { BrowserRecord } from './store.ts';

export interface BrowserRow {
  browser_pk: number;
  site_pk: number;
  anonymous_id: string;
  kiosk: number;
}

/** Whole boundaries, no sessions yet. */
export async function readBrowsers(session: Session, rows: readonly BrowserRow[]): Promise<BrowserRecord[]> {
  if (rows.length === 0) return [];
  const pks = numbers(rows.map(({ browser_pk }) => browser_pk));
  const [claims, barriers] = await Promise.all([
    session.query<ClaimRow & { browser_pk: number }>(CLAIMS, [pks]),
    session.query<BarrierRow & { browser_pk: number }>(BARRIERS, [pks]),
  ]);
  const [claimsOf, barriersOf] = [grouped(claims), grouped(barriers)];
  return rows.map(({ browser_pk, site_pk, anonymous_id, kiosk }) => ({
    ...{ site_pk, anonymous_id, browser_pk, session_pks: new Map() },
    state: browserOf(kiosk > 0, barriersOf.get(browser_pk) ?? [], claimsOf.get(browser_pk) ?? []),
  }));
}

export function emptyBrowser({ browser_pk, site_pk, anonymous_id }: BrowserRow): BrowserRecord {
  return { site_pk, anonymous_id, browser_pk, state: newBrowser(), session_pks: new Map() };
}

/** Takes these sessions of these browsers into their records, making rows for those that are new. */
export async function ensureSessions(session: Session, wanted: readonly { record: BrowserRecord; session_id: string }[]): Promise<void> {
  if (wanted.length === 0) return;
  const values = WANTED.values(wanted.map(({ record, session_id }) => [record.browser_pk, session_id]));
  const [rows, links] = await Promise.all([
    session.query<SessionRow & { browser_pk: number; made: boolean }>(SESSIONS, values),
    session.query<LinkRow & { session_pk: number }>(LINKS_OF_SESSIONS, values),
  ]);
  const records = new Map(wanted.map(({ record }) => [record.browser_pk, record]));
  const linksOf = groupedBy(links, ({ session_pk }) => session_pk);
  for (const row of rows) {
    const record = records.get(row.browser_pk);
    if (!record) continue;
    if (row.made) record.session_pks.set(row.session_id, row.session_pk);
    else takeSession(record, row, linksOf.get(row.session_pk) ?? []);
  }
}

/** Takes sessions into their browser's record. */
export async function readSessions(session: Session, record: BrowserRecord, session_pks: readonly number[]): Promise<SessionState[]> {
  if (session_pks.length === 0) return [];
  const pks = numbers(session_pks);
  const [rows, links] = await Promise.all([
    session.query<SessionRow>(SESSIONS_BY_PK, [pks]),
    session.query<LinkRow & { session_pk: number }>(LINKS_BY_PK, [pks]),
  ]);
  const linksOf = groupedBy(links, ({ session_pk }) => session_pk);
  return rows.map((row) => takeSession(record, row, linksOf.get(row.session_pk) ?? []));
}

function takeSession(record: BrowserRecord, row: SessionRow, links: readonly LinkRow[]): SessionState {
  const session = sessionOf(row, links);
  record.session_pks.set(row.session_id, row.session_pk);
  record.state.sessions.set(row.session_id, session);
  return session;
}

const grouped = <T extends { browser_pk: number }>(rows: readonly T[]): Map<number, T[]> => groupedBy(rows, ({ browser_pk }) => browser_pk);

export function groupedBy<K, T>(rows: readonly T[], keyOf: (row: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}

const CLAIMS = prepared(
  `SELECT c.*, s.session_id, p.person_id, CASE WHEN h.customer_id IS NULL THEN 0 ELSE 1 END AS hub FROM claims c
   LEFT JOIN sessions s USING (session_pk) LEFT JOIN persons p USING (site_pk, customer_id) LEFT JOIN hubs h USING (site_pk, customer_id)
   WHERE c.browser_pk = ANY($1::bigint[]) AND c.revoked = 0 ORDER BY c.time`,
);
const BARRIERS = prepared(
  'SELECT browser_pk, time, event_id, barrier FROM barriers WHERE browser_pk = ANY($1::bigint[]) ORDER BY time, event_id',
);
const WANTED = rowParameters('browser_pk bigint, session_id text');
const SESSION_COLUMNS = 's.session_pk, s.browser_pk, s.session_id, s.landing_time, s.landing_rank, s.landing_event_id';
const SESSIONS = prepared(
  `WITH wanted AS (SELECT * FROM ${WANTED.from}), made AS (
     INSERT INTO sessions (browser_pk, session_id) SELECT browser_pk, session_id FROM wanted
     ON CONFLICT (session_id, browser_pk) DO NOTHING RETURNING *
   )
   SELECT ${SESSION_COLUMNS}, true AS made FROM made s
   UNION ALL SELECT ${SESSION_COLUMNS}, false FROM sessions s JOIN wanted USING (session_id, browser_pk)`,
);
const LINKS_OF_SESSIONS = prepared(
  `SELECT l.* FROM links l JOIN sessions s USING (session_pk) JOIN ${WANTED.from} ON x.session_id = s.session_id AND x.browser_pk = s.browser_pk
   ORDER BY l.session_pk, l.segment`,
);
const SESSIONS_BY_PK = prepared(`SELECT ${SESSION_COLUMNS} FROM sessions s WHERE session_pk = ANY($1::bigint[]) ORDER BY session_pk`);
const LINKS_BY_PK = prepared('SELECT * FROM links WHERE session_pk = ANY($1::bigint[]) ORDER BY session_pk, segment');

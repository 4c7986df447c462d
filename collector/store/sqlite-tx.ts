/** The statements of a SQLite write transaction, prepared once; browsers seen lately stay in an LRU, which only this connection writes past. */
import type Database from 'better-sqlite3';
import type { RawBuilder } from 'kysely';
import { LRUCache } from 'lru-cache';
import { touchOf } from '../domain/channel.ts';
import type { Site, SiteRecord } from '../domain/site.ts';
import { newBrowser, type Placed, type SessionState } from '../linking/browser.ts';
import { dayOf } from '../linking/changes.ts';
import {
  type BarrierRow,
  browserOf,
  type ClaimRow,
  type EventRow,
  GROW_COLUMNS,
  growValues,
  JUDGE_COLUMNS,
  judgeValues,
  type LinkRow,
  lean,
  PUT_COLUMNS,
  placedOf,
  type ScannedRow,
  type SessionRow,
  sessionOf,
} from './rows.ts';
import { createCodeStatements } from './sqlite-codes.ts';
import { createEventStatements } from './sqlite-events.ts';
import { compile } from './sqlite-reader.ts';
import { createRecordStatements } from './sqlite-records.ts';
import { createStatements } from './sqlite-statements.ts';
import { createUpkeepStatements } from './sqlite-upkeep.ts';
import type { BrowserRecord, Carrier, Customer, SavedBrowser, ScanRecord, StoredCopy, Tx } from './store.ts';

interface Context {
  siteOf(site_pk: number): SiteRecord | undefined;
  saveSite(site: Site): SiteRecord;
}

/** How many browsers stay in memory, and how many sessions one of them may hold to be let in. */
const BROWSERS_CACHED = 20_000;
const SESSIONS_CACHED = 20;
const FEW = 50;

const assign = (columns: readonly string[]): string => columns.map((column) => `${column} = ?`).join(', ');

export function createSqliteTx(
  db: Database.Database,
  { siteOf, saveSite }: Context,
): { tx: Tx; forget: () => void; lookups: { hits: number; misses: number } } {
  const cache = new LRUCache<string, BrowserRecord>({ max: BROWSERS_CACHED });
  const lookups = { hits: 0, misses: 0 };
  const sql = <P extends unknown[], R = unknown>(text: string) => db.prepare<P, R>(text);

  const isStored = sql<[string, number], unknown>('SELECT 1 FROM events WHERE event_id = ? AND site_pk = ?');
  const findEvent = sql<[string, number], StoredCopy>(
    `SELECT e.type, e.time, e.payload, b.anonymous_id, s.session_id, c.customer_id, c.email
     FROM events e LEFT JOIN sessions s USING (session_pk) LEFT JOIN browsers b ON b.browser_pk = coalesce(s.browser_pk, e.browser_pk)
       LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id WHERE e.event_id = ? AND e.site_pk = ?`,
  );
  const findBrowser = sql<[number, string], { browser_pk: number; kiosk: number }>(
    'SELECT browser_pk, kiosk FROM browsers WHERE site_pk = ? AND anonymous_id = ?',
  );
  const browserByPk = sql<[number], { site_pk: number; anonymous_id: string }>(
    'SELECT site_pk, anonymous_id FROM browsers WHERE browser_pk = ?',
  );
  const addBrowser = sql<[number, string]>('INSERT INTO browsers (site_pk, anonymous_id) VALUES (?, ?)');
  const findSession = sql<[number, string], SessionRow>('SELECT * FROM sessions WHERE browser_pk = ? AND session_id = ?');
  const sessionByPk = sql<[number], SessionRow>('SELECT * FROM sessions WHERE session_pk = ?');
  // Named, an index spares SQLite from planning again at each run: it would, to see whether a bound value fits a partial one.
  const within = `FROM links INDEXED BY links_by_browser WHERE browser_pk = ? AND last_day >= ? AND last_time >= ? AND first_time <= ?`;
  const fewWithin = sql<number[], { session_pk: number }>(`SELECT session_pk ${within} LIMIT ${FEW}`);
  const sessionsWithin = sql<number[], { session_pk: number }>(
    `SELECT DISTINCT session_pk ${within} AND session_pk > ? ORDER BY session_pk LIMIT ?`,
  );
  const addSession = sql<[number, string]>('INSERT INTO sessions (browser_pk, session_id) VALUES (?, ?)');
  const setLanding = sql<unknown[]>(
    `UPDATE sessions SET landing_time = ?, landing_rank = ?, landing_event_id = ?, landing_page = ?, referrer = ?, channel = ?,
     source = ?, medium = ?, campaign = ?, click_id = ? WHERE session_pk = ?`,
  );
  const claimsOf = sql<[number], ClaimRow>(
    `SELECT c.*, s.session_id, p.person_id, h.customer_id IS NOT NULL AS hub FROM claims c
     LEFT JOIN sessions s USING (session_pk) LEFT JOIN persons p USING (site_pk, customer_id) LEFT JOIN hubs h USING (site_pk, customer_id)
     WHERE c.browser_pk = ? AND revoked = 0 ORDER BY time`,
  );
  const barriersOf = sql<[number], BarrierRow>('SELECT time, event_id, barrier FROM barriers WHERE browser_pk = ? ORDER BY time, event_id');
  const linksOf = sql<[number], LinkRow>('SELECT * FROM links INDEXED BY sqlite_autoindex_links_1 WHERE session_pk = ? ORDER BY segment');
  const moveClaim = sql<unknown[]>(
    'UPDATE claims SET browser_pk = ?, session_pk = ?, time = ?, rank = ?, key_id = ? WHERE site_pk = ? AND event_id = ?',
  );
  const findScan = sql<[number, string], Omit<ScanRecord, 'carriers'>>(
    'SELECT site_pk, scan_id, occurred_at, claimer_id, browser_pk, session_pk FROM scan_records WHERE site_pk = ? AND scan_id = ?',
  );
  const carriersOf = sql<[number, string], Carrier>('SELECT * FROM scan_carriers WHERE site_pk = ? AND scan_id = ?');
  const setClaimer = sql<unknown[]>(
    `UPDATE scan_records SET claimer_id = ?, claimer_time = ?, claimer_rank = ?, browser_pk = ?, session_pk = ? WHERE site_pk = ? AND scan_id = ?`,
  );
  const eventsIn = sql<[number], EventRow>(
    `SELECT e.site_pk, e.event_id, e.type, e.time, e.occurred_at, e.payload, d.device_type, d.bot, c.customer_id, c.email, c.strength, r.barrier
     FROM events e INDEXED BY events_by_session JOIN sessions s USING (session_pk) JOIN devices d USING (device_pk)
     LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
     LEFT JOIN barriers r ON r.browser_pk = s.browser_pk AND r.time = e.time AND r.event_id = e.event_id WHERE e.session_pk = ?`,
  );
  const scansIn = sql<[number], ScannedRow>(
    `SELECT s.*, e.type, d.device_type, d.bot, c.customer_id, c.email, c.strength
     FROM scan_records s JOIN events e USING (event_pk) JOIN devices d USING (device_pk)
     LEFT JOIN claims c ON c.site_pk = s.site_pk AND c.event_id = s.scan_id AND c.revoked = 0 WHERE s.session_pk = ?`,
  );
  const findCustomer = sql<[number, string, number, string], { person_id: string | null; hub: number }>(
    `SELECT (SELECT person_id FROM persons WHERE site_pk = ? AND customer_id = ?) AS person_id,
     EXISTS (SELECT 1 FROM hubs WHERE site_pk = ? AND customer_id = ?) AS hub`,
  );
  const putLink = sql<unknown[]>(
    `INSERT OR REPLACE INTO links (${PUT_COLUMNS.join(', ')}) VALUES (${PUT_COLUMNS.map(() => '?').join(', ')})`,
  );
  const judgeLink = sql<unknown[]>(`UPDATE links SET ${assign(JUDGE_COLUMNS)} WHERE session_pk = ? AND segment = ?`);
  const growLink = sql<unknown[]>(`UPDATE links SET ${assign(GROW_COLUMNS)} WHERE session_pk = ? AND segment = ?`);
  const dropLink = sql<[number, number]>('DELETE FROM links WHERE session_pk = ? AND segment = ?');
  const addChange = sql<unknown[]>(
    'INSERT INTO change_log (type, site_pk, session_pk, segment, link_version, link, old, cause_event_id, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );

  const rarer = createStatements(db, (browser_pk) => {
    const row = browserByPk.get(browser_pk);
    if (row) cache.delete(`${row.site_pk} ${row.anonymous_id}`);
  });

  const codes = createCodeStatements(db);
  const events = createEventStatements(db);
  const upkeep = createUpkeepStatements(db);

  function loadBrowser(site_pk: number, anonymous_id: string): BrowserRecord {
    const name = `${site_pk} ${anonymous_id}`;
    let record = cache.get(name);
    if (record) lookups.hits += 1;
    else {
      lookups.misses += 1;
      const row = findBrowser.get(site_pk, anonymous_id);
      const browser_pk = row?.browser_pk ?? Number(addBrowser.run(site_pk, anonymous_id).lastInsertRowid);
      const state = row ? browserOf(row.kiosk > 0, barriersOf.all(browser_pk), claimsOf.all(browser_pk)) : newBrowser();
      record = { site_pk, anonymous_id, browser_pk, state, session_pks: new Map() };
      cache.set(name, record);
    }
    return record;
  }

  /** Rows of sessions with a segment in this span, in their order. Almost always few: sorted here, at a tenth of what SQLite takes. */
  function sessionsFound(browser_pk: number, from: number, to: number, after: number, limit: number): number[] {
    const few = fewWithin.all(browser_pk, dayOf(from), from, to);
    if (few.length === FEW || few.length > limit)
      return sessionsWithin.all(browser_pk, dayOf(from), from, to, after, limit).map(({ session_pk }) => session_pk);
    return [...new Set(few.map(({ session_pk }) => session_pk))].filter((session_pk) => session_pk > after).sort((a, b) => a - b);
  }

  function takeSession(record: BrowserRecord, row: SessionRow): SessionState {
    const session = sessionOf(row, linksOf.all(row.session_pk));
    record.session_pks.set(row.session_id, row.session_pk);
    record.state.sessions.set(row.session_id, session);
    return session;
  }

  function ensureSession(record: BrowserRecord, session_id: string): void {
    if (record.session_pks.has(session_id)) return;
    const row = findSession.get(record.browser_pk, session_id);
    if (row) takeSession(record, row);
    else record.session_pks.set(session_id, Number(addSession.run(record.browser_pk, session_id).lastInsertRowid));
  }

  function placed(record: BrowserRecord, session_id: string): Placed[] {
    const session_pk = record.session_pks.get(session_id) ?? -1;
    const site = siteOf(record.site_pk)?.site ?? '';
    return placedOf({ site, anonymous_id: record.anonymous_id, session_id }, eventsIn.all(session_pk), scansIn.all(session_pk));
  }

  function saveBrowser({ record, sessions }: SavedBrowser, now: number, policy_version: number): void {
    for (const { session, changes, cause_event_id } of sessions) {
      const session_pk = record.session_pks.get(session.session_id) ?? -1;
      if (session.landing_page && session.landing) {
        const { url, referrer } = session.landing_page;
        const touch = touchOf(url, referrer);
        const { time, rank, event_id } = session.landing;
        setLanding.run(time, rank, event_id, ...Object.values(touch), session_pk);
        session.landing_page = null;
      }
      for (const { segment, content, link_version, change, grown } of changes.writes) {
        if (grown) {
          growLink.run(...growValues(content), session_pk, segment);
          continue;
        }
        const { outcome } = content;
        const row = judgeValues(content, policy_version);
        if (change) putLink.run(...row, link_version, now, cause_event_id, session_pk, segment, record.browser_pk);
        else judgeLink.run(...row, session_pk, segment);
        if (change)
          addChange.run(
            'upsert',
            record.site_pk,
            session_pk,
            segment,
            link_version,
            lean(outcome),
            change.old && lean(change.old),
            cause_event_id,
            now,
          );
      }
      for (const { segment, old } of changes.gone) {
        dropLink.run(session_pk, segment);
        addChange.run('delete', record.site_pk, session_pk, segment, null, null, lean(old), cause_event_id, now);
      }
    }
    if (record.state.sessions.size > SESSIONS_CACHED) cache.delete(`${record.site_pk} ${record.anonymous_id}`);
  }
  function forget(): void {
    rarer.forget();
    cache.clear();
    events.forget();
  }

  return {
    lookups,
    forget,
    tx: {
      // One connection writes: there is nobody to lock anything against.
      async begin() {},
      async replaceKey() {},
      async run<T>(query: RawBuilder<T>) {
        const { sql: text, parameters } = compile(query);
        const statement = sql<unknown[], T>(text);
        if (statement.reader) return statement.all(...parameters);
        statement.run(...parameters);
        forget();
        return [];
      },
      async knownEvents(site_pk, event_ids) {
        const known = new Map<string, StoredCopy>();
        for (const event_id of event_ids) {
          // Nearly none is: that is asked first, since a statement that opens four tables costs twice as much.
          const row = isStored.get(event_id, site_pk) === undefined ? undefined : findEvent.get(event_id, site_pk);
          if (row) known.set(event_id, row);
        }
        return known;
      },
      async loadBrowsers(refs) {
        return refs.map(({ site_pk, anonymous_id, session_ids }) => {
          const record = loadBrowser(site_pk, anonymous_id);
          for (const session_id of session_ids) ensureSession(record, session_id);
          return record;
        });
      },
      async browserAt(browser_pk) {
        const row = browserByPk.get(browser_pk);
        if (!row) throw new Error(`no browser ${browser_pk}`);
        return loadBrowser(row.site_pk, row.anonymous_id);
      },
      async insertEvents(rows) {
        for (const { event, site_pk, record } of rows) events.insert(event, site_pk, record);
      },
      async loadSessionsWithin(record, { from, to }, after, limit) {
        const bound = (time: number): number => Math.max(-1e15, Math.min(1e15, time));
        const found = sessionsFound(record.browser_pk, bound(from), bound(to), after, limit);
        const loaded = new Map([...record.state.sessions.keys()].map((session_id) => [record.session_pks.get(session_id), session_id]));
        const session_ids = found.flatMap((session_pk) => {
          const known = loaded.get(session_pk);
          if (known !== undefined) return [known];
          const row = sessionByPk.get(session_pk);
          return row ? [takeSession(record, row).session_id] : [];
        });
        return { session_ids, next: found.length === limit ? (found.at(-1) ?? null) : null };
      },
      async loadSession(record, session_pk) {
        const row = sessionByPk.get(session_pk);
        if (!row) throw new Error(`no session ${session_pk}`);
        return record.state.sessions.get(row.session_id) ?? takeSession(record, row);
      },
      async eventsOf(record, session_ids) {
        return new Map([...session_ids].map((session_id) => [session_id, placed(record, session_id)]));
      },
      async customers(site_pk, customer_ids) {
        const customers = new Map<string, Customer>();
        for (const customer_id of customer_ids) {
          const row = findCustomer.get(site_pk, customer_id, site_pk, customer_id);
          customers.set(customer_id, { person: row?.person_id ?? customer_id, hub: row?.hub === 1 });
        }
        return customers;
      },
      async carriedScans(site_pk, scan_ids) {
        return [...scan_ids].flatMap((scan_id) => {
          const carriers = carriersOf.all(site_pk, scan_id);
          const scan = carriers.length === 0 ? undefined : findScan.get(site_pk, scan_id);
          return scan ? [{ ...scan, carriers }] : [];
        });
      },
      async moveScan({ site_pk, scan_id }, claimer) {
        const { event_id = null, time = null, rank = null, browser_pk = null, session_pk = null } = claimer ?? {};
        setClaimer.run(event_id, time, rank, browser_pk, session_pk, site_pk, scan_id);
        if (claimer) moveClaim.run(browser_pk, session_pk, time, rank, event_id, site_pk, scan_id);
      },
      async saveBrowsers(saved, now, policy_version) {
        for (const browser of saved) saveBrowser(browser, now, policy_version);
      },
      ...rarer.statements,
      async saveSite(site) {
        return saveSite(site);
      },
      ...codes,
      ...createRecordStatements(db),
      ...upkeep,
    },
  };
}

/** The statements of a SQLite write transaction, prepared once; browsers seen lately stay in an LRU, which only this connection writes past. */
import type Database from 'better-sqlite3';
import { LRUCache } from 'lru-cache';
import { type AcceptedEvent, factsOf, type Payload } from '../domain/accepted-event.ts';
import { touchOf } from '../domain/channel.ts';
import type { Site, SiteRecord } from '../domain/site.ts';
import {
  addBoundary,
  type BrowserState,
  newBrowser,
  newSession,
  type Placed,
  type SegmentState,
  type SessionState,
} from '../linking/browser.ts';
import type { Barrier, LinkEvent, Strength } from '../linking/event.ts';
import { type Key, keyOf } from '../linking/order.ts';
import type { Candidate, Outcome } from '../linking/outcome.ts';
import type { Details } from '../linking/segment.ts';
import { createCodeStatements } from './sqlite-codes.ts';
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

/** Columns of a link by what writes them: taking in one more event, another outcome, a changed link. */
const GROW_COLUMNS = ['last_time', 'last_rank', 'last_id', 'last_sub', 'started_at', 'ended_at', 'events', 'page_views', 'details'];
const JUDGE_COLUMNS = [
  ...[
    ...GROW_COLUMNS,
    'first_time',
    'first_rank',
    'first_id',
    'first_sub',
    'device_type',
    'bot',
    'status',
    'customer_id',
    'rule',
    'strength',
  ],
  ...['evidence_event_id', 'evidence_type', 'evidence_at', 'evidence_gap_ms', 'candidates', 'owners', 'policy_version'],
];
const PUT_COLUMNS = [...JUDGE_COLUMNS, 'link_version', 'changed_at', 'cause_event_id', 'session_pk', 'segment', 'browser_pk'];
const assign = (columns: readonly string[]): string => columns.map((column) => `${column} = ?`).join(', ');

export function createSqliteTx(
  db: Database.Database,
  { siteOf, saveSite }: Context,
): { tx: Tx; forget: () => void; lookups: { hits: number; misses: number } } {
  const cache = new LRUCache<string, BrowserRecord>({ max: BROWSERS_CACHED });
  const lookups = { hits: 0, misses: 0 };
  let devices = new Map<string, number>();
  const sql = <P extends unknown[], R = unknown>(text: string) => db.prepare<P, R>(text);

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
  const setKiosk = sql<[number]>('UPDATE browsers SET kiosk = kiosk | 1 WHERE browser_pk = ?');
  const findSession = sql<[number, string], SessionRow>('SELECT * FROM sessions WHERE browser_pk = ? AND session_id = ?');
  const sessionByPk = sql<[number], SessionRow>('SELECT * FROM sessions WHERE session_pk = ?');
  const sessionsWithin = sql<[number, number, number, number, number], { session_pk: number }>(
    `SELECT DISTINCT session_pk FROM links WHERE browser_pk = ? AND last_time >= ? AND first_time <= ? AND session_pk > ?
     ORDER BY session_pk LIMIT ?`,
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
  const barriersOf = sql<[number], { time: number; event_id: string; barrier: Barrier }>(
    'SELECT time, event_id, barrier FROM barriers WHERE browser_pk = ? ORDER BY time, event_id',
  );
  const linksOf = sql<[number], LinkRow>('SELECT * FROM links WHERE session_pk = ? ORDER BY segment');
  const addEvent = sql<unknown[]>(
    `INSERT INTO events (site_pk, event_id, type, time, occurred_at, received_at, browser_pk, session_pk, device_pk, payload)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addClaim = sql<unknown[]>(
    `INSERT INTO claims (site_pk, event_id, browser_pk, session_pk, time, rank, type, occurred_at, customer_id, email, strength)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const moveClaim = sql<unknown[]>(
    'UPDATE claims SET browser_pk = ?, session_pk = ?, time = ?, rank = ?, key_id = ? WHERE site_pk = ? AND event_id = ?',
  );
  const addBarrier = sql<[number, number, string, string]>(
    'INSERT INTO barriers (browser_pk, time, event_id, barrier) VALUES (?, ?, ?, ?)',
  );
  const addScan = sql<unknown[]>(
    `INSERT INTO scans (site_pk, scan_id, event_pk, occurred_at, code, store_id, placement, sku, gtin, flag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addCarrier = sql<unknown[]>(
    'INSERT INTO scan_carriers (site_pk, scan_id, event_id, occurred_at, time, rank, browser_pk, session_pk) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const findScan = sql<[number, string], Omit<ScanRecord, 'carriers'>>(
    'SELECT site_pk, scan_id, occurred_at, claimer_id, browser_pk, session_pk FROM scans WHERE site_pk = ? AND scan_id = ?',
  );
  const carriersOf = sql<[number, string], Carrier>('SELECT * FROM scan_carriers WHERE site_pk = ? AND scan_id = ?');
  const setClaimer = sql<unknown[]>(
    `UPDATE scans SET claimer_id = ?, claimer_time = ?, claimer_rank = ?, browser_pk = ?, session_pk = ? WHERE site_pk = ? AND scan_id = ?`,
  );
  const eventsIn = sql<[number], EventRow>(
    `SELECT e.site_pk, e.event_id, e.type, e.time, e.occurred_at, e.payload, d.device_type, d.bot, c.customer_id, c.email, c.strength, r.barrier
     FROM events e JOIN sessions s USING (session_pk) JOIN devices d USING (device_pk)
     LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
     LEFT JOIN barriers r ON r.browser_pk = s.browser_pk AND r.time = e.time AND r.event_id = e.event_id WHERE e.session_pk = ?`,
  );
  const scansIn = sql<[number], ScannedRow>(
    `SELECT s.*, e.type, d.device_type, d.bot, c.customer_id, c.email, c.strength
     FROM scans s JOIN events e USING (event_pk) JOIN devices d USING (device_pk)
     LEFT JOIN claims c ON c.site_pk = s.site_pk AND c.event_id = s.scan_id AND c.revoked = 0 WHERE s.session_pk = ?`,
  );
  const findCustomer = sql<[number, string, number, string], { person_id: string | null; hub: number }>(
    `SELECT (SELECT person_id FROM persons WHERE site_pk = ? AND customer_id = ?) AS person_id,
     EXISTS (SELECT 1 FROM hubs WHERE site_pk = ? AND customer_id = ?) AS hub`,
  );
  const findDevice = sql<[string, string, string, number], { device_pk: number }>(
    `INSERT INTO devices (device_type, browser, os, bot) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET bot = excluded.bot RETURNING device_pk`,
  );
  const putLink = sql<unknown[]>(
    `INSERT OR REPLACE INTO links (${PUT_COLUMNS.join(', ')}) VALUES (${PUT_COLUMNS.map(() => '?').join(', ')})`,
  );
  const judgeLink = sql<unknown[]>(`UPDATE links SET ${assign(JUDGE_COLUMNS)} WHERE session_pk = ? AND segment = ?`);
  const growLink = sql<unknown[]>(`UPDATE links SET ${assign(GROW_COLUMNS)} WHERE session_pk = ? AND segment = ?`);
  const dropLink = sql<[number, number]>('DELETE FROM links WHERE session_pk = ? AND segment = ?');
  const addChange = sql<unknown[]>(
    'INSERT INTO link_changes (type, site_pk, session_pk, segment, link_version, link, old, cause_event_id, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const addFailed = sql<unknown[]>('INSERT INTO failed_events (site, event_id, reason, field, received_at, raw) VALUES (?, ?, ?, ?, ?, ?)');

  const rarer = createStatements(db, (browser_pk) => {
    const row = browserByPk.get(browser_pk);
    if (row) cache.delete(`${row.site_pk} ${row.anonymous_id}`);
  });

  const codes = createCodeStatements(db);
  const upkeep = createUpkeepStatements(db);

  function devicePk({ device_type, browser, os, bot }: AcceptedEvent['device']): number {
    const name = `${device_type} ${browser} ${os} ${bot}`;
    let device_pk = devices.get(name);
    if (device_pk === undefined) {
      device_pk = findDevice.get(device_type, browser, os, bot ? 1 : 0)?.device_pk ?? 0;
      devices.set(name, device_pk);
    }
    return device_pk;
  }

  function loadBrowser(site_pk: number, anonymous_id: string): BrowserRecord {
    const name = `${site_pk} ${anonymous_id}`;
    let record = cache.get(name);
    if (record) lookups.hits += 1;
    else {
      lookups.misses += 1;
      const row = findBrowser.get(site_pk, anonymous_id);
      const browser_pk = row?.browser_pk ?? Number(addBrowser.run(site_pk, anonymous_id).lastInsertRowid);
      const state = row ? loadBoundaries(browser_pk, row.kiosk > 0) : newBrowser();
      record = { site_pk, anonymous_id, browser_pk, state, session_pks: new Map() };
      cache.set(name, record);
    }
    return record;
  }

  function loadBoundaries(browser_pk: number, declared_kiosk: boolean): BrowserState {
    const state = { ...newBrowser(), declared_kiosk };
    for (const { time, event_id, barrier } of barriersOf.all(browser_pk))
      state.barriers.push({ key: { time, rank: 0, event_id, sub: 1 }, barrier });
    for (const row of claimsOf.all(browser_pk)) {
      const key: Key = { time: row.time, rank: row.rank, event_id: row.key_id ?? row.event_id, sub: row.key_id === null ? 1 : 0 };
      const { event_id, type, session_id, occurred_at, customer_id, email, strength } = row;
      const claim = { customer_id, email, strength };
      const event = { event_id, type, session_id, occurred_at, claim, barrier: null, kiosk: false } as LinkEvent;
      addBoundary(state, { event, key, person: row.person_id ?? customer_id, hub: row.hub === 1 });
    }
    return state;
  }

  function takeSession(record: BrowserRecord, row: SessionRow): SessionState {
    const session = newSession(row.session_id);
    if (row.landing_time !== null)
      session.landing = { time: row.landing_time, rank: row.landing_rank ?? 2, event_id: row.landing_event_id ?? '', sub: 1 };
    for (const link of linksOf.all(row.session_pk)) {
      const segment = segmentOf(link);
      session.segments.push(segment);
      session.stored.push({ segment, first: segment.first, outcome: segment.outcome, link_version: link.link_version });
    }
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

  function insertEvent(event: AcceptedEvent, site_pk: number, record: BrowserRecord | null): void {
    const browser_pk = record?.browser_pk ?? null;
    const session_pk = event.session_id === null ? null : (record?.session_pks.get(event.session_id) ?? null);
    const { event_id, type, time, occurred_at, claim, barrier, scan, scan_id } = event;
    const key = keyOf(event);
    const { lastInsertRowid } = addEvent.run(
      site_pk,
      event_id,
      type,
      time,
      occurred_at,
      event.received_at,
      session_pk === null ? browser_pk : null,
      session_pk,
      devicePk(event.device),
      JSON.stringify(event.payload),
    );
    if (claim) {
      const { customer_id, email, strength } = claim;
      addClaim.run(site_pk, event_id, browser_pk, session_pk, time, key.rank, type, occurred_at, customer_id, email, strength);
    }
    if (barrier && browser_pk !== null) addBarrier.run(browser_pk, time, event_id, barrier);
    if (event.kiosk && browser_pk !== null) setKiosk.run(browser_pk);
    if (scan) {
      const { code, store_id = null, placement = null, sku = null, gtin = null } = scan;
      addScan.run(site_pk, event_id, lastInsertRowid, occurred_at, code, store_id, placement, sku, gtin, event.scan_flag);
    }
    if (scan_id && session_pk !== null) addCarrier.run(site_pk, scan_id, event_id, occurred_at, time, key.rank, browser_pk, session_pk);
  }

  function placedOf(record: BrowserRecord, session_id: string): Placed[] {
    const session_pk = record.session_pks.get(session_id) ?? -1;
    const site = siteOf(record.site_pk)?.site ?? '';
    const place = { site, anonymous_id: record.anonymous_id, session_id };
    const events = eventsIn.all(session_pk).map((row): Placed => {
      const payload = JSON.parse(row.payload || '{}') as Payload;
      const event: LinkEvent = {
        ...place,
        event_id: row.event_id,
        type: row.type,
        time: row.time,
        occurred_at: row.occurred_at,
        claim: claimIn(row),
        barrier: row.barrier,
        kiosk: payload.kiosk ?? false,
        scan_id: payload.scan ?? null,
        scan: null,
        facts: factsOf(row.event_id, row.type, payload, { device_type: row.device_type, bot: row.bot === 1 }),
      };
      return { event, key: keyOf(event) };
    });
    const scans = scansIn.all(session_pk).map((row): Placed => {
      const { code, store_id, placement, sku, gtin } = row;
      const event: LinkEvent = {
        ...place,
        event_id: row.scan_id,
        type: row.type,
        time: row.claimer_time,
        occurred_at: row.occurred_at,
        claim: claimIn(row),
        barrier: null,
        kiosk: false,
        scan_id: null,
        scan: { code, ...(store_id && { store_id }), ...(placement && { placement }), ...(sku && { sku }), ...(gtin && { gtin }) },
        facts: factsOf(row.scan_id, row.type, {}, { device_type: row.device_type, bot: row.bot === 1 }),
      };
      return { event, key: { time: row.claimer_time, rank: row.claimer_rank, event_id: row.claimer_id, sub: 0 } };
    });
    return [...events, ...scans];
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
        const { outcome, first, last, started_at, ended_at, events, page_views, device_type, bot } = content;
        const details = content.details && JSON.stringify(content.details);
        const end = [last.time, last.rank, last.event_id, last.sub, started_at, ended_at, events, page_views, details];
        if (grown) {
          growLink.run(...end, session_pk, segment);
          continue;
        }
        const { status, customer_id, rule, strength, evidence_event_id, evidence_type, evidence_at, evidence_gap_ms, owners } = outcome;
        const row = [
          ...[...end, first.time, first.rank, first.event_id, first.sub, device_type, bot ? 1 : 0, status, customer_id, rule, strength],
          ...[evidence_event_id, evidence_type, evidence_at, evidence_gap_ms],
          ...[outcome.candidates.length > 0 ? JSON.stringify(outcome.candidates) : null, owners, policy_version],
        ];
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
  return {
    lookups,
    forget() {
      rarer.forget();
      cache.clear();
      devices = new Map();
    },
    tx: {
      async knownEvents(site_pk, event_ids) {
        const known = new Map<string, StoredCopy>();
        for (const event_id of event_ids) {
          const row = findEvent.get(event_id, site_pk);
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
      async insertEvents(events) {
        for (const { event, site_pk, record } of events) insertEvent(event, site_pk, record);
      },
      async loadSessionsWithin(record, { from, to }, after, limit) {
        const bound = (time: number): number => Math.max(-1e15, Math.min(1e15, time));
        const found = sessionsWithin.all(record.browser_pk, bound(from), bound(to), after, limit);
        const loaded = new Map([...record.state.sessions.keys()].map((session_id) => [record.session_pks.get(session_id), session_id]));
        const session_ids = found.flatMap(({ session_pk }) => {
          const known = loaded.get(session_pk);
          if (known !== undefined) return [known];
          const row = sessionByPk.get(session_pk);
          return row ? [takeSession(record, row).session_id] : [];
        });
        return { session_ids, next: found.length === limit ? (found.at(-1)?.session_pk ?? null) : null };
      },
      async loadSession(record, session_pk) {
        const row = sessionByPk.get(session_pk);
        if (!row) throw new Error(`no session ${session_pk}`);
        return record.state.sessions.get(row.session_id) ?? takeSession(record, row);
      },
      async eventsOf(record, session_ids) {
        return new Map([...session_ids].map((session_id) => [session_id, placedOf(record, session_id)]));
      },
      async customers(site_pk, customer_ids) {
        const customers = new Map<string, Customer>();
        for (const customer_id of customer_ids) {
          const row = findCustomer.get(site_pk, customer_id, site_pk, customer_id);
          customers.set(customer_id, { person: row?.person_id ?? customer_id, hub: row?.hub === 1 });
        }
        return customers;
      },
      async scans(site_pk, scan_ids) {
        return [...scan_ids].flatMap((scan_id) => {
          const scan = findScan.get(site_pk, scan_id);
          return scan ? [{ ...scan, carriers: carriersOf.all(site_pk, scan_id) }] : [];
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
      async saveFailed(site, failed, now) {
        for (const { event_id, reason, field, raw } of failed) addFailed.run(site, event_id, reason, field ?? null, now, Buffer.from(raw));
      },
      async saveSite(site) {
        return saveSite(site);
      },
      ...codes,
      ...upkeep,
      async saveToken({ token_id, hash, name, scopes, sites, created_at, expires_at }) {
        sql('INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL)').run(
          ...[token_id, hash, name, scopes.join(' '), sites && JSON.stringify(sites), created_at, expires_at],
        );
      },
      async revokeToken(token_id, now) {
        return sql('UPDATE tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL').run(now, token_id).changes > 0;
      },
    },
  };
}

interface SessionRow {
  session_pk: number;
  session_id: string;
  landing_time: number | null;
  landing_rank: 0 | 1 | 2 | null;
  landing_event_id: string | null;
}

interface ClaimColumns {
  customer_id: string | null;
  email: string | null;
  strength: Strength | null;
}

interface ClaimRow {
  event_id: string;
  key_id: string | null;
  session_id: string | null;
  time: number;
  rank: 0 | 1 | 2;
  type: string;
  occurred_at: number;
  customer_id: string;
  email: string | null;
  strength: Strength;
  person_id: string | null;
  hub: number;
}

interface EventRow extends ClaimColumns {
  event_id: string;
  type: string;
  time: number;
  occurred_at: number;
  payload: string;
  device_type: string;
  bot: number;
  barrier: Barrier | null;
}

interface ScannedRow extends ClaimColumns {
  scan_id: string;
  type: string;
  occurred_at: number;
  code: string;
  store_id: string | null;
  placement: string | null;
  sku: string | null;
  gtin: string | null;
  claimer_id: string;
  claimer_time: number;
  claimer_rank: 0 | 1 | 2;
  device_type: string;
  bot: number;
}

type LinkRow = { [K in `${'first' | 'last'}_${'time'}`]: number } & { [K in `${'first' | 'last'}_id`]: string } & {
  first_rank: 0 | 1 | 2;
  last_rank: 0 | 1 | 2;
  first_sub: 0 | 1;
  last_sub: 0 | 1;
  started_at: number;
  ended_at: number;
  events: number;
  page_views: number;
  device_type: string | null;
  bot: number;
  details: string | null;
  candidates: string | null;
  link_version: number;
} & Omit<Outcome, 'candidates'>;

function segmentOf(row: LinkRow): SegmentState {
  const { status, customer_id, rule, strength, evidence_event_id, evidence_type, evidence_at, evidence_gap_ms, owners } = row;
  const candidates = row.candidates === null ? [] : (JSON.parse(row.candidates) as Candidate[]);
  return {
    first: { time: row.first_time, rank: row.first_rank, event_id: row.first_id, sub: row.first_sub },
    last: { time: row.last_time, rank: row.last_rank, event_id: row.last_id, sub: row.last_sub },
    started_at: row.started_at,
    ended_at: row.ended_at,
    events: row.events,
    page_views: row.page_views,
    device_type: row.device_type,
    bot: row.bot === 1,
    details: row.details === null ? null : (JSON.parse(row.details) as Details),
    outcome: { status, customer_id, rule, strength, evidence_event_id, evidence_type, evidence_at, evidence_gap_ms, candidates, owners },
    dirty: false,
  };
}

function claimIn({ customer_id, email, strength }: ClaimColumns): LinkEvent['claim'] {
  return customer_id === null || strength === null ? null : { customer_id, email, strength };
}

/** An outcome as the change feed keeps it: what is null or empty is left out. */
function lean(outcome: Outcome): string {
  return JSON.stringify(outcome, (_key, value: unknown) =>
    value === null || (Array.isArray(value) && value.length === 0) ? undefined : value,
  );
}

/**
 * A PostgreSQL write transaction. Locks are taken in one order, so that no two transactions wait for each other: who is who
 * (shared, or exclusive for what changes that), event keys, guests and scans, browsers, the feed.
 */
import { Kysely, PostgresDialect, type RawBuilder } from 'kysely';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Site, SiteRecord } from '../domain/site.ts';
import { GUEST_PREFIX } from '../linking/claim.ts';
import type { Decision } from '../linking/event.ts';
import { readSessions } from './postgres-browsers.ts';
import { createCodeStatements } from './postgres-codes.ts';
import { LOCKS } from './postgres-connect.ts';
import { placedEvents, readCarriedScans, readCopies } from './postgres-events.ts';
import { type BrowserMemory, createHeldBrowsers, type HeldBrowsers } from './postgres-held.ts';
import { insertEvents } from './postgres-insert.ts';
import { createPending, type Pending } from './postgres-pending.ts';
import { prepared, rowParameters, type Session, texts } from './postgres-sql.ts';
import { createStatements } from './postgres-statements.ts';
import { createUpkeepStatements } from './postgres-upkeep.ts';
import type { Tables } from './queries.ts';
import type { Customer, StoredCopy, Tx } from './store.ts';

/** What a process keeps between transactions. */
export interface Memory extends BrowserMemory {
  /** As of a version of who is who. */
  identity: Identity;
  devicePks(devices: Iterable<AcceptedEvent['device']>): Promise<(device: AcceptedEvent['device']) => number>;
  siteOf(site_pk: number): SiteRecord | undefined;
  /** Makes the partitions for events received at these times. */
  ensurePartitions(received_at: Iterable<number>): Promise<void>;
}

export interface Identity {
  version: number;
  decisions: Map<number, Decision[]>;
  hubs: Map<number, Set<string>>;
}

/** Thrown inside a transaction that must be alone: it starts again as such. */
export class NeedsExclusive extends Error {}

/** What the statements of one transaction share. */
export interface TxContext {
  session: Session;
  pending: Pending;
  memory: Memory;
  /** Who is who stays as it is (shared), or is nobody else's to read or change (exclusive), until the end. Throws NeedsExclusive. */
  need(mode: 'shared' | 'exclusive'): Promise<void>;
  isExclusive(): boolean;
  /** Whether browsers wait to be judged again; to be set when some are queued. */
  queue: { waiting: boolean };
  browsers: HeldBrowsers;
  /** Who is who changes with this transaction. */
  changesIdentity(): void;
}

export interface OpenTx {
  tx: Tx;
  /** Sends what is left to write. */
  finish(): void;
  /** To be called after the commit. */
  committed(): void;
  changedSites(): boolean;
}

/** Makes statements of queries; its connection is never used. */
const COMPILER = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: async () => Promise.reject(new Error('only compiles')) }) });

export function createPostgresTx(
  session: Session,
  memory: Memory,
  start: 'none' | 'exclusive',
  saveSite: (site: Site) => Promise<SiteRecord>,
): OpenTx {
  const pending = createPending();
  const queue = { waiting: false };
  let mode: 'none' | 'shared' | 'exclusive' = 'none';
  let identityChanged = false;
  let sitesChanged = false;
  let fresh: Set<string> | null = null;
  let known = new Map<string, Customer>();
  let devicePk: (device: AcceptedEvent['device']) => number = () => 0;

  const context: TxContext = {
    session,
    pending,
    memory,
    queue,
    async need(wanted) {
      if (mode === 'exclusive' || mode === wanted) return;
      if (mode === 'shared') throw new NeedsExclusive();
      mode = start === 'exclusive' ? 'exclusive' : wanted;
      session.send(mode === 'exclusive' ? LOCK_IDENTITY : SHARE_IDENTITY);
      const [state] = await session.query<{ version: number; queued: boolean }>(STATE);
      if (state && state.version !== memory.identity.version)
        memory.identity = { version: state.version, decisions: new Map(), hubs: new Map() };
      queue.waiting = state?.queued ?? false;
    },
    isExclusive: () => mode === 'exclusive',
    browsers: createHeldBrowsers(session, pending, memory, () => context.need('exclusive')),
    changesIdentity() {
      identityChanged = true;
      memory.identity = { version: Number.NaN, decisions: new Map(), hubs: new Map() };
    },
  };

  /** R8, R10: who these are, looked up for all claims at once. */
  async function lookUp(site_pk: number, customer_ids: Iterable<string>): Promise<void> {
    const rows = await session.query<{ customer_id: string; person_id: string | null; hub: boolean }>(CUSTOMERS, [
      site_pk,
      texts(customer_ids),
    ]);
    for (const { customer_id, person_id, hub } of rows) known.set(`${site_pk} ${customer_id}`, { person: person_id ?? customer_id, hub });
  }

  const tx: Tx = {
    async run<T>(query: RawBuilder<T>) {
      await context.need('exclusive');
      pending.sendLinks(session);
      const { sql: text, parameters } = query.compile(COMPILER);
      if (/^\s*SELECT\b/i.test(text)) return session.query<T>({ name: '', text }, parameters);
      context.changesIdentity();
      known = new Map();
      session.send({ name: '', text }, parameters);
      return [];
    },
    async replaceKey(site_pk, event_id, by) {
      session.send(REPLACE_KEY, [site_pk, event_id, by]);
    },
    async begin(events, sitePk) {
      await memory.ensurePartitions(events.map(({ received_at }) => received_at));
      devicePk = await memory.devicePks(events.map(({ device }) => device));
      const keys = new Map<string, [string, number]>();
      const names = new Set<string>();
      const customers = new Map<number, Set<string>>();
      for (const { site, event_id, claim, scan, scan_id } of events) {
        const site_pk = sitePk(site);
        keys.set(`${event_id} ${site_pk}`, [event_id, site_pk]);
        if (scan) names.add(`scan ${site_pk} ${event_id}`);
        if (scan_id !== null) names.add(`scan ${site_pk} ${scan_id}`);
        if (!claim) continue;
        for (const id of [claim.customer_id, claim.email]) if (id?.startsWith(GUEST_PREFIX)) names.add(`guest ${site_pk} ${id}`);
        customers.set(site_pk, (customers.get(site_pk) ?? new Set()).add(claim.customer_id));
      }
      const needed = context.need('shared');
      const sorted = [...keys.values()].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y));
      const stored = session.query<{ event_id: string; site_pk: number }>(KEYS, KEY_ROWS.values(sorted));
      if (names.size > 0) session.send(LOCK_NAMES, [texts(names)]);
      const looked = [...customers].map(([site_pk, ids]) => lookUp(site_pk, ids));
      await Promise.all([needed, stored, ...looked]);
      fresh = new Set((await stored).map(({ event_id, site_pk }) => `${event_id} ${site_pk}`));
    },
    async knownEvents(site_pk, event_ids) {
      const old = event_ids.filter((event_id) => !fresh?.has(`${event_id} ${site_pk}`));
      return old.length > 0 ? readCopies(session, site_pk, old) : new Map<string, StoredCopy>();
    },
    loadBrowsers: (refs) => context.browsers.load(refs),
    browserAt: (browser_pk) => context.browsers.at(browser_pk),
    async insertEvents(events) {
      insertEvents(session, pending, events, devicePk);
    },
    async loadSessionsWithin(record, { from, to }, after, limit) {
      pending.sendLinks(session);
      const bound = (time: number): number => Math.max(-1e15, Math.min(1e15, time));
      const found = await session.query<{ session_pk: number }>(WITHIN, [record.browser_pk, bound(from), bound(to), after, limit]);
      const loaded = new Map([...record.state.sessions.keys()].map((session_id) => [record.session_pks.get(session_id), session_id]));
      const absent = found.map(({ session_pk }) => session_pk).filter((session_pk) => !loaded.has(session_pk));
      await readSessions(session, record, absent);
      const names = new Map([...record.session_pks].map(([session_id, session_pk]) => [session_pk, session_id]));
      const session_ids = found.flatMap(({ session_pk }) => names.get(session_pk) ?? []);
      return { session_ids, next: found.length === limit ? (found.at(-1)?.session_pk ?? null) : null };
    },
    async loadSession(record, session_pk) {
      for (const [session_id, pk] of record.session_pks) {
        const state = pk === session_pk ? record.state.sessions.get(session_id) : undefined;
        if (state) return state;
      }
      pending.sendLinks(session);
      const [read] = await readSessions(session, record, [session_pk]);
      if (!read) throw new Error(`no session ${session_pk}`);
      return read;
    },
    eventsOf: (record, session_ids) => placedEvents(session, pending, memory.siteOf(record.site_pk)?.site ?? '', record, session_ids),
    async customers(site_pk, customer_ids) {
      const wanted = [...customer_ids].filter((customer_id) => !known.has(`${site_pk} ${customer_id}`));
      if (wanted.length > 0) await lookUp(site_pk, wanted);
      return new Map([...customer_ids].map((id): [string, Customer] => [id, known.get(`${site_pk} ${id}`) ?? { person: id, hub: false }]));
    },
    carriedScans: (site_pk, scan_ids) => readCarriedScans(session, pending, site_pk, scan_ids),
    async moveScan({ site_pk, scan_id }, claimer) {
      const { event_id = null, time = null, rank = null, browser_pk = null, session_pk = null } = claimer ?? {};
      const scan = pending.scans.get(`${site_pk} ${scan_id}`);
      if (scan) Object.assign(scan, { claimer_id: event_id, claimer_time: time, claimer_rank: rank, browser_pk, session_pk });
      else session.send(MOVE_SCAN, [event_id, time, rank, browser_pk, session_pk, site_pk, scan_id]);
      if (claimer) session.send(MOVE_CLAIM, [browser_pk, session_pk, time, rank, event_id, site_pk, scan_id]);
    },
    async saveBrowsers(saved, now, policy_version) {
      pending.saveLinks(saved, now, policy_version);
    },
    async saveSite(site) {
      sitesChanged = true;
      return saveSite(site);
    },
    ...createStatements(context, (changed) => {
      known = new Map([...known].filter(([name]) => !changed.has(name)));
    }),
    ...createCodeStatements(context),
    ...createUpkeepStatements(context),
  };

  return {
    tx,
    finish() {
      pending.sendAll(session);
      if (identityChanged) session.send(NEW_IDENTITY);
    },
    committed() {
      context.browsers.keep();
    },
    changedSites: () => sitesChanged,
  };
}

const SHARE_IDENTITY = prepared(`SELECT pg_advisory_xact_lock_shared(${LOCKS.identity})`);
const LOCK_IDENTITY = prepared(`SELECT pg_advisory_xact_lock(${LOCKS.identity})`);
const STATE = prepared(
  `SELECT coalesce((SELECT value FROM meta WHERE name = 'identity'), 0) AS version, EXISTS (SELECT 1 FROM relink_queue) AS queued`,
);
const NEW_IDENTITY = prepared(
  `INSERT INTO meta (name, value) VALUES ('identity', 1) ON CONFLICT (name) DO UPDATE SET value = meta.value + 1`,
);
const KEY_ROWS = rowParameters('event_id text, site_pk bigint');
const KEYS = prepared(`INSERT INTO event_keys SELECT * FROM ${KEY_ROWS.from} ON CONFLICT DO NOTHING RETURNING event_id, site_pk`);
const LOCK_NAMES = prepared(
  `SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(name, 0) AS h FROM unnest($1::text[]) AS t(name) ORDER BY h) AS sorted`,
);
const CUSTOMERS = prepared(
  `SELECT x.customer_id, p.person_id, h.customer_id IS NOT NULL AS hub FROM unnest($2::text[]) AS x(customer_id)
   LEFT JOIN persons p ON p.site_pk = $1 AND p.customer_id = x.customer_id LEFT JOIN hubs h ON h.site_pk = $1 AND h.customer_id = x.customer_id`,
);
const WITHIN = prepared(
  `SELECT DISTINCT session_pk FROM links WHERE browser_pk = $1 AND last_time >= $2 AND first_time <= $3 AND session_pk > $4
   ORDER BY session_pk LIMIT $5`,
);
const REPLACE_KEY = prepared(
  `WITH gone AS (DELETE FROM event_keys WHERE site_pk = $1 AND event_id = $2)
   INSERT INTO event_keys (event_id, site_pk) VALUES ($3, $1) ON CONFLICT DO NOTHING`,
);
const MOVE_SCAN = prepared(
  `UPDATE scan_records SET claimer_id = $1, claimer_time = $2, claimer_rank = $3, browser_pk = $4, session_pk = $5
   WHERE site_pk = $6 AND scan_id = $7`,
);
const MOVE_CLAIM = prepared(
  'UPDATE claims SET browser_pk = $1, session_pk = $2, time = $3, rank = $4, key_id = $5 WHERE site_pk = $6 AND event_id = $7',
);

/** The browsers that a PostgreSQL transaction has locked and read; what a process keeps of them counts while their rows' versions do. */
import type { LRUCache } from 'lru-cache';
import { type BrowserRow, emptyBrowser, ensureSessions, readBrowsers } from './postgres-browsers.ts';
import type { Pending } from './postgres-pending.ts';
import { numbers, prepared, rowParameters, type Session } from './postgres-sql.ts';
import type { BrowserRecord, BrowserRef } from './store.ts';

/** What a process keeps of browsers between transactions. */
export interface BrowserMemory {
  /** Browsers as of a version of their row. */
  browsers: LRUCache<string, { record: BrowserRecord; version: number }>;
  lookups: { hits: number; misses: number };
}

export interface HeldBrowsers {
  /** Locks and reads them, those that are not held yet, with these sessions; unknown ones are made. In their order. */
  load(refs: readonly BrowserRef[]): Promise<BrowserRecord[]>;
  /** One that may have to be locked after others. Throws NeedsExclusive, and where there is no such browser. */
  at(browser_pk: number): Promise<BrowserRecord>;
  /** Locks and reads them, those that are not held yet; only where the transaction is alone. */
  hold(browser_pks: Iterable<number>): Promise<void>;
  isLocked(browser_pk: number): boolean;
  /** Browsers that must be read again, here and by other processes. */
  forget(browser_pks: Iterable<number>): void;
  /** After the commit: keeps them for transactions to come. */
  keep(): void;
}

/** How many sessions a browser may hold to be kept in memory. */
const SESSIONS_CACHED = 20;

type Versioned = BrowserRow & { version: number };

export function createHeldBrowsers(
  session: Session,
  pending: Pending,
  { browsers, lookups }: BrowserMemory,
  needExclusive: () => Promise<void>,
): HeldBrowsers {
  const held = new Map<string, { record: BrowserRecord; version: number }>();
  const byPk = new Map<number, BrowserRecord>();
  const locked = new Set<number>();

  function take(record: BrowserRecord, version: number): void {
    held.set(nameOf(record), { record, version });
    byPk.set(record.browser_pk, record);
    locked.add(record.browser_pk);
  }

  async function read(rows: readonly Versioned[]): Promise<void> {
    const records = await readBrowsers(session, rows);
    for (const [index, record] of records.entries()) take(record, rows[index]?.version ?? Number.NaN);
  }

  return {
    async load(refs) {
      if (refs.length === 0) return [];
      pending.sendLinks(session);
      const sorted = [...refs].sort((a, b) => a.site_pk - b.site_pk || (a.anonymous_id < b.anonymous_id ? -1 : 1));
      const rows = await session.query<Versioned>(
        LOCK_BROWSERS,
        BROWSER_ROWS.values(sorted.map(({ site_pk, anonymous_id }) => [site_pk, anonymous_id])),
      );
      const missing: Versioned[] = [];
      for (const row of rows) {
        const name = nameOf(row);
        const cached = browsers.get(name);
        // Until the commit it is this transaction's only.
        browsers.delete(name);
        if (cached && cached.version === row.version - 1) {
          lookups.hits += 1;
          take(cached.record, row.version);
        } else {
          lookups.misses += 1;
          if (row.version === 0) take(emptyBrowser(row), 0);
          else missing.push(row);
        }
      }
      await read(missing);
      const records = refs.map((ref) => {
        const { record } = held.get(nameOf(ref)) ?? {};
        if (!record) throw new Error(`no browser ${ref.anonymous_id}`);
        return record;
      });
      const wanted = refs.flatMap(({ session_ids }, index) => {
        const record = records[index] as BrowserRecord;
        return [...session_ids].flatMap((session_id) => (record.session_pks.has(session_id) ? [] : [{ record, session_id }]));
      });
      await ensureSessions(session, wanted);
      return records;
    },
    async at(browser_pk) {
      const known = byPk.get(browser_pk);
      if (known) return known;
      // Locked after others, it could be one that waits for one of these.
      if (!locked.has(browser_pk)) await needExclusive();
      pending.sendLinks(session);
      await read(await session.query<Versioned>(locked.has(browser_pk) ? BROWSER : LOCK_BROWSER, [browser_pk]));
      const record = byPk.get(browser_pk);
      if (!record) throw new Error(`no browser ${browser_pk}`);
      return record;
    },
    async hold(browser_pks) {
      const missing = [...browser_pks].filter((browser_pk) => !byPk.has(browser_pk));
      if (missing.length === 0) return;
      pending.sendLinks(session);
      await read(await session.query<Versioned>(LOCK_BROWSERS_AT, [numbers(missing)]));
    },
    isLocked: (browser_pk) => locked.has(browser_pk),
    forget(browser_pks) {
      const others: number[] = [];
      for (const browser_pk of browser_pks) {
        const record = byPk.get(browser_pk);
        byPk.delete(browser_pk);
        if (record) held.delete(nameOf(record));
        if (!locked.has(browser_pk)) others.push(browser_pk);
      }
      pending.sendLinks(session);
      // What other processes keep of them is old as well.
      if (others.length > 0) session.send(TOUCH, [numbers(others)]);
    },
    keep() {
      for (const [name, one] of held) if (one.record.state.sessions.size <= SESSIONS_CACHED) browsers.set(name, one);
    },
  };
}

const nameOf = ({ site_pk, anonymous_id }: { site_pk: number; anonymous_id: string }): string => `${site_pk} ${anonymous_id}`;

const COLUMNS = 'browser_pk, site_pk, anonymous_id, kiosk, version';
const BROWSER_ROWS = rowParameters('site_pk bigint, anonymous_id text');
const LOCK_BROWSERS = prepared(
  `INSERT INTO browsers (site_pk, anonymous_id) SELECT * FROM ${BROWSER_ROWS.from}
   ON CONFLICT (site_pk, anonymous_id) DO UPDATE SET version = browsers.version + 1 RETURNING ${COLUMNS}`,
);
const LOCK_BROWSER = prepared(`UPDATE browsers SET version = version + 1 WHERE browser_pk = $1 RETURNING ${COLUMNS}`);
const LOCK_BROWSERS_AT = prepared(`UPDATE browsers SET version = version + 1 WHERE browser_pk = ANY($1::bigint[]) RETURNING ${COLUMNS}`);
const BROWSER = prepared(`SELECT ${COLUMNS} FROM browsers WHERE browser_pk = $1`);
const TOUCH = prepared('UPDATE browsers SET version = version + 1 WHERE browser_pk = ANY($1::bigint[])');

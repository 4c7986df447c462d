/**
 * The store in PostgreSQL, for several collectors at once: pooled connections, a transaction a group of events, and what this
 * process keeps in memory checked against the database in each.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Kysely, PostgresDialect } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { PoolClient } from 'pg';
import type { Device } from '../domain/device.ts';
import { SITE_DEFAULTS, type Site, type SiteRecord } from '../domain/site.ts';
import { Problem, StoreUnavailable } from '../errors.ts';
import { type BrowserRow, groupedBy, readBrowsers, readSessions } from './postgres-browsers.ts';
import { connect, isBroken, isConflict, migrate, storeError } from './postgres-connect.ts';
import { createJournal } from './postgres-journal.ts';
import { createSession, numbers, prepared, rowParameters, type Session } from './postgres-sql.ts';
import { createPostgresTx, type Memory, NeedsExclusive } from './postgres-tx.ts';
import { analyzeOnceGrown, createPartitions } from './postgres-upkeep.ts';
import { createQueries, type Tables } from './queries.ts';
import type { Store, Tx } from './store.ts';

export interface PostgresOptions {
  /** Connections that write, and that read. */
  writers?: number;
  readers?: number;
  /** Milliseconds after which an unused connection is closed. */
  idle?: number;
}

const BROWSERS_CACHED = 20_000;
/** Milliseconds that a statement may take, before the server counts as away. */
const WRITE_MS = 15_000;
const READ_MS = 120_000;
/** Milliseconds for which sites are taken as they were read: another collector may have saved one. */
const SITES_MS = 2_000;
/** Times that a transaction is tried which others got in the way of. */
const ATTEMPTS = 8;

/** Connects, and makes the schema or brings it up to date. Throws StartupError. */
export async function openPostgres(url: string, { writers = 4, readers = 12, idle = 30_000 }: PostgresOptions = {}): Promise<Store> {
  const reading = connect(url, { max: readers, query_timeout: READ_MS, pipeline: false, idle });
  await migrate(reading, url).catch(async (error: unknown) => {
    await reading.end();
    throw error;
  });
  const writing = connect(url, { max: writers, query_timeout: WRITE_MS, pipeline: true, idle });
  const journal = createJournal(url, { query_timeout: WRITE_MS, idle });
  const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: reading }) });
  const partitions = createPartitions(reading);
  const stopAnalyzing = analyzeOnceGrown(reading);
  const devices = new Map<string, number>();
  let sites = await readSites();
  let sitesRead = Date.now();
  let closing: Promise<unknown> | null = null;

  const memory: Memory = {
    browsers: new LRUCache({ max: BROWSERS_CACHED }),
    lookups: { hits: 0, misses: 0 },
    identity: { version: Number.NaN, decisions: new Map(), hubs: new Map() },
    siteOf: (site_pk) => sites.find((site) => site.site_pk === site_pk),
    ensurePartitions: partitions.ensure,
    async devicePks(wanted) {
      const missing = new Map<string, unknown[]>();
      for (const device of wanted) if (!devices.has(deviceName(device))) missing.set(deviceName(device), deviceRow(device));
      // Outside the transaction: whatever becomes of that, they stay.
      if (missing.size > 0) {
        const { rows } = await reading.query<{ device_pk: number } & Record<string, string>>({
          ...DEVICES,
          values: DEVICE_ROWS.values([...missing.values()]),
        });
        for (const { device_pk, device_type, browser, os, bot } of rows) devices.set(`${device_type} ${browser} ${os} ${bot}`, device_pk);
      }
      return (device) => devices.get(deviceName(device)) ?? 0;
    },
  };

  async function readSites(): Promise<SiteRecord[]> {
    const { rows } = await reading.query<{ site_pk: number; config: string; email_key: Buffer; scan_key: Buffer }>(
      'SELECT site_pk, config, email_key, scan_key FROM sites ORDER BY site_pk',
    );
    return rows.map(({ config, ...row }) => ({ ...SITE_DEFAULTS, ...(JSON.parse(config) as Site), ...row }));
  }

  async function renewSites(): Promise<void> {
    sitesRead = Date.now();
    sites = await readSites();
  }

  async function saveSite(session: Session, site: Site): Promise<SiteRecord> {
    const [row] = await session.query<{ site_pk: number; email_key: Buffer; scan_key: Buffer }>(PUT_SITE, [
      ...[site.site, JSON.stringify(site), randomBytes(32), randomBytes(32)],
    ]);
    if (!row) throw new Error(`the site ${site.site} was not saved`);
    return { ...site, ...row };
  }

  async function transact<T>(client: PoolClient, work: (tx: Tx) => Promise<T>, start: 'none' | 'exclusive'): Promise<T> {
    const session = createSession(client);
    session.send(BEGIN);
    try {
      const open = createPostgresTx(session, memory, start, (site) => saveSite(session, site));
      const result = await work(open.tx);
      open.finish();
      const committed = client.query('COMMIT');
      committed.catch(() => undefined);
      await session.settle();
      // After a failed statement the server rolls back, and says no more than that.
      if ((await committed).command !== 'COMMIT') throw new Error('the transaction was rolled back');
      open.committed();
      if (open.changedSites()) await renewSites();
      return result;
    } catch (error) {
      if (error instanceof NeedsExclusive || error instanceof Problem) throw error;
      throw session.failure() ?? error;
    }
  }

  /** One attempt, on a connection that goes back to the pool only if it is sound. */
  async function attempt<T>(work: (tx: Tx) => Promise<T>, start: 'none' | 'exclusive'): Promise<T> {
    const client = await writing.connect();
    try {
      const result = await transact(client, work, start);
      client.release();
      return result;
    } catch (error) {
      const sound =
        !isBroken(error) &&
        (await client.query('ROLLBACK').then(
          () => true,
          () => false,
        ));
      client.release(!sound);
      throw error;
    }
  }

  const store: Store = {
    async write(work) {
      let start: 'none' | 'exclusive' = 'none';
      for (let turn = 1; ; ) {
        try {
          return await attempt(work, start);
        } catch (error) {
          if (error instanceof NeedsExclusive) {
            start = 'exclusive';
            continue;
          }
          if (!isConflict(error) || turn >= ATTEMPTS) throw storeError(error);
          await wait(Math.random() * 20 * turn);
          turn += 1;
        }
      }
    },
    sites() {
      if (Date.now() - sitesRead > SITES_MS) renewSites().catch(() => undefined);
      return sites;
    },
    async *browsers(wanted) {
      const known = sites.flatMap(({ site, site_pk }) => (wanted === null || wanted.includes(site) ? [site_pk] : []));
      for (let after = 0; ; ) {
        const client = await reading.connect();
        const page: Awaited<ReturnType<typeof readBrowsers>> = [];
        try {
          const session = createSession(client);
          const rows = await session.query<BrowserRow>(BROWSERS_AFTER, [after, numbers(known)]);
          if (rows.length === 0) return;
          after = rows.at(-1)?.browser_pk ?? after;
          page.push(...(await readBrowsers(session, rows)));
          const sessions = await session.query<{ browser_pk: number; session_pk: number }>(SESSIONS_OF, [
            numbers(rows.map(({ browser_pk }) => browser_pk)),
          ]);
          const sessionsOf = groupedBy(sessions, ({ browser_pk }) => browser_pk);
          for (const record of page)
            await readSessions(
              session,
              record,
              (sessionsOf.get(record.browser_pk) ?? []).map(({ session_pk }) => session_pk),
            );
        } finally {
          client.release();
        }
        yield* page;
      }
    },
    journal,
    queries: createQueries(async (query) => (await query.execute(kysely)).rows),
    async probe(now) {
      await store.write(async () => undefined);
      const { rows } = await reading.query<{ value: number }>(CANARY, [now]).catch((error: unknown) => {
        throw storeError(error);
      });
      if (rows[0]?.value !== now) throw new StoreUnavailable('down');
    },
    // What was deleted is the server's to overwrite: VACUUM does it in its own time.
    async sweep() {},
    browserCache: () => memory.lookups,
    async backup() {
      throw new Problem(501, 'This store is in PostgreSQL: back it up with pg_dump, or with what your database service offers');
    },
    async close() {
      stopAnalyzing();
      closing ??= Promise.all([kysely.destroy(), writing.end(), journal.close()]);
      await closing;
      // Kysely ends its connections only if it was ever asked something.
      if (!reading.ending) await reading.end();
    },
  };
  return store;
}

const deviceRow = ({ device_type, browser, os, bot }: Device): unknown[] => [device_type, browser, os, bot ? 1 : 0];
const deviceName = (device: Device): string => deviceRow(device).join(' ');

const CANARY = `INSERT INTO meta (name, value) VALUES ('canary', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING value`;
const BEGIN = prepared('BEGIN');
const DEVICE_ROWS = rowParameters('device_type text, browser text, os text, bot smallint');
const DEVICES = prepared(
  `INSERT INTO devices (device_type, browser, os, bot) SELECT * FROM ${DEVICE_ROWS.from} ORDER BY 1, 2, 3, 4
   ON CONFLICT (device_type, browser, os, bot) DO UPDATE SET bot = excluded.bot RETURNING device_pk, device_type, browser, os, bot`,
);
const PUT_SITE = prepared(
  `INSERT INTO sites (site, config, email_key, scan_key) VALUES ($1, $2, $3, $4)
   ON CONFLICT (site) DO UPDATE SET config = excluded.config RETURNING site_pk, email_key, scan_key`,
);
const BROWSERS_AFTER = prepared(
  `SELECT browser_pk, site_pk, anonymous_id, kiosk FROM browsers WHERE browser_pk > $1 AND site_pk = ANY($2::bigint[]) ORDER BY browser_pk LIMIT 100`,
);
const SESSIONS_OF = prepared('SELECT browser_pk, session_pk FROM sessions WHERE browser_pk = ANY($1::bigint[]) ORDER BY session_pk');

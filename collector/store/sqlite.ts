/** The store in one SQLite file: WAL, synchronous=FULL, one writing connection, reads on a second one that never blocks it. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { SITE_DEFAULTS, type Site, type SiteRecord } from '../domain/site.ts';
import { StartupError, StoreUnavailable } from '../errors.ts';
import { SQLITE_MIGRATIONS } from './migrations/sqlite.ts';
import { readingQueries } from './sqlite-reader.ts';
import { createSqliteTx } from './sqlite-tx.ts';
import { copySqlite } from './sqlite-upkeep.ts';
import type { Store } from './store.ts';

/**
 * Opens (or makes) the file and brings its schema up to date. Throws StartupError. `onBroken` is told of the first I/O error: after
 * it nothing is written any more, because a second fsync may succeed without what the first one lost.
 */
export function openSqlite(file: string, onBroken: (cause: unknown) => void = () => undefined): Store {
  const db = openFile(file);
  migrate(db, file);
  let sites = readSites(db);
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  const { tx, forget, lookups } = createSqliteTx(db, { siteOf: (site_pk) => sites.find((site) => site.site_pk === site_pk), saveSite });
  const reader = new Database(file, { readonly: true });
  let last: Promise<unknown> = Promise.resolve();
  let broken: StoreUnavailable | null = null;

  function saveSite(site: Site): SiteRecord {
    const known = sites.find((record) => record.site === site.site);
    const { email_key, scan_key } = known ?? { email_key: randomBytes(32), scan_key: randomBytes(32) };
    const { site_pk } = db
      .prepare<unknown[], { site_pk: number }>(
        `INSERT INTO sites (site, config, email_key, scan_key) VALUES (?, ?, ?, ?)
         ON CONFLICT (site) DO UPDATE SET config = excluded.config RETURNING site_pk`,
      )
      .get(site.site, JSON.stringify(site), email_key, scan_key) ?? { site_pk: 0 };
    const record = { ...site, email_key, scan_key, site_pk };
    sites = [...sites.filter((other) => other.site !== site.site), record];
    return record;
  }

  async function transact<T>(work: (transaction: typeof tx) => Promise<T>): Promise<T> {
    if (broken) throw broken;
    try {
      begin.run();
      const result = await work(tx);
      commit.run();
      return result;
    } catch (error) {
      const failure = storeError(error);
      if (failure instanceof StoreUnavailable && failure.kind === 'broken') {
        broken = failure;
        onBroken(error);
        throw failure;
      }
      if (db.inTransaction) rollback.run();
      // What the failed transaction left in memory is not what is stored.
      forget();
      sites = readSites(db);
      throw failure;
    }
  }

  return {
    write(work) {
      const turn = last.then(() => transact(work));
      last = turn.catch(() => undefined);
      return turn;
    },
    sites: () => sites,
    async *browsers(wanted) {
      const scan = createSqliteTx(reader, { siteOf: (site_pk) => sites.find((site) => site.site_pk === site_pk), saveSite });
      const next = reader.prepare<[number], { browser_pk: number; site_pk: number }>(
        'SELECT browser_pk, site_pk FROM browsers WHERE browser_pk > ? ORDER BY browser_pk LIMIT 100',
      );
      const known = new Set(sites.flatMap(({ site, site_pk }) => (wanted === null || wanted.includes(site) ? [site_pk] : [])));
      for (let page = next.all(0); page.length > 0; page = next.all(page.at(-1)?.browser_pk ?? 0)) {
        for (const { browser_pk, site_pk } of page) {
          if (!known.has(site_pk)) continue;
          const record = await scan.tx.browserAt(browser_pk);
          await scan.tx.loadSessionsWithin(
            record,
            { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY },
            0,
            Number.MAX_SAFE_INTEGER,
          );
          yield record;
        }
        scan.forget();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    queries: readingQueries(reader),
    journal: null,
    probe(now) {
      return this.write(async () => {
        db.prepare("INSERT INTO meta (name, value) VALUES ('canary', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value").run(now);
      }).then(() => {
        const row = reader.prepare<[], { value: number }>("SELECT value FROM meta WHERE name = 'canary'").get();
        if (row === undefined) throw new StoreUnavailable('down');
      });
    },
    browserCache: () => lookups,
    async sweep() {
      await last;
      // The log still has the pages as they were. A reader in another thread may hold it for a moment.
      for (let tries = 0; tries < 50; tries += 1) {
        const [result] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
        if (result?.busy === 0) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    backup: (to) => copySqlite(file, to),
    async close() {
      await last;
      reader.close();
      db.close();
    },
  };
}

function openFile(file: string): Database.Database {
  const folder = dirname(file);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new StartupError(`DATA_DIR=${folder}: cannot be written (${(error as Error).message})`);
  }
  try {
    const db = new Database(file);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // What is deleted is overwritten, so that an erasure leaves no bytes behind.
    db.pragma('secure_delete = ON');
    db.pragma('cache_size = -32768');
    db.pragma('wal_autocheckpoint = 4000');
    // What a crash left in the log goes into the file, fsynced, before anything is added to it: after an I/O error the log may
    // have holes on the disk that only the system's cache still covers.
    db.pragma('wal_checkpoint(TRUNCATE)');
    return db;
  } catch (error) {
    throw new StartupError(`${file}: cannot be opened (${(error as Error).message})`);
  }
}

function migrate(db: Database.Database, file: string): void {
  const done = Number(db.pragma('user_version', { simple: true }));
  if (done > SQLITE_MIGRATIONS.length)
    throw new StartupError(`${file}: its schema (${done}) is newer than this program (${SQLITE_MIGRATIONS.length})`);
  SQLITE_MIGRATIONS.forEach((sql, index) => {
    if (index < done) return;
    db.transaction(() => {
      db.exec(sql);
      db.pragma(`user_version = ${index + 1}`);
    })();
  });
}

function readSites(db: Database.Database): SiteRecord[] {
  const rows = db
    .prepare<[], { site_pk: number; config: string; email_key: Buffer; scan_key: Buffer }>('SELECT * FROM sites ORDER BY site_pk')
    .all();
  return rows.map(({ config, ...row }) => ({ ...SITE_DEFAULTS, ...(JSON.parse(config) as Site), ...row }));
}

function storeError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // The shared memory beside the log could not grow: no room either.
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') return new StoreUnavailable('full', { cause: error });
  if (code.startsWith('SQLITE_IOERR')) return new StoreUnavailable('broken', { cause: error });
  if (/^SQLITE_(?:BUSY|READONLY|CANTOPEN|CORRUPT|NOTADB)/.test(code)) return new StoreUnavailable('down', { cause: error });
  return error;
}

/** Real stores for the contract suite, each in a folder or a database of its own. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Site } from '../../collector/domain/site.ts';
import { SITE_DEFAULTS } from '../../collector/domain/site.ts';
import { openPostgres } from '../../collector/store/postgres.ts';
import { openSqlite } from '../../collector/store/sqlite.ts';
import type { Store } from '../../collector/store/store.ts';
import { clusterUrl } from '../postgres-on-demand.ts';

export interface StoreFixture {
  name: string;
  /** Opens a new, empty store. */
  open(): Promise<Store>;
  /** Opens again what `store` wrote, as after a crash: without closing it first. */
  reopen(store: Store): Promise<Store>;
  cleanup(): Promise<void>;
}

export const DEMO_SITE: Site = { ...SITE_DEFAULTS, site: 'demo', name: 'Demo', origins: ['http://localhost:8080'] };

export function sqliteFixture(): StoreFixture {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-'));
  const files = new Map<Store, string>();
  let count = 0;
  const openAt = (file: string): Store => {
    const store = openSqlite(file);
    files.set(store, file);
    return store;
  };
  return {
    name: 'sqlite',
    async open() {
      count += 1;
      const store = openAt(join(folder, `${count}.db`));
      await store.write((tx) => tx.saveSite(DEMO_SITE));
      return store;
    },
    async reopen(store) {
      return openAt(files.get(store) ?? '');
    },
    async cleanup() {
      for (const store of files.keys()) await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Databases of one test file that are used again and again, emptied each time: a test looks at two stores at once, at most. */
export function postgresFixture(): StoreFixture {
  const databases = [0, 1, 2].map(() => lazy(createDatabase));
  const urls = new Map<Store, string>();
  let count = 0;

  async function openAt(url: string): Promise<Store> {
    const store = await openPostgres(url, { writers: 2, readers: 2, idle: 1_000 });
    urls.set(store, url);
    return store;
  }
  async function close(url?: string): Promise<void> {
    for (const [store, at] of urls) {
      if (url !== undefined && at !== url) continue;
      urls.delete(store);
      await store.close();
    }
  }
  return {
    name: 'postgres',
    async open() {
      const url = (await databases[count % databases.length]?.()) ?? '';
      count += 1;
      await close(url);
      const store = await openAt(url);
      await emptyDatabase(url);
      await store.write((tx) => tx.saveSite(DEMO_SITE));
      return store;
    },
    reopen: (store) => openAt(urls.get(store) ?? ''),
    cleanup: () => close(),
  };
}

/** The store that this run of the suites is about. */
export function storeFixture(): StoreFixture {
  return process.env['STORE'] === 'postgres' ? postgresFixture() : sqliteFixture();
}

/** Runs of a property: fewer where each takes the way to another process. */
export function runs(count: number): number {
  return process.env['STORE'] === 'postgres' ? Math.ceil(count / 3) : count;
}

async function emptyDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN ('meta', 'sites')`,
  );
  await client.query([...rows.map(({ name }) => `DELETE FROM ${name}`), `DELETE FROM meta WHERE name <> 'schema'`].join('; '));
  await client.end();
}

/** A store in a database of its own, with the demo site, and a connection beside it. */
export async function openBeside(): Promise<{ store: Store; other: pg.Client }> {
  const url = await createDatabase();
  const store = await openPostgres(url);
  await store.write((tx) => tx.saveSite(DEMO_SITE));
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  return { store, other };
}

/** Makes a database in the tests' cluster. Answers its URL. */
export async function createDatabase(name = `test_${randomUUID().replaceAll('-', '')}`): Promise<string> {
  const url = new URL(await clusterUrl());
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  url.pathname = `/${name}`;
  return url.href;
}

function lazy<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | null = null;
  return () => {
    done ??= work();
    return done;
  };
}

/** Both SQL stores have the same tables, views and columns, but for what PostgreSQL needs for several writers and partitions. */
import Database from 'better-sqlite3';
import pg from 'pg';
import { expect, test } from 'vitest';
import { POSTGRES_MIGRATIONS } from '../../collector/store/migrations/postgres.ts';
import { SQLITE_MIGRATIONS } from '../../collector/store/migrations/sqlite.ts';
import { clusterUrl } from '../postgres-on-demand.ts';

type Columns = Record<string, string[]>;

const ONLY_POSTGRES = { event_keys: ['event_id', 'site_pk'], browsers: ['version'], journal: ['appended_at', 'body', 'journal_pk'] };

function sqliteColumns(): Columns {
  const db = new Database(':memory:');
  for (const step of SQLITE_MIGRATIONS) db.exec(step);
  const rows = db
    .prepare<[], { name: string; column: string }>(
      `SELECT m.name, c.name AS "column" FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'`,
    )
    .all();
  return grouped(rows);
}

async function postgresColumns(): Promise<Columns> {
  const url = new URL(await clusterUrl());
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query('CREATE DATABASE schemas');
  await admin.end();
  url.pathname = '/schemas';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  for (const step of POSTGRES_MIGRATIONS) await client.query(step);
  const { rows } = await client.query<{ name: string; column: string }>(
    `SELECT table_name AS name, column_name AS "column" FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  await client.end();
  return grouped(rows);
}

function grouped(rows: readonly { name: string; column: string }[]): Columns {
  const columns: Columns = {};
  for (const { name, column } of rows) columns[name] = [...(columns[name] ?? []), column].sort();
  return columns;
}

test('SQLite and PostgreSQL have the same tables, views and columns', async () => {
  const sqlite = sqliteColumns();
  expect(Object.keys(sqlite).length).toBeGreaterThan(20);
  for (const [table, columns] of Object.entries(ONLY_POSTGRES)) sqlite[table] = [...(sqlite[table] ?? []), ...columns].sort();
  expect(await postgresColumns()).toEqual(sqlite);
});

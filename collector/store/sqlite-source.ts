/** A SQLite store as what is moved from: read only, in pages of its primary keys. */
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import type { MovedTable, MoveSource, Value } from './migrate-store.ts';
import { openSqlite } from './sqlite.ts';

/** A page ends at so many rows, or so many bytes. */
const PAGE_ROWS = 2_000;
const PAGE_BYTES = 8 << 20;

/** Brings the file's schema up to date first. Throws StartupError. */
export async function openSqliteSource(file: string): Promise<MoveSource> {
  await openSqlite(file).close();
  const db = new Database(file, { readonly: true });
  const names = db
    .prepare<[], { name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid`)
    .all();
  const keys = createHash('sha256');
  for (const { site_pk, email_key, scan_key } of db
    .prepare<[], { site_pk: number; email_key: Buffer; scan_key: Buffer }>('SELECT * FROM sites ORDER BY site_pk LIMIT 1')
    .all())
    keys.update(`${site_pk} ${email_key.toString('hex')} ${scan_key.toString('hex')}`);

  return {
    identity: keys.digest('hex'),
    tables: names.filter(({ name }) => name !== 'meta').map(({ name }) => tableOf(db, name)),
    emptied_to: db.prepare<[], { value: number }>(`SELECT value FROM meta WHERE name = 'emptied_to'`).get()?.value ?? null,
    count: ({ name }) => db.prepare<[], { rows: number }>(`SELECT count(*) AS rows FROM ${name}`).get()?.rows ?? 0,
    async page({ name, columns, key }, after) {
      const where = after ? `WHERE (${key.join(', ')}) > (${key.map(() => '?').join(', ')})` : '';
      const rows = db
        .prepare<unknown[], Value[]>(`SELECT ${columns.join(', ')} FROM ${name} ${where} ORDER BY ${key.join(', ')} LIMIT ${PAGE_ROWS}`)
        .raw();
      const page: Value[][] = [];
      let bytes = 0;
      for (const row of rows.iterate(...(after ?? []))) {
        page.push(row);
        for (const value of row) bytes += typeof value === 'string' || Buffer.isBuffer(value) ? value.length : 8;
        if (bytes > PAGE_BYTES) break;
      }
      return page;
    },
    close: () => void db.close(),
  };
}

function tableOf(db: Database.Database, name: string): MovedTable {
  const columns = db.pragma(`table_info(${name})`) as { name: string; pk: number }[];
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  return { name, columns: columns.map((column) => column.name), key: key.map((column) => column.name) };
}

/** A second, read-only way into a SQLite store, for threads that read while another process or thread writes. */
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { createQueries, type Queries, type Tables } from './queries.ts';

/** Throws what better-sqlite3 throws where the file is not there. */
export function openSqliteReader(file: string): { queries: Queries; close: () => void } {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  db.pragma('cache_size = -16384');
  return { queries: createQueries(new Kysely<Tables>({ dialect: new SqliteDialect({ database: db }) })), close: () => db.close() };
}

/** Ways into a SQLite store for those that only read. */
import Database from 'better-sqlite3';
import { type CompiledQuery, Kysely, type RawBuilder, SqliteDialect } from 'kysely';
import { LRUCache } from 'lru-cache';
import { createQueries, type Queries, type Tables } from './queries.ts';

/** Statements that stay prepared: making one takes as long as running it, and most requests ask the same dozens. */
const PREPARED = 200;

/** Makes statements of queries; its connection is never used. */
const COMPILER = new Kysely<Tables>({ dialect: new SqliteDialect({ database: async () => Promise.reject(new Error('only compiles')) }) });

export const compile = <T>(query: RawBuilder<T>): CompiledQuery<T> => query.compile(COMPILER);

/** Past Kysely's driver, which prepares each statement anew and takes turns where nothing ever waits. */
export function readingQueries(db: Database.Database): Queries {
  const prepared = new LRUCache<string, Database.Statement<unknown[]>>({ max: PREPARED });
  return createQueries(async <T>(query: RawBuilder<T>) => {
    const { sql, parameters } = compile(query);
    let statement = prepared.get(sql);
    if (!statement) {
      statement = db.prepare<unknown[]>(sql);
      prepared.set(sql, statement);
    }
    return statement.all(...parameters) as T[];
  });
}

/** A second way in, for threads that read while another process or thread writes. Throws what better-sqlite3 does without a file. */
export function openSqliteReader(file: string): { queries: Queries; close: () => void } {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  db.pragma('cache_size = -16384');
  return { queries: readingQueries(db), close: () => db.close() };
}

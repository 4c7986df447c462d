/** The journal in PostgreSQL: entries are inserted by themselves, under no lock of the store's, and deleted once they are applied. */
import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';
import { connect, storeError } from './postgres-connect.ts';
import { numbers, prepared } from './postgres-sql.ts';
import type { Journal } from './store.ts';

/** One that appends, one that removes, one that takes over, and VACUUM. */
const CONNECTIONS = 4;
/** Entries taken over in one transaction: they may be large. */
const TAKEN_OVER = 8;
/** Deleted rows after which the table is vacuumed: autovacuum comes by once a minute, and a busy minute leaves a gigabyte of them. */
const VACUUM_AFTER = 5_000;
/** How often it is looked at whether entries are gone. */
const LOOK_MS = 50;

export function createJournal(url: string, options: { query_timeout: number; idle: number }): Journal & { close(): Promise<void> } {
  const pool = connect(url, { max: CONNECTIONS, pipeline: true, ...options });
  let deleted = 0;

  async function run<R extends pg.QueryResultRow>(statement: { name: string; text: string }, values: unknown[]): Promise<R[]> {
    try {
      return (await pool.query<R>({ ...statement, values })).rows;
    } catch (error) {
      throw storeError(error);
    }
  }

  return {
    async append(entry) {
      const [row] = await run<{ journal_pk: number }>(APPEND, [entry]);
      return (row as { journal_pk: number }).journal_pk;
    },
    async remove(entries) {
      await run(REMOVE, [numbers(entries)]);
      deleted += entries.length;
      if (deleted < VACUUM_AFTER) return;
      deleted = 0;
      // Another collector may be at it; a role that may not is warned by the server only.
      pool.query('VACUUM (SKIP_LOCKED) journal').catch(() => undefined);
    },
    async takeOver(age, apply) {
      const client = await pool.connect().catch((error: unknown) => {
        throw storeError(error);
      });
      let sound = false;
      try {
        await client.query('BEGIN');
        const { rows } = await client.query<{ journal_pk: number; body: string }>(OLDEST, [age, TAKEN_OVER]);
        if (rows.length > 0) {
          await apply(rows.map(({ body }) => body));
          await client.query(REMOVE.text, [numbers(rows.map(({ journal_pk }) => journal_pk))]);
        }
        await client.query('COMMIT');
        sound = true;
        return rows.length;
      } catch (error) {
        throw storeError(error);
      } finally {
        // What was not committed ends with the connection.
        client.release(!sound);
      }
    },
    async emptied(within) {
      const [newest] = await run<{ journal_pk: number | null }>(NEWEST, []);
      for (const until = performance.now() + within; ; await wait(LOOK_MS)) {
        const left = newest?.journal_pk == null ? [] : await run(UP_TO, [newest.journal_pk]);
        if (left.length === 0) return true;
        if (performance.now() > until) return false;
      }
    },
    close: () => pool.end(),
  };
}

const NEWEST = prepared('SELECT max(journal_pk) AS journal_pk FROM journal');
const UP_TO = prepared('SELECT 1 FROM journal WHERE journal_pk <= $1 LIMIT 1');
const APPEND = prepared('INSERT INTO journal (body) VALUES ($1) RETURNING journal_pk');
/** Not those that somebody has in hand: who does removes them. */
const REMOVE = prepared(
  `DELETE FROM journal WHERE journal_pk IN (
     SELECT journal_pk FROM journal WHERE journal_pk = ANY($1::bigint[]) ORDER BY journal_pk FOR UPDATE SKIP LOCKED
   )`,
);
const OLDEST = `SELECT journal_pk, body FROM journal WHERE appended_at <= clock_timestamp() - $1 * interval '1 millisecond'
   ORDER BY journal_pk LIMIT $2 FOR UPDATE SKIP LOCKED`;

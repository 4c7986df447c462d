/** Keeping a PostgreSQL store: a partition of events for each month of receipt, and dropping what is older than it has to be kept. */
import type { Pool } from 'pg';
import { LOCKS } from './postgres-connect.ts';
import { numbers, prepared } from './postgres-sql.ts';
import type { TxContext } from './postgres-tx.ts';
import type { Tx } from './store.ts';

/** Months for which a partition is made before they begin. */
const AHEAD = 2;

export interface Partitions {
  /** Makes the partitions for these times where they are missing, and those of the months to come. */
  ensure(received_at: Iterable<number>): Promise<void>;
}

/** How often a new store is looked at, and links with which its statistics are worth having. */
const NEW_MS = 5_000;
const NEW_LINKS = 1_000;

/**
 * Until autovacuum first comes by, a minute or more, PostgreSQL knows nothing of what a new store's tables hold, and takes seconds for
 * what it then does in milliseconds. So the collector asks for statistics once. Answers how to stop.
 */
export function analyzeOnceGrown(pool: Pool): () => void {
  const timer = setInterval(() => void look().catch(() => undefined), NEW_MS).unref();

  async function look(): Promise<void> {
    const { rows } = await pool.query<{ links: number; known: boolean }>(
      `SELECT n_live_tup AS links, coalesce(last_analyze, last_autoanalyze) IS NOT NULL AS known
       FROM pg_stat_user_tables WHERE relid = 'links'::regclass`,
    );
    const [{ links, known } = { links: 0, known: false }] = rows;
    if (known) clearInterval(timer);
    else if (links >= NEW_LINKS) await pool.query('ANALYZE');
  }

  return () => clearInterval(timer);
}

/** Partitions are made on a connection of their own, before a transaction needs them: their lock would wait for its. */
export function createPartitions(pool: Pool): Partitions {
  const made = new Set<number>();
  let making: Promise<void> = Promise.resolve();

  async function make(months: readonly number[]): Promise<void> {
    const client = await pool.connect();
    try {
      await client.query('SELECT pg_advisory_lock($1)', [LOCKS.schema]);
      for (const month of months) {
        const name = `events_${nameOf(month)}`;
        const { rows } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
        // Attached, not created as a part: that would wait for every reader of events.
        if (!rows[0]?.there)
          await client.query(`BEGIN; CREATE TABLE ${name} (LIKE events INCLUDING ALL);
            ALTER TABLE events ATTACH PARTITION ${name} FOR VALUES FROM (${startOf(month)}) TO (${startOf(month + 1)}); COMMIT`);
        made.add(month);
      }
      await client.query('SELECT pg_advisory_unlock($1)', [LOCKS.schema]);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  return {
    async ensure(received_at) {
      const missing = new Set<number>();
      let newest = Number.NEGATIVE_INFINITY;
      for (const time of received_at) {
        const month = monthOf(time);
        if (!made.has(month)) missing.add(month);
        newest = Math.max(newest, month);
      }
      // Those to come are wanted only when the last one was needed: a clock that is wrong for a moment makes no more than these.
      if (missing.size === 0) return;
      for (let month = newest; month <= newest + AHEAD; month += 1) if (!made.has(month)) missing.add(month);
      const turn = making.then(() => make([...missing].sort((a, b) => a - b)));
      making = turn.catch(() => undefined);
      await turn;
    },
  };
}

/** Months since 1970. */
function monthOf(time: number): number {
  const date = new Date(time);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
}

const startOf = (month: number): number => Date.UTC(1970, month, 1);

function nameOf(month: number): string {
  const start = new Date(startOf(month));
  return `${String(start.getUTCFullYear()).padStart(4, '0')}_${String(start.getUTCMonth() + 1).padStart(2, '0')}`;
}

export function createUpkeepStatements({ session }: TxContext): Pick<Tx, 'dropFailed' | 'dropOld'> {
  return {
    async dropFailed(failed_pks) {
      session.send(DROP_FAILED, [numbers(failed_pks)]);
    },
    async dropOld(before, limit) {
      // Of several collectors one at a time goes on from where the last one was.
      session.send(KEEP_CURSOR);
      const [cursor] = await session.query<{ value: number }>(CURSOR);
      const rows = await session.query<{ event_pk: number; received_at: number }>(PAGE, [cursor?.value ?? 0, limit]);
      const young = rows.findIndex(({ received_at }) => received_at >= before);
      const old = young < 0 ? rows : rows.slice(0, young);
      const to = old.at(-1)?.event_pk;
      const events = to === undefined ? 0 : (await session.query(EMPTY, [cursor?.value ?? 0, to])).length;
      if (to !== undefined) session.send(MOVE_CURSOR, [to]);
      const failed = (await session.query(DROP_OLD_FAILED, [before, limit])).length;
      return { events, failed, done: old.length < limit && failed < limit };
    },
  };
}

const DROP_FAILED = prepared('DELETE FROM failed_events WHERE failed_pk = ANY($1::bigint[])');
const DROP_OLD_FAILED = prepared(
  `DELETE FROM failed_events WHERE failed_pk IN (SELECT failed_pk FROM failed_events WHERE received_at < $1 LIMIT $2) RETURNING failed_pk`,
);
const KEEP_CURSOR = prepared(`INSERT INTO meta (name, value) VALUES ('emptied_to', 0) ON CONFLICT DO NOTHING`);
const CURSOR = prepared(`SELECT value FROM meta WHERE name = 'emptied_to' FOR UPDATE`);
const MOVE_CURSOR = prepared(`UPDATE meta SET value = $1 WHERE name = 'emptied_to'`);
const PAGE = prepared('SELECT event_pk, received_at FROM events WHERE event_pk > $1 ORDER BY event_pk LIMIT $2');
const EMPTY = prepared(
  `UPDATE events e SET payload = '' WHERE e.event_pk > $1 AND e.event_pk <= $2 AND e.type <> 'scan'
     AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.site_pk = e.site_pk AND c.event_id = e.event_id)
     AND NOT EXISTS (SELECT 1 FROM sessions s JOIN barriers b ON b.browser_pk = s.browser_pk AND b.time = e.time AND b.event_id = e.event_id
       WHERE s.session_pk = e.session_pk)
     AND NOT EXISTS (SELECT 1 FROM barriers b WHERE b.browser_pk = e.browser_pk AND b.time = e.time AND b.event_id = e.event_id)
   RETURNING e.event_pk`,
);

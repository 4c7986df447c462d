/** A PostgreSQL database as what a store is moved into: closed to collectors until the move is whole. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { Problem } from '../errors.ts';
import type { MovedTable, MoveTarget, Value } from './migrate-store.ts';
import { connect, LOCKS, migrate, UNFINISHED_MOVE } from './postgres-connect.ts';
import { type RowParameters, rowParameters } from './postgres-sql.ts';
import { createPartitions } from './postgres-upkeep.ts';

const PAGE_ROWS = 2_000;
/** What was stopped or killed a moment ago may still have a statement under way. */
const TRIES = 50;
const TRY_MS = 100;

interface Progress {
  rows: number;
  after: Value[];
}

/** `restart`: takes out again what an earlier run put in. Throws StartupError, or a Problem that says why nothing can be moved here. */
export async function openPostgresTarget(
  url: string,
  { identity, tables, restart }: { identity: string; tables: readonly MovedTable[]; restart: boolean },
): Promise<MoveTarget> {
  const named = new URL(url);
  named.searchParams.set('application_name', 'footfall migrate-store');
  const pool = connect(named.href, { max: 2, query_timeout: 0, pipeline: false, idle: 30_000 });
  let client: PoolClient | undefined;
  try {
    await migrate(pool, url, 'unfinished move');
    client = await pool.connect();
    await lock(client);
    await claim(client, { identity, tables, restart });
    return await target(pool, client, tables);
  } catch (error) {
    client?.release(true);
    await pool.end();
    throw error;
  }
}

async function target(pool: Pool, client: PoolClient, tables: readonly MovedTable[]): Promise<MoveTarget> {
  const partitions = createPartitions(pool);
  const inserts = new Map<string, { text: string; parameters: RowParameters }>();
  const identities: { table: string; column: string }[] = [];
  for (const table of tables) {
    const found = await columnsOf(client, table.name);
    const missing = table.columns.filter((column) => !found.has(column));
    if (missing.length > 0) throw new Problem(500, `${table.name} has no ${missing.join(', ')} in PostgreSQL`);
    for (const [column, { identity }] of found) if (identity) identities.push({ table: table.name, column });
    const parameters = rowParameters(table.columns.map((column) => `${column} ${found.get(column)?.type}`).join(', '));
    inserts.set(table.name, {
      parameters,
      text: `INSERT INTO ${table.name} (${table.columns.join(', ')}) SELECT ${table.columns.join(', ')} FROM ${parameters.from}`,
    });
  }
  const begun = await readProgress(client);

  return {
    progress: ({ name }) => begun.get(name) ?? null,
    async put(table, rows, progress) {
      const insert = inserts.get(table.name);
      if (!insert) throw new Error(`${table.name} was not looked at`);
      const place = (column: string): number => table.columns.indexOf(column);
      if (table.name === 'events') await partitions.ensure(rows.map((row) => Number(row[place('received_at')])));
      await client.query('BEGIN');
      try {
        await client.query(insert.text, insert.parameters.values(rows));
        if (table.name === 'events')
          await client.query(
            `INSERT INTO event_keys (event_id, site_pk) SELECT event_id, site_pk FROM ${KEYS.from}`,
            KEYS.values(rows.map((row) => [row[place('event_id')], row[place('site_pk')]])),
          );
        await client.query(PUT_PROGRESS, [table.name, progress.rows, JSON.stringify(progress.after)]);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
      begun.set(table.name, progress);
    },
    async page({ name, columns, key }, after) {
      const where = after ? `WHERE (${key.join(', ')}) > (${key.map((_, index) => `$${index + 1}`).join(', ')})` : '';
      const { rows } = await client.query<Value[]>({
        text: `SELECT ${columns.join(', ')} FROM ${name} ${where} ORDER BY ${key.join(', ')} LIMIT ${PAGE_ROWS}`,
        values: [...(after ?? [])],
        rowMode: 'array',
      });
      return rows;
    },
    async unmatchedKeys() {
      const { rows } = await client.query<{ unmatched: number }>(
        `SELECT count(*) AS unmatched FROM (SELECT event_id, site_pk FROM events) e
         FULL JOIN event_keys k ON k.event_id = e.event_id AND k.site_pk = e.site_pk WHERE e.event_id IS NULL OR k.event_id IS NULL`,
      );
      return rows[0]?.unmatched ?? 0;
    },
    async finish(emptied_to) {
      await client.query('ANALYZE');
      await client.query('BEGIN');
      for (const { table, column } of identities)
        await client.query(
          `SELECT setval(pg_get_serial_sequence('${table}', '${column}'), max(${column})) FROM ${table} HAVING max(${column}) IS NOT NULL`,
        );
      if (emptied_to !== null) await client.query(`INSERT INTO meta (name, value) VALUES ('emptied_to', $1)`, [emptied_to]);
      await client.query(`DROP TABLE ${UNFINISHED_MOVE}`);
      await client.query('COMMIT');
    },
    async close() {
      client.release(true);
      await pool.end();
    },
  };
}

/** One move at a time into a database, for as long as this connection lives. */
async function lock(client: PoolClient): Promise<void> {
  await atLast('Another move into this database is under way', async () => {
    const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [LOCKS.move]);
    return rows[0]?.got ?? false;
  });
}

/** Tries until it is so, for a few seconds. */
async function atLast(otherwise: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (await isSo()) return;
    await wait(TRY_MS);
  }
  throw new Problem(409, otherwise);
}

/** Makes the database this move's, if it is empty or was so already. */
async function claim(
  client: PoolClient,
  { identity, tables, restart }: { identity: string; tables: readonly MovedTable[]; restart: boolean },
): Promise<void> {
  await client.query('BEGIN');
  try {
    // A collector that starts now waits, and then finds it closed.
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCKS.schema]);
    await atLast('A collector is connected to the target: stop it first', async () => {
      await client.query('SELECT pg_stat_clear_snapshot()');
      const { rows } = await client.query<{ used: boolean }>(
        `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'footfall') AS used`,
      );
      return rows[0]?.used === false;
    });
    const { rows: unfinished } = await client.query<{ there: boolean }>(`SELECT to_regclass('${UNFINISHED_MOVE}') IS NOT NULL AS there`);
    if (unfinished[0]?.there) {
      const { rows } = await client.query<{ after: string }>(`SELECT after FROM ${UNFINISHED_MOVE} WHERE name = ''`);
      if (rows[0]?.after !== identity && !restart)
        throw new Problem(409, 'The target holds an unfinished move of another store; --restart takes that out and begins with this one');
      if (restart)
        await client.query(
          `TRUNCATE ${tables.map(({ name }) => name).join(', ')}, event_keys; DELETE FROM ${UNFINISHED_MOVE};
           INSERT INTO ${UNFINISHED_MOVE} VALUES ('', 0, '${identity}')`,
        );
    } else {
      for (const { name } of tables) {
        const { rows } = await client.query<{ filled: boolean }>(`SELECT EXISTS (SELECT 1 FROM ${name}) AS filled`);
        if (rows[0]?.filled) throw new Problem(409, `The target is not empty: its table ${name} has rows. Move into a new database`);
      }
      await client.query(
        `CREATE TABLE ${UNFINISHED_MOVE} (name text PRIMARY KEY, rows bigint NOT NULL, after text NOT NULL);
         INSERT INTO ${UNFINISHED_MOVE} VALUES ('', 0, '${identity}')`,
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function readProgress(client: PoolClient): Promise<Map<string, Progress>> {
  const { rows } = await client.query<{ name: string; rows: number; after: string }>(
    `SELECT name, rows, after FROM ${UNFINISHED_MOVE} WHERE name <> ''`,
  );
  return new Map(rows.map(({ name, rows: count, after }) => [name, { rows: count, after: JSON.parse(after) as Value[] }]));
}

async function columnsOf(client: PoolClient, table: string): Promise<Map<string, { type: string; identity: boolean }>> {
  const { rows } = await client.query<{ name: string; type: string; identity: boolean }>(
    `SELECT attname AS name, format_type(atttypid, NULL) AS type, attidentity <> '' AS identity
     FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  return new Map(rows.map(({ name, ...column }) => [name, column]));
}

const KEYS = rowParameters('event_id text, site_pk bigint');
const PUT_PROGRESS = `INSERT INTO ${UNFINISHED_MOVE} (name, rows, after) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET rows = excluded.rows, after = excluded.after`;

/** Connections to PostgreSQL, what their errors mean, and the schema brought up to date by whichever collector comes first. */
import pg from 'pg';
import { StartupError, StoreUnavailable } from '../errors.ts';
import { POSTGRES_MIGRATIONS } from './migrations/postgres.ts';

/** Locks of the whole database, by number. */
export const LOCKS = {
  schema: 0x466f_6f74_0001,
  identity: 0x466f_6f74_0002,
  feed: 0x466f_6f74_0003,
  codes: 0x466f_6f74_0004,
  move: 0x466f_6f74_0005,
} as const;

/** The table that stands in a database for as long as a store is being moved into it: how far that is. */
export const UNFINISHED_MOVE = 'unfinished_move';

const CONNECT_MS = 5_000;

/** `pipeline`: statements are sent without waiting for the answer to the one before. */
export function connect(url: string, more: { max: number; query_timeout: number; pipeline: boolean; idle: number }): pg.Pool {
  const { max, query_timeout, pipeline, idle } = more;
  const settings: pg.PoolConfig & { pipeline: boolean } = {
    ...{ connectionString: url, max, query_timeout, pipeline, connectionTimeoutMillis: CONNECT_MS, idleTimeoutMillis: idle },
    application_name: 'footfall',
    // An acknowledgement is fsynced, whatever the server's default; plans for a few rows are not worth compiling. What writes looks up
    // rows by their keys, always: a plan made while a table was empty must not read it from end to end for ever after.
    options: `-c synchronous_commit=on -c jit=off${pipeline ? ' -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off' : ''}`,
    keepAlive: true,
    types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
  };
  const pool = new pg.Pool(settings);
  // A connection that breaks, used or unused: who waits for its answer is told, and the pool makes another.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}

/** Counts, times and keys are numbers here; all stay far below 2^53. */
function parserOf(oid: number, format?: 'text' | 'binary'): unknown {
  return oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC ? Number : pg.types.getTypeParser(oid, format);
}

/** Of another transaction that wanted the same at the same time: the whole transaction may be tried again. */
export function isConflict(error: unknown): boolean {
  return ['40001', '40P01', '23505', '55P03'].includes(codeOf(error));
}

export function storeError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === '53100') return new StoreUnavailable('full', { cause: error });
  // Connections refused, broken or timed out, a server that starts or stops, a standby, one without memory or sound files.
  const away = /^(?:08|53|57P|58|XX|28|3D|25006)/.test(code) || /^E[A-Z]+$/.test(code) || isBroken(error);
  return away ? new StoreUnavailable('down', { cause: error }) : error;
}

/** Whether the connection itself is of no more use. */
export function isBroken(error: unknown): boolean {
  const { message = '' } = error instanceof Error ? error : {};
  return (
    /timeout|terminated|not queryable|Connection ended|closed|after calling end/i.test(message) && !/^[0-9A-Z]{5}$/.test(codeOf(error))
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Makes the schema, or brings it up to date; one collector does it while the others wait. Throws StartupError, also of an unfinished move. */
export async function migrate(pool: pg.Pool, url: string, allowed?: 'unfinished move'): Promise<void> {
  const named = nameOf(url);
  const client = await pool.connect().catch((error: Error) => {
    throw new StartupError(`DATABASE_URL=${named}: ${reasonOf(error)}`);
  });
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCKS.schema]);
    if (!allowed) await refuseUnfinished(client, named);
    await steps(client, named);
    await client.query('SELECT pg_advisory_unlock($1)', [LOCKS.schema]);
    client.release();
  } catch (error) {
    // Ends the connection, and so its transaction and its lock.
    client.release(true);
    if (error instanceof StartupError) throw error;
    throw new StartupError(`DATABASE_URL=${named}: the schema cannot be brought up to date (${(error as Error).message})`);
  }
}

async function refuseUnfinished(client: pg.PoolClient, named: string): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('${UNFINISHED_MOVE}') IS NOT NULL AS there`);
  if (rows[0]?.there)
    throw new StartupError(`DATABASE_URL=${named}: a store is being moved here; run footfall migrate-store again to its end`);
}

async function steps(client: pg.PoolClient, named: string): Promise<void> {
  const newest = POSTGRES_MIGRATIONS.length;
  const { rows: found } = await client.query<{ there: boolean }>(`SELECT to_regclass('meta') IS NOT NULL AS there`);
  const { rows } = found[0]?.there ? await client.query<{ value: number }>(`SELECT value FROM meta WHERE name = 'schema'`) : { rows: [] };
  const done = rows[0]?.value ?? 0;
  if (done > newest) throw new StartupError(`DATABASE_URL=${named}: its schema (${done}) is newer than this program (${newest})`);
  for (const [index, step] of POSTGRES_MIGRATIONS.entries()) {
    if (index < done) continue;
    await client.query('BEGIN');
    await client.query(step);
    await client.query(`INSERT INTO meta (name, value) VALUES ('schema', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, [
      index + 1,
    ]);
    await client.query('COMMIT');
  }
}

/** The URL without its password. */
function nameOf(url: string): string {
  if (!URL.canParse(url)) return 'postgres://…';
  const { username, host, pathname } = new URL(url);
  return `postgres://${username && `${username}@`}${host}${pathname}`;
}

function reasonOf(error: Error): string {
  const { errors } = error as AggregateError;
  return (errors?.[0] as Error | undefined)?.message ?? error.message;
}

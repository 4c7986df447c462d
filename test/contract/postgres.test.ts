/** What only PostgreSQL has: locks against other collectors, a server that goes away, and a schema that somebody else may have changed. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StartupError, StoreUnavailable } from '../../collector/errors.ts';
import { applyBatch } from '../../collector/intake/apply.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { openPostgres } from '../../collector/store/postgres.ts';
import { LOCKS } from '../../collector/store/postgres-connect.ts';
import type { Store } from '../../collector/store/store.ts';
import { DAY } from '../../protocol/event.ts';
import { event, T0 } from '../collector/linking/histories.ts';
import { type Cluster, startCluster } from '../postgres.ts';
import { createDatabase, DEMO_SITE, openBeside } from './fixture.ts';
import { accepted, reference, table } from './table.ts';

let store: Store;
let other: pg.Client;
beforeAll(async () => {
  ({ store, other } = await openBeside());
});
afterAll(async () => {
  await other.end();
  await store.close();
});

async function apply(at: Store, ...events: LinkEvent[]): Promise<void> {
  const site_pk = at.sites()[0]?.site_pk ?? 0;
  await at.write((tx) => applyBatch(tx, events.map(accepted), { policy: DEFAULT_POLICY, now: T0, sitePk: () => site_pk }));
}

test.each([
  ['the feed, so that places in it are seen in their order', event('page_view', 0), `${LOCKS.feed}`],
  ['who is who', event('page_view', 1), `${LOCKS.identity}`],
  ['a guest', event('purchase', 2, { email: 'email:x', as: 'C1' }), "hashtextextended('guest 1 email:x', 0)"],
  ['a scan', event('page_view', 3, { scan_id: 'Q1' }), "hashtextextended('scan 1 Q1', 0)"],
])('a transaction waits for another one that holds %s', async (_what, one, lock) => {
  await other.query('BEGIN');
  await other.query(`SELECT pg_advisory_xact_lock(${lock})`);
  let done = false;
  const work = apply(store, one).then(() => {
    done = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(done).toBe(false);
  await other.query('COMMIT');
  await work;
  expect(await store.queries.events({ event_id: one.event_id }, 0, 10)).toHaveLength(1);
});

test('events stand in the partition of the month they were received in, made when it is needed and ahead', async () => {
  await apply(store, event('page_view', 400 * DAY, { session_id: 'later' }));
  const { rows } = await other.query<{ name: string; events: string }>(
    `SELECT e.tableoid::regclass AS name, count(*) AS events FROM events e GROUP BY 1 ORDER BY 1`,
  );
  expect(rows.map(({ name }) => name)).toEqual(['events_2026_11', 'events_2027_12']);
  const { rows: ahead } = await other.query(`SELECT to_regclass('events_2028_02') IS NOT NULL AS there`);
  expect(ahead).toEqual([{ there: true }]);
});

test('a store that has grown has statistics long before autovacuum comes by, which this database never lets in', async () => {
  for (const name of ['links', 'sessions', 'browsers']) await other.query(`ALTER TABLE ${name} SET (autovacuum_enabled = off)`);
  const visits = Array.from({ length: 1_200 }, (_, n) =>
    event('page_view', DAY + n, { anonymous_id: `grown-${n}`, session_id: `grown-${n}` }),
  );
  await apply(store, ...visits);
  const known = async (): Promise<string[]> => {
    const { rows } = await other.query<{ relname: string }>('SELECT relname FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL');
    return rows.map(({ relname }) => relname);
  };
  await expect.poll(known, { timeout: 60_000, interval: 500 }).toEqual(expect.arrayContaining(['links', 'sessions', 'browsers']));
}, 90_000);

test('several collectors that start at once make one schema', async () => {
  const fresh = await createDatabase();
  const stores = await Promise.all(Array.from({ length: 5 }, () => openPostgres(fresh)));
  for (const one of stores) await one.probe(T0);
  for (const one of stores) await one.close();
});

test('a schema newer than the program, wrong credentials and no server stop the start, and no message holds the password', async () => {
  const fresh = await createDatabase();
  await (await openPostgres(fresh)).close();
  const client = new pg.Client({ connectionString: fresh });
  await client.connect();
  await client.query(`UPDATE meta SET value = 99 WHERE name = 'schema'`);
  await client.end();
  await expect(openPostgres(fresh)).rejects.toThrow(/its schema \(99\) is newer than this program/);
  for (const [change, complaint] of [
    [{ username: 'nobody', password: 'hunter2' }, /nobody/],
    [{ port: '1', password: 'hunter2' }, /ECONNREFUSED/],
    [{ pathname: '/nowhere', password: 'hunter2' }, /nowhere/],
  ] as [Partial<URL>, RegExp][]) {
    const error = await openPostgres(Object.assign(new URL(fresh), change).href).then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(StartupError);
    expect((error as Error).message).toMatch(complaint);
    expect((error as Error).message).not.toContain('hunter2');
  }
});

test('what the server refuses is thrown as it is, and leaves the connection sound', async () => {
  const poison = { ...event('page_view', 5), session_id: 'S\u0000' };
  await expect(apply(store, poison)).rejects.toThrow(/0x00/);
  await expect(apply(store, poison)).rejects.not.toBeInstanceOf(StoreUnavailable);
  await apply(store, event('page_view', 6));
});

test('a server that is killed under load and comes back loses and doubles nothing; writing goes on without a restart', async () => {
  const cluster: Cluster = await startCluster({ fsync: true });
  const away = await openPostgres(cluster.url);
  await away.write((tx) => tx.saveSite(DEMO_SITE));
  const events = Array.from({ length: 300 }, (_, n) =>
    event(n % 7 === 0 ? 'login' : 'page_view', n * 1_000, {
      anonymous_id: `K${n % 9}`,
      session_id: 'S1',
      ...(n % 7 === 0 && { as: `C${n % 3}` }),
    }),
  );
  let refused = 0;
  const sendAll = async (share: readonly LinkEvent[]): Promise<void> => {
    for (let at = 0; at < share.length; ) {
      const some = share.slice(at, at + 3);
      try {
        await apply(away, ...some);
        at += 3;
      } catch (error) {
        // As a tag does: told that it was not stored, it sends the same again.
        expect(error).toBeInstanceOf(StoreUnavailable);
        refused += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const load = Promise.all([sendAll(events.slice(0, 150)), sendAll(events.slice(150))]);
  for (let kills = 0; kills < 2; kills += 1) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    const gone = new Promise((resolve) => cluster.process.once('exit', resolve));
    cluster.process.kill('SIGKILL');
    await gone;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await cluster.restart();
  }
  await load;
  console.info(`${refused} transactions were refused while the server was killed twice`);
  expect(refused).toBeGreaterThan(0);
  expect(await table(away)).toEqual(reference(events));
  expect(await away.queries.events({}, 0, 1_000)).toHaveLength(300);
  await away.close();
  await cluster.stop();
});

/** kill -9 under load: whatever was acknowledged is there after a restart, exactly once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createDatabase } from '../../contract/fixture.ts';
import { compare, pause, rounds, startLoad, startProcess, storedIn } from './process.ts';

const ROUNDS = rounds(5);

test.each(['SQLite', 'PostgreSQL'])(
  `over ${ROUNDS} rounds of kill -9, nothing acknowledged is lost or doubled: %s`,
  async (store) => {
    const database_url = store === 'PostgreSQL' ? await createDatabase() : '';
    const data_dir = mkdtempSync(join(tmpdir(), 'footfall-kill-'));
    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { child, url, ended } = await startProcess(data_dir, { DATABASE_URL: database_url });
      const load = startLoad(url, { untilError: true });
      await pause(300 + ((round * 370) % 900));
      child.kill('SIGKILL');
      await ended;
      await load.stop();
      acknowledged.push(...load.acknowledged);
    }
    // What the last life acknowledged and did not apply, the next does.
    const last = await startProcess(data_dir, { DATABASE_URL: database_url });
    last.child.kill('SIGTERM');
    await last.ended;
    const { ids, linked } = await storedIn(data_dir, database_url);
    rmSync(data_dir, { recursive: true });
    const { lost, doubled } = compare(acknowledged, ids);
    console.info(`kill -9, ${store}: ${ROUNDS} rounds, ${acknowledged.length} events acknowledged: lost ${lost}, doubled ${doubled}`);
    expect(acknowledged.length).toBeGreaterThan(100 * ROUNDS);
    expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
    expect(linked, 'the links count what is stored').toBe(ids.size);
  },
  60_000 + ROUNDS * 10_000,
);

test('what a killed collector acknowledged and did not apply, another one on the database does', { timeout: 150_000 }, async () => {
  const database_url = await createDatabase();
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'footfall-kill-')));
  const [dying, living] = await Promise.all(
    folders.map((data_dir) => startProcess(data_dir, { DATABASE_URL: database_url, ADMIN_TOKEN: `sk_${'0'.repeat(43)}` })),
  );
  if (!dying || !living) throw new Error('two were to be started');
  const loads = [startLoad(dying.url, { untilError: true }), startLoad(living.url)];
  await pause(1_000);
  dying.child.kill('SIGKILL');
  await dying.ended;
  await Promise.all(loads.map((load) => load.stop()));
  const acknowledged = loads.flatMap((load) => [...load.acknowledged]);
  const left = async (): Promise<number> => {
    const client = new pg.Client({ connectionString: database_url });
    await client.connect();
    const { rowCount } = await client.query('SELECT 1 FROM journal');
    await client.end();
    return rowCount ?? 0;
  };
  const found = await left();
  await expect.poll(left, { timeout: 60_000 }).toBe(0);
  living.child.kill('SIGTERM');
  await living.ended;
  const { ids, linked } = await storedIn('', database_url);
  for (const folder of folders) rmSync(folder, { recursive: true });
  const { lost, doubled } = compare(acknowledged, ids);
  console.info(
    `kill -9 of one of two collectors: ${acknowledged.length} events acknowledged, ${found} entries left behind: lost ${lost}, doubled ${doubled}`,
  );
  expect(found).toBeGreaterThan(0);
  expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
  expect(linked).toBe(ids.size);
});

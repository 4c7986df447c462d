/** PostgreSQL's journal: who takes over what, what outlives whom, and that what is acknowledged runs ahead of what is applied. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { StoreUnavailable } from '../../collector/errors.ts';
import { directIntake } from '../../collector/intake/direct.ts';
import { type JournaledIntake, openJournaled } from '../../collector/intake/journaled.ts';
import { encodeSubmissions } from '../../collector/intake/submission-json.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { createLog } from '../../collector/log.ts';
import { openPostgres } from '../../collector/store/postgres.ts';
import { LOCKS } from '../../collector/store/postgres-connect.ts';
import type { Journal, Store } from '../../collector/store/store.ts';
import { event, T0 } from '../collector/linking/histories.ts';
import { startServer } from '../collector/server.ts';
import { startCluster } from '../postgres.ts';
import { createDatabase, DEMO_SITE, openBeside } from './fixture.ts';
import { accepted } from './table.ts';

let store: Store;
let journal: Journal;
let other: pg.Client;
beforeAll(async () => {
  ({ store, other } = await openBeside());
  journal = store.journal as Journal;
});
afterAll(async () => {
  await other.end();
  await store.close();
});
beforeEach(async () => {
  await other.query('TRUNCATE journal');
});

const entries = async (): Promise<string[]> =>
  (await other.query<{ body: string }>('SELECT body FROM journal ORDER BY journal_pk')).rows.map(({ body }) => body);

/** Takes over, and waits with each lot until it is told to go on. */
function slowly(age: number) {
  const lots: string[][] = [];
  let goOn = (): void => undefined;
  const told = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const taken = journal.takeOver(age, async (lot) => {
    lots.push([...lot]);
    await told;
  });
  return { lots, taken, goOn: () => goOn() };
}

test('an entry is there once append resolves, and gone once it is removed', async () => {
  const first = await journal.append('{"first":"ü\\u0000"}');
  const second = await journal.append('second');
  expect(await entries()).toEqual(['{"first":"ü\\u0000"}', 'second']);
  await journal.remove([first]);
  expect(await entries()).toEqual(['second']);
  await journal.remove([first, second]);
  expect(await entries()).toEqual([]);
});

test('of two that take over at once each gets other entries; whoever has applied them removes them', async () => {
  const numbers = [];
  for (let n = 0; n < 12; n += 1) numbers.push(await journal.append(`${n}`));
  const one = slowly(0);
  await expect.poll(() => one.lots.length).toBe(1);
  const two = slowly(0);
  await expect.poll(() => two.lots.length).toBe(1);
  expect([...one.lots.flat(), ...two.lots.flat()]).toEqual(numbers.map((_, n) => `${n}`));
  // Their own collector lives after all, and is done with them: it waits for nobody.
  await journal.remove(numbers);
  expect(await entries()).toHaveLength(12);
  one.goOn();
  two.goOn();
  expect([await one.taken, await two.taken]).toEqual([8, 4]);
  expect(await entries()).toEqual([]);
  expect(await slowly(0).taken).toBe(0);
});

test('only what is old enough is taken over, and what cannot be applied stays', async () => {
  await journal.append('young');
  await other.query(`INSERT INTO journal (body, appended_at) VALUES ('old', now() - interval '11 seconds')`);
  await expect(journal.takeOver(10_000, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await entries()).toEqual(['young', 'old']);
  const { lots, taken, goOn } = slowly(10_000);
  goOn();
  expect([await taken, lots]).toEqual([1, [['old']]]);
  expect(await entries()).toEqual(['young']);
});

function openIntake(): Promise<JournaledIntake> {
  const direct = directIntake({ store, policy: DEFAULT_POLICY, transactions: 2, now: Date.now });
  return openJournaled({ journal, direct, sites: store.sites, count: () => undefined, log: createLog('silent'), settle_ms: 1_000 });
}

test('what an earlier life left is applied before the next takes anything; what nobody can read is kept', async () => {
  const left = accepted(event('page_view', 1));
  await journal.append(encodeSubmissions([{ site: 'demo', events: [left], refused: [] }]));
  await journal.append('{"v":2,"of":"a later version"}');
  const next = await openIntake();
  expect(await entries()).toEqual([]);
  expect((await store.queries.events({}, 0, 10)).map(({ event_id }) => event_id)).toEqual([left.event_id]);
  const failed = await store.queries.failed(0, 10);
  expect(failed.map(({ reason, raw }) => [reason, raw.toString()]).sort()).toEqual([['bad_event', '{"v":2,"of":"a later version"}']]);
  await next.close();
});

test('an entry of a site that is not known here stays, and what comes after it is taken', async () => {
  const text = encodeSubmissions([{ site: 'made-elsewhere', events: [accepted(event('page_view', 2))], refused: [] }]);
  await journal.append(text);
  const intake = await openIntake();
  expect(await entries()).toEqual([text]);
  await intake.submit({ site: 'demo', events: [accepted(event('page_view', 3))], refused: [] });
  await intake.close();
  expect(await entries()).toEqual([text]);
});

test('an erasure waits for what any collector acknowledged, and is refused where that takes too long', { timeout: 60_000 }, async () => {
  const database_url = await createDatabase();
  const server = await startServer({ database_url }, { now: T0 }, { erase: 300 });
  const beside = new pg.Client({ connectionString: database_url });
  await beside.connect();
  const login = (n: number) => event('login', n, { anonymous_id: `E${n}`, session_id: `E${n}`, as: 'C9' });
  const append = (...logins: LinkEvent[]) =>
    (server.store.journal as Journal).append(encodeSubmissions([{ site: 'demo', events: logins.map(accepted), refused: [] }]));
  await append(login(1));
  const aged = () => beside.query(`UPDATE journal SET appended_at = now() - interval '1 minute'`);
  await aged();
  await expect.poll(() => server.links('customer_id=C9'), { timeout: 20_000 }).toHaveLength(1);
  // Another collector's, which it has not applied yet.
  await append(login(2));
  const erasing = () => server.send<{ title: string }>('DELETE', '/v1/customers/C9?site=demo');
  expect(await erasing()).toMatchObject({ status: 503, body: { title: expect.stringContaining('not all stored yet') } });
  expect(await server.send('DELETE', '/v1/customers/C9?site=demo&dry_run=1')).toMatchObject({ status: 200 });
  await aged();
  await expect.poll(async () => (await beside.query('SELECT FROM journal')).rowCount, { timeout: 20_000 }).toBe(0);
  expect(await erasing()).toMatchObject({ status: 200, body: { report: { events: 2 } } });
  expect(await server.links('customer_id=C9')).toEqual([]);
  await beside.end();
  await server.close();
});

test('when the store goes away with as much ahead as may be, who waits is told, and close ends', { timeout: 60_000 }, async () => {
  const cluster = await startCluster({ fsync: true });
  const away = await openPostgres(cluster.url);
  await away.write((tx) => tx.saveSite(DEMO_SITE));
  const direct = directIntake({ store: away, policy: DEFAULT_POLICY, transactions: 2, now: Date.now });
  const options = {
    journal: away.journal as Journal,
    direct,
    sites: away.sites,
    count: () => undefined,
    log: createLog('silent'),
    settle_ms: 1_000,
  };
  const intake = await openJournaled(options);
  const blocker = new pg.Client({ connectionString: cluster.url });
  blocker.on('error', () => undefined);
  await blocker.connect();
  await blocker.query(`BEGIN; SELECT pg_advisory_xact_lock(${LOCKS.identity})`);
  let acknowledgements = 0;
  const answers = Array.from({ length: 1_000 }, (_, n) => {
    const one = accepted(event('page_view', 9_000 + n, { anonymous_id: `W${n}` }));
    return intake.submit({ site: 'demo', events: [{ ...one, payload: { title: 'x'.repeat(8_000) } }], refused: [] }).then(
      () => {
        acknowledgements += 1;
        return one.event_id;
      },
      (error: unknown) => error,
    );
  });
  await expect.poll(() => acknowledgements).toBeGreaterThan(0);
  expect(intake.waiting()).toBeGreaterThan(0);
  const gone = new Promise((resolve) => cluster.process.once('exit', resolve));
  cluster.process.kill('SIGKILL');
  await gone;
  const told = await Promise.all(answers);
  const refused = told.filter((one) => one instanceof StoreUnavailable);
  const acknowledged = told.filter((one) => typeof one === 'string');
  expect([refused.length > 0, acknowledged.length > 0, refused.length + acknowledged.length]).toEqual([true, true, 1_000]);
  await intake.close();
  await cluster.restart();
  const next = await openJournaled(options);
  const stored = new Set((await away.queries.events({}, 0, 2_000)).map(({ event_id }) => event_id));
  expect(acknowledged.filter((event_id) => !stored.has(event_id))).toEqual([]);
  await next.close();
  await blocker.end().catch(() => undefined);
  await away.close();
  await cluster.stop();
});

test('while another has the store to itself, events are acknowledged all the same; readers wait a second for them, at most', async () => {
  const intake = await openIntake();
  await other.query(`BEGIN; SELECT pg_advisory_xact_lock(${LOCKS.identity})`);
  const events = Array.from({ length: 30 }, (_, n) => accepted(event('page_view', 1_000 + n, { anonymous_id: `A${n}` })));
  await Promise.all(events.map((one) => intake.submit({ site: 'demo', events: [one], refused: [] })));
  expect(intake.waiting()).toBe(0);
  expect(intake.ahead()).toBeGreaterThan(0);
  const asked = performance.now();
  await intake.settled();
  expect(performance.now() - asked).toBeGreaterThan(900);
  const seen = async (): Promise<number> =>
    (await store.queries.events({}, 0, 100)).filter(({ event_id }) => events.some((one) => one.event_id === event_id)).length;
  expect(await seen()).toBe(0);
  await other.query('COMMIT');
  await expect.poll(() => intake.ahead()).toBe(0);
  expect(await seen()).toBe(30);
  await intake.close();
  expect(await entries()).toEqual([]);
});

test('no more runs ahead than memory allows: the next submissions wait for their acknowledgement', async () => {
  const intake = await openIntake();
  await other.query(`BEGIN; SELECT pg_advisory_xact_lock(${LOCKS.identity})`);
  let answered = 0;
  const submit = async (n: number): Promise<void> => {
    const one = accepted(event('page_view', 5_000 + n, { anonymous_id: `L${n}` }));
    await intake.submit({ site: 'demo', events: [{ ...one, payload: { title: 'x'.repeat(8_000) } }], refused: [] });
    answered += 1;
  };
  const all = Promise.all(Array.from({ length: 1_500 }, (_, n) => submit(n)));
  await expect.poll(() => answered).toBeGreaterThan(100);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(answered).toBeLessThan(1_500);
  expect(intake.ahead()).toBeLessThan(16 * 1024 * 1024);
  await other.query('COMMIT');
  await all;
  await intake.close();
  expect(await entries()).toEqual([]);
});

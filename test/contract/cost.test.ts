/** What linking may cost: counted in rows, not in time. */
import { afterAll, expect, test } from 'vitest';
import type { AcceptedEvent } from '../../collector/domain/accepted-event.ts';
import { applyBatch } from '../../collector/intake/apply.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import type { SavedBrowser, Store, Tx } from '../../collector/store/store.ts';
import { DAY, HOUR } from '../../protocol/event.ts';
import { event } from '../collector/linking/histories.ts';
import { storeFixture } from './fixture.ts';

const fixture = storeFixture();
afterAll(() => fixture.cleanup());

interface Cost {
  /** Rows of the links table that were written or deleted, and entries of the change feed. */
  rows: number;
  changes: number;
  /** Sessions that were loaded because a boundary reaches them, and sessions read again from their events. */
  reached: number;
  refolded: number;
}

/** The real transaction, with a look at what passes through it. */
function watched(tx: Tx, cost: Cost): Tx {
  return {
    ...tx,
    async loadSessionsWithin(...args) {
      const answer = await tx.loadSessionsWithin(...args);
      cost.reached += answer.session_ids.length;
      return answer;
    },
    async eventsOf(record, session_ids) {
      cost.refolded += session_ids.size;
      return tx.eventsOf(record, session_ids);
    },
    async saveBrowsers(saved: readonly SavedBrowser[], ...rest) {
      for (const { changes } of saved.flatMap(({ sessions }) => sessions)) {
        cost.rows += changes.writes.length + changes.gone.length;
        cost.changes += changes.writes.filter(({ change }) => change).length + changes.gone.length;
      }
      return tx.saveBrowsers(saved, ...rest);
    },
  };
}

async function costOf(store: Store, ...events: LinkEvent[]): Promise<Cost> {
  const cost: Cost = { rows: 0, changes: 0, reached: 0, refolded: 0 };
  const site_pk = store.sites()[0]?.site_pk ?? 0;
  await store.write((tx) => {
    // A store may have to begin again.
    Object.assign(cost, { rows: 0, changes: 0, reached: 0, refolded: 0 });
    return applyBatch(watched(tx, cost), events.map(accepted), { policy: DEFAULT_POLICY, now: 0, sitePk: () => site_pk });
  });
  return cost;
}

const accepted = (of: LinkEvent): AcceptedEvent => ({
  ...of,
  received_at: of.time,
  device: { device_type: 'desktop', browser: '', os: '', bot: false },
  payload: { url: 'https://shop.example/' },
  scan_flag: null,
});

test('a plain event in a known session touches one row and no other session', async () => {
  const store = await fixture.open();
  for (let n = 0; n < 50; n += 1) await costOf(store, event('page_view', n * HOUR, { session_id: `S${n}` }));
  expect(await costOf(store, event('page_view', 49 * HOUR + 1, { session_id: 'S49' }))).toEqual({
    rows: 1,
    changes: 0,
    reached: 0,
    refolded: 0,
  });
});

test('a login on a browser with 1,000 sessions judges those in the window and writes only rows that change', async () => {
  const store = await fixture.open();
  const sessions = Array.from({ length: 1_000 }, (_, n) => event('page_view', n * 6 * HOUR, { session_id: `S${n}` }));
  await costOf(store, ...sessions);
  // 250 days of a session every 6 hours: 30 days before the login hold 120 of them, and it has one of its own.
  const at = 1_000 * 6 * HOUR;
  const first = await costOf(store, event('login', at, { session_id: 'L1', as: 'C1' }));
  expect(first).toEqual({ rows: 121, changes: 121, reached: 120, refolded: 0 });
  // The same person again: nothing that is linked changes, though all are judged.
  const second = await costOf(store, event('login', at + 1, { session_id: 'L2', as: 'C1' }));
  expect(second.rows).toBe(1);
  // A login in the middle of the past changes what lies in its window only.
  const middle = await costOf(store, event('login', 500 * 6 * HOUR + 1, { session_id: 'L3', as: 'C2' }));
  expect(middle.reached).toBe(240);
  expect(middle.rows).toBe(241);
});

test('a customer on many browsers: merging them with an id seen elsewhere judges no browser again', async () => {
  const store = await fixture.open();
  const many = fixture.name === 'postgres' ? 3_000 : 10_000;
  for (let from = 0; from < many; from += 1_000)
    await costOf(
      store,
      ...Array.from({ length: 1_000 }, (_, n) =>
        event('login', 0, { anonymous_id: `B${from + n}`, session_id: `S${from + n}`, as: 'staff' }),
      ),
    );
  const { decide } = await import('../../collector/intake/decide.ts');
  const { relinkQueued } = await import('../../collector/intake/relink.ts');
  const site_pk = store.sites()[0]?.site_pk ?? 0;
  const cost: Cost = { rows: 0, changes: 0, reached: 0, refolded: 0 };
  const said = { site: 'demo', site_pk, author: 'test', reason: 'test', now: 0 };
  await store.write(async (tx) => {
    await decide(
      watched(tx, cost),
      { ...said, statement: { type: 'merge', customers: ['staff', 'card-1'], into: 'card-1' } },
      DEFAULT_POLICY,
    );
    expect(await relinkQueued(watched(tx, cost), DEFAULT_POLICY, 0)).toBe(true);
  });
  expect(cost).toEqual({ rows: 0, changes: 0, reached: 0, refolded: 0 });
  const [row] = await store.queries.links({ anonymous_id: 'B77', bots: true }, null, 1);
  expect(row?.link).toMatchObject({ customer_id: 'staff', person_id: 'card-1' });

  // As a hub it loses all its links, in portions: no transaction judges more than it may.
  await store.write((tx) => decide(tx, { ...said, statement: { type: 'hub', customer_id: 'staff' } }, DEFAULT_POLICY));
  let portions = 0;
  for (let done = false; !done; portions += 1) {
    const portion: Cost = { rows: 0, changes: 0, reached: 0, refolded: 0 };
    done = await store.write((tx) => relinkQueued(watched(tx, portion), DEFAULT_POLICY, 0));
    expect(portion.rows).toBeLessThanOrEqual(1_000);
  }
  expect(portions).toBeGreaterThan(many / 1_000 - 1);
  expect(await store.queries.links({ status: 'linked' }, null, 10)).toEqual([]);
});

test('a browser with 100,000 sessions takes a login in portions, and comes out as the reference says', async () => {
  const store = await fixture.open();
  const count = 100_000;
  for (let from = 0; from < count; from += 5_000)
    await costOf(store, ...Array.from({ length: 5_000 }, (_, n) => event('page_view', (from + n) * 1_000, { session_id: `S${from + n}` })));
  const started = performance.now();
  const cost = await costOf(store, event('login', count * 1_000 + DAY, { session_id: 'L', as: 'C1' }));
  const first = performance.now() - started;
  expect(cost.rows).toBeLessThanOrEqual(2_001);
  const { relinkQueued } = await import('../../collector/intake/relink.ts');
  let longest = first;
  for (let done = false; !done; ) {
    const at = performance.now();
    done = await store.write((tx) => relinkQueued(tx, DEFAULT_POLICY, 0));
    longest = Math.max(longest, performance.now() - at);
  }
  console.info(`the longest transaction of a login on a browser with ${count} sessions took ${longest.toFixed(0)} ms`);
  expect(await store.queries.links({ status: 'anonymous' }, null, 10)).toEqual([]);
  const [row] = await store.queries.links({ session_id: 'S0' }, null, 1);
  expect(row?.link).toMatchObject({ customer_id: 'C1', rule: 'device_before' });
});

/** What a store holds after any history equals the reference: any order, duplicates, batches, and a restart between any two. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { Problem } from '../../collector/errors.ts';
import { applyBatch } from '../../collector/intake/apply.ts';
import { decide, type Statement } from '../../collector/intake/decide.ts';
import { relinkQueued } from '../../collector/intake/relink.ts';
import type { Decision, LinkEvent } from '../../collector/linking/event.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import type { Store } from '../../collector/store/store.ts';
import { historyArbitrary, T0 } from '../collector/linking/histories.ts';
import { runs, storeFixture } from './fixture.ts';
import { accepted, createCopy, linksOf, reference, table } from './table.ts';

const fixture = storeFixture();
afterAll(() => fixture.cleanup());

async function apply(store: Store, events: readonly LinkEvent[]): Promise<void> {
  const site_pk = store.sites()[0]?.site_pk ?? 0;
  await store.write((tx) => applyBatch(tx, events.map(accepted), { policy: DEFAULT_POLICY, now: T0, sitePk: () => site_pk }));
}

const history = historyArbitrary({ scans: true, maxLength: 16 });

test('after every event, the table is what the reference says of the events so far', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (events) => {
      const store = await fixture.open();
      for (let count = 1; count <= events.length; count += 1) {
        await apply(store, events.slice(count - 1, count));
        expect(await table(store)).toEqual(reference(events.slice(0, count)));
      }
    }),
    { numRuns: runs(60) },
  );
});

test('order, duplicates, batches and crashes between them never matter', async () => {
  const disturbed = history.chain((events) =>
    fc.record({
      events: fc.constant(events),
      arrivals: fc.shuffledSubarray([...events, ...events, ...events], { minLength: events.length }),
      sizes: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      crashes: fc.array(fc.boolean(), { minLength: 1 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(disturbed, async ({ events, arrivals, sizes, crashes }) => {
      let store = await fixture.open();
      const all = [...arrivals, ...events];
      for (let at = 0, turn = 0; at < all.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        await apply(store, all.slice(at, at + size));
        at += size;
        if (crashes[turn % crashes.length]) store = await fixture.reopen(store);
      }
      expect(await table(store)).toEqual(reference(events));
    }),
    { numRuns: runs(60) },
  );
});

test('of a code that claims once the first claimed scan counts, in any order, revoked or not', async () => {
  const dense = historyArbitrary({ scans: true, uses: true, maxLength: 12 });
  let spent = 0;
  await fc.assert(
    fc.asyncProperty(
      dense.chain((events) => fc.tuple(fc.shuffledSubarray([...events, ...events], { minLength: events.length }), fc.constant(events))),
      fc.constantFrom('scan3', 'scan4', null),
      async ([arrivals, events], target) => {
        let store = await fixture.open();
        const all = [...arrivals, ...events];
        for (const [count, event] of all.entries()) {
          await apply(store, [event]);
          if (count === arrivals.length >> 1) store = await fixture.reopen(store);
          expect(await table(store)).toEqual(reference(all.slice(0, count + 1), await decisionsIn(store)));
          if (target && count === all.length >> 1) await say(store, { type: 'revoke', target } as Statement, events);
          await settle(store);
        }
        const rows = await table(store);
        expect(rows).toEqual(reference(events, await decisionsIn(store)));
        const letters = rows.flatMap(({ scans }) => scans).filter(({ code }) => code === 'LETTER');
        if (letters.length > 1) spent += 1;
        expect(rows.filter(({ evidence_event_id }) => /^scan[34]$/.test(evidence_event_id ?? '')).length).toBeLessThanOrEqual(1);
      },
    ),
    { numRuns: runs(100) },
  );
  expect(spent).toBeGreaterThan(0);
});

test('a consumer that follows the change feed holds the same links', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (events) => {
      const store = await fixture.open();
      const copy = createCopy();
      for (const event of events) {
        await apply(store, [event]);
        copy.take(await store.queries.changesSince(copy.position(), 1_000, null));
      }
      expect(copy.links()).toEqual(await linksOf(store));
    }),
    { numRuns: runs(60) },
  );
});

const customer = fc.constantFrom('C1', 'C2', 'C3', 'email:a', 'email:b');
/** Statements about few things, so that they contradict, repeat and undo each other; `revoke` counts back from the last decision. */
const statement = fc.oneof(
  fc
    .tuple(fc.uniqueArray(customer, { minLength: 2, maxLength: 3 }), fc.nat(2))
    .map(([customers, n]): Statement => ({ type: 'merge', customers, into: customers[n % customers.length] ?? '' })),
  fc.constantFrom('B1', 'B2').map((anonymous_id): Statement => ({ type: 'kiosk', anonymous_id })),
  customer.map((customer_id): Statement => ({ type: 'hub', customer_id })),
  fc.nat(3).map((back) => ({ type: 'revoke_decision' as const, back })),
  fc.nat(99).map((n) => ({ type: 'revoke_claim' as const, n })),
);

async function say(
  store: Store,
  said: Exclude<typeof statement extends fc.Arbitrary<infer T> ? T : never, never>,
  known: readonly LinkEvent[],
): Promise<void> {
  const site_pk = store.sites()[0]?.site_pk ?? 0;
  const work = store.write(async (tx) => {
    const decisions = await tx.decisions(site_pk);
    const claims = known.filter(({ claim }) => claim);
    const real: Statement =
      said.type === 'revoke_decision'
        ? { type: 'revoke', target: decisions.at(-1 - said.back)?.decision_id ?? 'dec_none' }
        : said.type === 'revoke_claim'
          ? { type: 'revoke', target: claims[said.n % Math.max(1, claims.length)]?.event_id ?? 'none' }
          : said;
    await decide(tx, { site: 'demo', site_pk, statement: real, author: 'test', reason: 'test', now: T0 }, DEFAULT_POLICY);
    // A small budget, so that the queue is worked on in several transactions.
    await relinkQueued(tx, DEFAULT_POLICY, T0, 1);
  });
  // What names nothing known, or is said already, is refused and leaves everything as it was.
  await work.catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
  });
}

async function settle(store: Store): Promise<void> {
  while (!(await store.write((tx) => relinkQueued(tx, DEFAULT_POLICY, T0, 2))));
}

const decisionsIn = (store: Store): Promise<Decision[]> => store.write((tx) => tx.decisions(store.sites()[0]?.site_pk ?? 0));

test('events and statements in any order, crashes between them: the table is what the reference says', async () => {
  const steps = history.chain((events) =>
    fc.record({
      events: fc.constant(events),
      said: fc.array(fc.tuple(fc.nat(events.length), statement), { maxLength: 6 }),
      crashes: fc.array(fc.boolean(), { minLength: 1 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(steps, async ({ events, said, crashes }) => {
      let store = await fixture.open();
      for (let count = 0; count <= events.length; count += 1) {
        for (const [, what] of said.filter(([at]) => at === count)) await say(store, what, events.slice(0, count));
        if (crashes[count % crashes.length]) store = await fixture.reopen(store);
        if (count < events.length) await apply(store, events.slice(count, count + 1));
      }
      await settle(store);
      expect(await table(store)).toEqual(reference(events, await decisionsIn(store)));
    }),
    { numRuns: runs(120) },
  );
});

test('revoking anything equals never having said it; merge then revoke restores', async () => {
  const steps = fc.record({ events: history, said: statement });
  await fc.assert(
    fc.asyncProperty(steps, async ({ events, said }) => {
      const store = await fixture.open();
      for (const event of events) await apply(store, [event]);
      await settle(store);
      const before = await table(store);
      await say(store, said, events);
      await settle(store);
      const [decision] = await decisionsIn(store);
      if (!decision) return;
      await say(store, { type: 'revoke_decision', back: 0 }, events);
      await settle(store);
      expect(await table(store)).toEqual(before);
    }),
    { numRuns: runs(60) },
  );
});

test('a revoked claim equals the same event without its customer', async () => {
  await fc.assert(
    fc.asyncProperty(history, fc.nat(99), async (events, n) => {
      const claims = events.filter(({ claim }) => claim);
      const target = claims[n % Math.max(1, claims.length)];
      if (!target) return;
      const [store, other] = [await fixture.open(), await fixture.open()];
      for (const event of events) {
        await apply(store, [event]);
        await apply(other, [event === target ? { ...event, claim: null } : event]);
      }
      await say(store, { type: 'revoke', target: target.event_id } as Statement, events);
      await settle(store);
      expect(await table(store)).toEqual(await table(other));
    }),
    { numRuns: runs(40) },
  );
});

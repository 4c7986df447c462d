/** Erasure as a law: afterwards, and after any replay, the links are what the reference says of the events that are left. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { AcceptedEvent } from '../../collector/domain/accepted-event.ts';
import { applyBatch } from '../../collector/intake/apply.ts';
import { decide } from '../../collector/intake/decide.ts';
import { erase } from '../../collector/intake/erase.ts';
import { relinkQueued } from '../../collector/intake/relink.ts';
import { tombstoneOf } from '../../collector/intake/tombstone.ts';
import { standing } from '../../collector/linking/decisions.ts';
import type { Decision, LinkEvent } from '../../collector/linking/event.ts';
import { type Link, link } from '../../collector/linking/link.ts';
import { compareKeys, keyBefore, keyOf } from '../../collector/linking/order.ts';
import { persons } from '../../collector/linking/person.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { claimerOf } from '../../collector/linking/scan.ts';
import type { Store } from '../../collector/store/store.ts';
import { historyArbitrary, T0 } from '../collector/linking/histories.ts';
import { runs, storeFixture } from './fixture.ts';

const fixture = storeFixture();
afterAll(() => fixture.cleanup());

const accepted = (event: LinkEvent): AcceptedEvent => ({
  ...event,
  received_at: event.time,
  device: { device_type: 'desktop', browser: 'Firefox', os: 'Linux', bot: false },
  payload: { url: 'https://shop.example/', ...(event.scan_id && { scan: event.scan_id }) },
  scan_flag: null,
});

const siteOf = (store: Store) => store.sites()[0] as NonNullable<ReturnType<Store['sites']>[0]>;

async function apply(store: Store, events: readonly LinkEvent[]): Promise<void> {
  const { site_pk, email_key } = siteOf(store);
  const context = {
    policy: DEFAULT_POLICY,
    now: T0,
    sitePk: () => site_pk,
    tombstone: (_: string, id: string) => tombstoneOf(id, email_key),
  };
  await store.write((tx) => applyBatch(tx, events.map(accepted), context));
}

async function merge(store: Store, customers: string[]): Promise<void> {
  const { site_pk } = siteOf(store);
  const statement = { type: 'merge', customers, into: customers[0] ?? '' } as const;
  await store.write(async (tx) => {
    await decide(tx, { site: 'demo', site_pk, statement, author: 'test', reason: 'test', now: T0 }, DEFAULT_POLICY);
    await relinkQueued(tx, DEFAULT_POLICY, T0, Number.MAX_SAFE_INTEGER);
  });
}

/** What a link says, without the ids of erased events, which are keyed hashes now. */
function said(
  row: Pick<
    Link,
    'anonymous_id' | 'session_id' | 'segment' | 'status' | 'customer_id' | 'person_id' | 'rule' | 'events' | 'page_views' | 'owners'
  > & {
    evidence_event_id: string | null;
    candidates: readonly { customer_id: string; evidence_event_id: string; gap_ms: number }[];
  },
): object {
  const { anonymous_id, session_id, segment, status, customer_id, person_id, rule, events, page_views, owners, evidence_event_id } = row;
  const candidates = row.candidates.map((candidate) => [candidate.customer_id, candidate.evidence_event_id, candidate.gap_ms]);
  return {
    anonymous_id,
    session_id,
    segment,
    status,
    customer_id,
    person_id,
    rule,
    events,
    page_views,
    owners,
    evidence_event_id,
    candidates,
  };
}

const place = (row: object): string => JSON.stringify(row);

async function table(store: Store): Promise<object[]> {
  const rows: object[] = [];
  for await (const row of store.queries.allLinks({ bots: true })) rows.push(said(row));
  return rows.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** The events as they are once this person is erased: their own are stubs, which are nobody's and in no session. */
function left(events: readonly LinkEvent[], decisions: readonly Decision[], person: string, keyed: (id: string) => string): LinkEvent[] {
  const { merges, hubs, revoked_claims } = standing(decisions);
  const live = events.map((event) => (revoked_claims.has(event.event_id) ? { ...event, claim: null } : event));
  const pairs = live.flatMap(({ claim }) => (claim?.email && claim.email !== claim.customer_id ? [{ ...claim, email: claim.email }] : []));
  const personOf = persons(merges, pairs, hubs);
  const isTheirs = (id: string | null | undefined): boolean => id !== null && id !== undefined && (personOf.get(id) ?? id) === person;
  const links = link(events, decisions, DEFAULT_POLICY).filter(({ person_id }) => person_id === person);
  const gone = new Set<string>();
  for (const event of events) {
    const key = keyOf(event);
    const inside = links.some(
      (row) =>
        row.anonymous_id === event.anonymous_id &&
        row.session_id === event.session_id &&
        compareKeys(row.first, key) <= 0 &&
        compareKeys(key, row.last) <= 0,
    );
    if (isTheirs(event.claim?.customer_id) || (!event.scan && inside)) gone.add(event.event_id);
  }
  for (const scan of events.filter((event) => event.scan)) {
    const claimer = claimerOf(
      scan,
      events.filter((event) => event.scan_id === scan.event_id && event.session_id !== null && event.anonymous_id !== null),
    );
    if (!claimer) continue;
    const key = keyBefore(keyOf(claimer));
    const inside = links.some(
      (row) =>
        row.anonymous_id === claimer.anonymous_id &&
        row.session_id === claimer.session_id &&
        compareKeys(row.first, key) <= 0 &&
        compareKeys(key, row.last) <= 0,
    );
    if (inside || gone.has(claimer.event_id)) gone.add(scan.event_id);
  }
  const emails = new Set(live.filter(({ event_id }) => !gone.has(event_id)).flatMap(({ claim }) => claim?.email ?? []));
  return events.flatMap((event): LinkEvent[] => {
    const own = gone.has(event.event_id);
    if (!own) return [isTheirs(event.claim?.email) && event.claim ? { ...event, claim: { ...event.claim, email: null } } : event];
    const { claim, anonymous_id } = event;
    const shared = claim?.email && !isTheirs(claim.email) && emails.has(claim.email) ? claim.email : null;
    const owns = claim && !revoked_claims.has(event.event_id) && !hubs.has(claim.customer_id) && !event.scan;
    const owner =
      owns && (claim.strength !== 'carried' || shared)
        ? { customer_id: `erased:${anonymous_id}`, email: shared, strength: claim.strength }
        : null;
    const facts = { page_view: false, products: [], order: null, device_type: null, bot: false, page: null };
    return [
      {
        ...event,
        event_id: keyed(event.event_id),
        type: 'erased',
        session_id: null,
        claim: owner,
        scan_id: null,
        scan: null,
        facts,
        ...(event.scan && { anonymous_id: null }),
      },
    ];
  });
}

test('erasing anybody leaves what the reference says of the rest, and no replay brings anything back', async () => {
  const steps = historyArbitrary({ scans: true, maxLength: 18 }).chain((events) =>
    fc.record({
      events: fc.constant(events),
      who: fc.constantFrom('C1', 'C2', 'C3', 'email:a'),
      merged: fc.boolean(),
      replay: fc.shuffledSubarray(events),
      crash: fc.boolean(),
    }),
  );
  let erased = 0;
  let others = 0;
  await fc.assert(
    fc.asyncProperty(steps, async ({ events, who, merged, replay, crash }) => {
      let store = await fixture.open();
      const { site_pk, email_key } = siteOf(store);
      for (const event of events) await apply(store, [event]);
      if (merged) await merge(store, ['C1', 'C3']);
      const decisions = await store.write((tx) => tx.decisions(site_pk));
      const person_id = await store.queries.personOf('demo', who);
      const work = { erasure_id: 'ers_1', site: 'demo', site_pk, email_key, customer_id: who, author: 'test', now: T0 };
      const done = await store.write((tx) => erase(tx, work, DEFAULT_POLICY));
      if (!done) return;
      erased += 1;
      if (crash) store = await fixture.reopen(store);
      const standingNow = await store.write((tx) => tx.decisions(site_pk));
      const rest = left(events, decisions, person_id, (id) => tombstoneOf(id, email_key) ?? id);
      const expected = link(rest, standingNow, DEFAULT_POLICY)
        .map(said)
        .sort((a, b) => (place(a) < place(b) ? -1 : 1));
      if (expected.length > 0) others += 1;
      expect(await table(store)).toEqual(expected);
      await apply(store, replay);
      expect(await table(store)).toEqual(expected);
    }),
    { numRuns: runs(120) },
  );
  expect(erased).toBeGreaterThan(runs(30));
  expect(others).toBeGreaterThan(runs(20));
});

/** What a store holds after any history equals the reference: any order, duplicates, batches, and a restart between any two. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { applyBatch } from '../../collector/intake/apply.ts';
import type { AcceptedEvent } from '../../collector/intake/enrich.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { type Link, link } from '../../collector/linking/link.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { salesOf } from '../../collector/linking/segment.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import type { Store } from '../../collector/store/store.ts';
import { historyArbitrary, T0 } from '../collector/linking/histories.ts';
import { sqliteFixture } from './fixture.ts';

const fixture = sqliteFixture();
afterAll(() => fixture.cleanup());

const accepted = (event: LinkEvent): AcceptedEvent => ({
  ...event,
  received_at: event.time,
  device: { device_type: 'desktop', browser: 'Firefox', os: 'Linux', bot: false },
  payload: { url: 'https://shop.example/', ...(event.scan_id && { scan: event.scan_id }) },
  scan_flag: null,
});

async function apply(store: Store, events: readonly LinkEvent[]): Promise<void> {
  const site_pk = store.sites()[0]?.site_pk ?? 0;
  await store.write((tx) => applyBatch(tx, events.map(accepted), { policy: DEFAULT_POLICY, now: T0, sitePk: () => site_pk }));
}

type Told = Omit<LinkRow, 'link_version' | 'changed_at' | 'cause_event_id' | 'landing_page' | 'referrer' | 'channel' | 'source' | 'medium' | 'campaign' | 'click_id'>;

const byPlace = (a: Told, b: Told): number => {
  const place = ({ anonymous_id, session_id, segment }: Told): string => `${anonymous_id} ${session_id} ${segment}`;
  return place(a) < place(b) ? -1 : 1;
};

async function table(store: Store): Promise<Told[]> {
  const rows: Told[] = [];
  for await (const row of store.queries.allLinks({ bots: true })) {
    const { link_version: _v, changed_at: _c, cause_event_id: _e, landing_page: _p, referrer: _r, channel: _n, ...rest } = row;
    const { source: _s, medium: _m, campaign: _a, click_id: _i, ...told } = rest;
    rows.push(told);
  }
  return rows.sort(byPlace);
}

function reference(links: readonly Link[], person = (customer_id: string) => customer_id): Told[] {
  return links
    .map(({ first: _f, last: _l, details, landing_event_id: _e, candidates, ...row }) => ({
      ...row,
      candidates: candidates.map((candidate) => ({ ...candidate, person_id: person(candidate.customer_id) })),
      scans: details?.scans.map(([, scan]) => scan) ?? [],
      products: details?.products ?? [],
      ...salesOf(details),
    }))
    .sort(byPlace);
}

const history = historyArbitrary({ scans: true, maxLength: 16 }).map((events) => events.filter(({ claim }) => !claim?.email));

test('after every event, the table is what the reference says of the events so far', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (events) => {
      const store = await fixture.open();
      for (let count = 1; count <= events.length; count += 1) {
        await apply(store, events.slice(count - 1, count));
        expect(await table(store)).toEqual(reference(link(events.slice(0, count), [], DEFAULT_POLICY)));
      }
    }),
    { numRuns: 150 },
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
      expect(await table(store)).toEqual(reference(link(events, [], DEFAULT_POLICY)));
    }),
    { numRuns: 150 },
  );
});

test('a consumer that follows the change feed holds the same links', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (events) => {
      const store = await fixture.open();
      const held = new Map<string, object>();
      let position = 0;
      for (const event of events) {
        await apply(store, [event]);
        for (const change of await store.queries.changesSince(position, 1_000, null)) {
          expect(change.position).toBeGreaterThan(position);
          position = change.position;
          const { anonymous_id, session_id, segment } = change.link ?? change.old ?? {};
          const key = `${anonymous_id} ${session_id} ${segment}`;
          if (change.type === 'delete') held.delete(key);
          else if (change.link) held.set(key, linkOf(change.link));
        }
      }
      const expected = (await table(store)).map((row) => [`${row.anonymous_id} ${row.session_id} ${row.segment}`, linkOf(row)] as const);
      expect(new Map([...held].sort())).toEqual(new Map([...expected].sort()));
    }),
    { numRuns: 150 },
  );
});

const linkOf = ({ status, customer_id, person_id, rule, strength, evidence_event_id, candidates }: Told): object => ({
  status,
  customer_id,
  person_id,
  rule,
  strength,
  evidence_event_id,
  candidates,
});

/** The incremental engine equals the reference after every event, in any order. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Arrival, advance, type BrowserState, newBrowser, sessionsToRefold } from '../../../collector/linking/browser.ts';
import { takeChanges } from '../../../collector/linking/changes.ts';
import type { LinkEvent } from '../../../collector/linking/event.ts';
import { type Link, link } from '../../../collector/linking/link.ts';
import { keyOf } from '../../../collector/linking/order.ts';
import { DEFAULT_POLICY, type LinkingPolicy } from '../../../collector/linking/policy.ts';
import { historyArbitrary } from './histories.ts';

const arrivalOf = (event: LinkEvent): Arrival => ({ event, key: keyOf(event), person: event.claim?.customer_id ?? '', hub: false });

/** Feeds batches to one engine per browser and keeps the rows that it says to write. */
function engine(policy: LinkingPolicy) {
  type Browser = { state: BrowserState; events: Arrival[]; rows: Map<string, unknown> };
  const browsers = new Map<string, Browser>();
  return {
    feed(batch: readonly LinkEvent[]) {
      for (const anonymous_id of new Set(batch.map((event) => event.anonymous_id ?? ''))) {
        if (!browsers.has(anonymous_id)) browsers.set(anonymous_id, { state: newBrowser(), events: [], rows: new Map() });
        const browser = browsers.get(anonymous_id) as Browser;
        const arrivals = batch.filter((event) => event.anonymous_id === anonymous_id).map(arrivalOf);
        browser.events.push(...arrivals);
        const refolds = [...sessionsToRefold(browser.state, arrivals)].map(
          (session_id) => [session_id, browser.events.filter(({ event }) => event.session_id === session_id)] as const,
        );
        for (const session of advance(browser.state, arrivals, new Map(refolds), policy)) {
          const { writes, gone } = takeChanges(session);
          for (const { segment, content } of writes) browser.rows.set(`${session.session_id} ${segment}`, plain(content, content.outcome));
          for (const { segment } of gone) browser.rows.delete(`${session.session_id} ${segment}`);
        }
      }
    },
    table: () =>
      [...browsers]
        .flatMap(([anonymous_id, { rows }]) => [...rows].map(([key, row]) => [`${anonymous_id} ${key}`, row] as const))
        .sort(byKey),
  };
}

const plain = (content: object, outcome: object): object => {
  const { outcome: _outcome, dirty: _dirty, ...rest } = { ...content, ...outcome } as Record<string, unknown>;
  return rest;
};
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
const reference = (links: Link[]) =>
  links
    .map(
      ({ site: _s, anonymous_id, session_id, segment, person_id: _p, landing_event_id: _l, policy_version: _v, ...row }) =>
        [`${anonymous_id} ${session_id} ${segment}`, row] as const,
    )
    .sort(byKey);

/** Without guests' e-mails: who a guest is depends on other browsers, which the store's property covers. */
const history = historyArbitrary().map((events) => events.filter(({ claim }) => !claim?.email));

test('after every event of any history, the engine holds what the reference says', () => {
  fc.assert(
    fc.property(history, fc.constantFrom('soft', 'hard'), (events, logout) => {
      const policy: LinkingPolicy = { ...DEFAULT_POLICY, logout: logout as 'soft' | 'hard' };
      const { feed, table } = engine(policy);
      events.forEach((event, index) => {
        feed([event]);
        expect(table()).toEqual(reference(link(events.slice(0, index + 1), [], policy)));
      });
    }),
    { numRuns: 300 },
  );
});

test('any batching gives the same', () => {
  fc.assert(
    fc.property(history, fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1 }), (events, sizes) => {
      const { feed, table } = engine(DEFAULT_POLICY);
      for (let at = 0, turn = 0; at < events.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        feed(events.slice(at, at + size));
        at += size;
      }
      expect(table()).toEqual(reference(link(events, [], DEFAULT_POLICY)));
    }),
    { numRuns: 300 },
  );
});

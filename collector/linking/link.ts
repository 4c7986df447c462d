/**
 * The reference: `link(events, decisions, policy)`, a pure function of a set. It is written to be read beside docs/linking.md,
 * not to be fast: production runs browser.ts, and properties hold the two together after every prefix of a history.
 */
import { type Standing, standing } from './decisions.ts';
import { binds, compareStrength, type Decision, type LinkEvent } from './event.ts';
import { compareKeys, type Key, keyBefore, keyOf } from './order.ts';
import { type Candidate, type ClaimPoint, judge, linkedBy, type Outcome, type Side } from './outcome.ts';
import { type GuestPair, persons } from './person.ts';
import type { LinkingPolicy } from './policy.ts';
import { claimerOf, spentScans } from './scan.ts';
import { addEvent, type Content, contentOf } from './segment.ts';

/** One row of the links table: a segment, what is in it and whose it is. */
export interface Link extends Outcome, Content {
  site: string;
  anonymous_id: string;
  session_id: string;
  segment: number;
  person_id: string | null;
  /** The session's first event that shows a page: its landing, referrer and campaign are the session's. */
  landing_event_id: string | null;
  policy_version: number;
}

interface Placed {
  key: Key;
  event: LinkEvent;
}

/** Sorted by (site, anonymous_id, session_id, segment). Events of one (site, event_id) count once: the first given. */
export function link(events: readonly LinkEvent[], decisions: readonly Decision[], policy: LinkingPolicy): Link[] {
  const links: Link[] = [];
  for (const [site, ofSite] of groupBy(firstCopies(events), (event) => event.site)) {
    const said = standing(decisions.filter((decision) => decision.site === site));
    const kept = ofSite.map((event) => (said.revoked_claims.has(event.event_id) ? { ...event, claim: null } : event));
    const personOf = personsOf(kept, said);
    for (const placed of groupBy([...placeScans(kept), ...kept.flatMap(onBrowser)], ({ event }) => event.anonymous_id).values())
      links.push(...linkBrowser(placed, said, personOf, policy));
  }
  return links.sort(
    (a, b) => order(a.site, b.site) || order(a.anonymous_id, b.anonymous_id) || order(a.session_id, b.session_id) || a.segment - b.segment,
  );
}

/** R1. */
function firstCopies(events: readonly LinkEvent[]): LinkEvent[] {
  const copies = new Map<string, LinkEvent>();
  for (const event of events) {
    const key = `${event.site} ${event.event_id}`;
    if (!copies.has(key)) copies.set(key, event);
  }
  return [...copies.values()];
}

function onBrowser(event: LinkEvent): Placed[] {
  return event.anonymous_id === null || event.scan ? [] : [{ key: keyOf(event), event }];
}

/** R8 and R10. */
function personsOf(events: readonly LinkEvent[], { merges, hubs }: Standing): (customer_id: string) => string {
  const pairs = events.flatMap(({ claim }): GuestPair[] =>
    claim?.email && claim.email !== claim.customer_id
      ? [{ email: claim.email, customer_id: claim.customer_id, strength: claim.strength }]
      : [],
  );
  const known = persons(merges, pairs, hubs);
  return (customer_id) => known.get(customer_id) ?? customer_id;
}

/** R11: each scan joins the session whose event carried its token first. */
function placeScans(events: readonly LinkEvent[]): Placed[] {
  const carriers = groupBy(
    events.filter((event) => event.scan_id !== null && event.anonymous_id !== null && event.session_id !== null),
    (event) => event.scan_id,
  );
  const claimed = events
    .filter((event) => event.scan)
    .flatMap((scan) => {
      const claimer = claimerOf(scan, carriers.get(scan.event_id) ?? []);
      return claimer ? [{ scan, claimer }] : [];
    });
  const uses = groupBy(
    claimed.filter(({ scan }) => scan.single_use),
    ({ scan }) => scan.scan?.code,
  );
  const spent = new Set([...uses.values()].flatMap(spentScans));
  return claimed.map((placed) => {
    const { anonymous_id, session_id, time } = placed.claimer;
    const scan = spent.has(placed) ? { ...placed.scan, claim: null } : placed.scan;
    return { key: keyBefore(keyOf(placed.claimer)), event: { ...scan, anonymous_id, session_id, time } };
  });
}

interface Segment {
  session_id: string;
  segment: number;
  placed: Placed[];
}

function linkBrowser(
  unsorted: readonly Placed[],
  { kiosks, hubs }: Standing,
  personOf: (customer_id: string) => string,
  policy: LinkingPolicy,
): Link[] {
  const placed = [...unsorted].sort((a, b) => compareKeys(a.key, b.key));
  const declared_kiosk = placed.some(({ event }) => event.kiosk || kiosks.has(event.anonymous_id ?? ''));
  const barriers = placed.filter(({ event }) => event.barrier !== null);
  const claims = placed.flatMap(({ key, event }) =>
    event.claim && binds(event.claim) && !hubs.has(event.claim.customer_id) ? [claimPoint(key, event)] : [],
  );

  function claimPoint(key: Key, event: LinkEvent): ClaimPoint {
    const { customer_id = '', strength = 'stated' } = event.claim ?? {};
    return {
      key,
      event_id: event.event_id,
      customer_id,
      strength,
      person: personOf(customer_id),
      type: event.type,
      occurred_at: event.occurred_at,
    };
  }

  /** R5: where a session is cut. */
  function segmentsOf(session_id: string, events: readonly Placed[]): Segment[] {
    const segments: Segment[] = [];
    let current: Segment | null = null;
    let owner: string | null = null;
    for (const item of events) {
      const last: Key | undefined = current?.placed.at(-1)?.key;
      if (last && barriers.some(({ key }) => compareKeys(last, key) <= 0 && compareKeys(key, item.key) < 0)) current = owner = null;
      const claim = claims.find(({ key }) => key === item.key);
      if (claim) {
        if (owner !== null && owner !== claim.person) current = null;
        owner = claim.person;
      }
      if (!current) {
        current = { session_id, segment: segments.length, placed: [] };
        segments.push(current);
      }
      current.placed.push(item);
    }
    return segments;
  }

  /** R5: the claim that a segment is linked by, if it holds one. */
  function ownClaim(segment: Segment): ClaimPoint | undefined {
    return segment.placed
      .flatMap(({ key, event }) => (event.claim && !hubs.has(event.claim.customer_id) ? [claimPoint(key, event)] : []))
      .sort((a, b) => compareStrength(b.strength, a.strength) || compareKeys(a.key, b.key))[0];
  }

  /** R6. */
  function fromAround(segment: Segment): Outcome {
    const first = (segment.placed[0] as Placed).key;
    const last = (segment.placed.at(-1) as Placed).key;
    const gapTo = ({ key }: ClaimPoint): number =>
      compareKeys(key, first) < 0 ? first.time - key.time : Math.max(0, key.time - last.time);
    const near = claims.filter((claim) => gapTo(claim) <= policy.window);
    const prevClaim = near.filter(({ key }) => compareKeys(key, last) < 0).at(-1);
    const nextClaim = near.find(({ key }) => compareKeys(key, first) > 0);
    const side = (claim: ClaimPoint | undefined, from: Key | undefined, to: Key | undefined): Side | null => {
      if (!claim || !from || !to) return null;
      const between = barriers.filter(({ key }) => compareKeys(from, key) <= 0 && compareKeys(key, to) < 0);
      const barrier = between.some(({ event }) => event.barrier === 'hard') ? 'hard' : between.length > 0 ? 'soft' : 'none';
      return { claim, gap: gapTo(claim), barrier };
    };
    const candidates = (): Candidate[] => {
      const nearest = [...near].sort((a, b) => gapTo(a) - gapTo(b) || compareKeys(a.key, b.key));
      return nearest
        .filter((claim, index) => nearest.findIndex(({ person }) => person === claim.person) === index)
        .map((claim) => ({ customer_id: claim.customer_id, evidence_event_id: claim.event_id, gap_ms: gapTo(claim) }));
    };
    return judge(
      {
        declared_kiosk,
        prev: side(prevClaim, prevClaim?.key, first),
        next: side(nextClaim, last, nextClaim?.key),
        owners: Math.min(policy.kiosk_owners, new Set(near.map(({ person }) => person)).size),
        candidates,
      },
      policy,
    );
  }

  return [
    ...groupBy(
      placed.filter(({ event }) => event.session_id !== null),
      ({ event }) => event.session_id,
    ),
  ].flatMap(([session_id, events]) =>
    segmentsOf(session_id ?? '', events).map((segment): Link => {
      const own = ownClaim(segment);
      const outcome = own ? linkedBy('session', own, 0, 1) : fromAround(segment);
      const [head, ...rest] = segment.placed as [Placed, ...Placed[]];
      const content = contentOf(head.event, head.key);
      for (const { event, key } of rest) addEvent(content, event, key);
      return {
        site: head.event.site,
        anonymous_id: head.event.anonymous_id ?? '',
        session_id: segment.session_id,
        segment: segment.segment,
        ...content,
        ...outcome,
        person_id: outcome.customer_id === null ? null : personOf(outcome.customer_id),
        landing_event_id: events.find(({ event }) => event.facts.page)?.event.event_id ?? null,
        policy_version: policy.version,
      };
    }),
  );
}

function groupBy<T, K>(items: Iterable<T>, keyOfItem: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

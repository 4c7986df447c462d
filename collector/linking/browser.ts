/**
 * The incremental engine: what one browser's new events change in its segments and links. It equals link.ts after every
 * event (a property test), at the cost of what changed: a plain event touches its own segment only, a claim or barrier the
 * segments within the window of it. A session is read again from its events only where a new cut falls inside what it holds.
 */
import type { Millis } from '../../protocol/event.ts';
import { type Barrier, binds, compareStrength, type LinkEvent, type Page } from './event.ts';
import { compareKeys, type Key, lowerBound } from './order.ts';
import { type Candidate, type ClaimPoint, judge, linkedBy, type Outcome, type Side, sameOutcome, unlinked } from './outcome.ts';
import type { LinkingPolicy } from './policy.ts';
import { addEvent, type Content, contentOf } from './segment.ts';

/** A claim on this browser. `binding` is false for a carried one and a hub's (R5, R6). */
export interface ClaimAt extends ClaimPoint {
  session_id: string | null;
  binding: boolean;
  hub: boolean;
}

export interface BarrierAt {
  key: Key;
  barrier: Barrier;
}

export interface SegmentState extends Content {
  outcome: Outcome;
  /** Content differs from the stored row. */
  dirty: boolean;
}

/** What the links table holds of a segment, to tell what changed. */
export interface StoredLink {
  segment: SegmentState;
  first: Key;
  last: Key;
  outcome: Outcome;
  link_version: number;
}

export interface SessionState {
  session_id: string;
  segments: SegmentState[];
  /** Row `n` of the links table is segment `n`. */
  stored: StoredLink[];
  /** The session's first event that shows a page: `landing` its key, `landing_page` where it is new. */
  landing: Key | null;
  landing_page: Page | null;
}

/** All boundaries of one browser, and those of its sessions that were asked for, each whole. */
export interface BrowserState {
  declared_kiosk: boolean;
  claims: ClaimAt[];
  binding: ClaimAt[];
  barriers: BarrierAt[];
  sessions: Map<string, SessionState>;
  /** Where runs of one person's binding claims end; made when asked for. */
  runs: { after: Int32Array; before: Int32Array } | null;
}

/** An event at its place on a browser. */
export interface Placed {
  event: LinkEvent;
  key: Key;
}

/** One that is new to it: its claim's person looked up. */
export interface Arrival extends Placed {
  person: string;
  hub: boolean;
}

export function newBrowser(): BrowserState {
  return { declared_kiosk: false, claims: [], binding: [], barriers: [], sessions: new Map(), runs: null };
}

export function newSession(session_id: string): SessionState {
  return { session_id, segments: [], stored: [], landing: null, landing_page: null };
}

/** The span of `time` in which these arrivals may change other sessions' links, or null: those sessions must be in the state. */
export function reachOf(state: BrowserState, arrivals: readonly Arrival[], policy: LinkingPolicy): { from: Millis; to: Millis } | null {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const { event, key, hub } of arrivals) {
    if (event.kiosk && !state.declared_kiosk) return { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    if (!event.barrier && !(event.claim && binds(event.claim) && !hub)) continue;
    from = Math.min(from, key.time - policy.window);
    to = Math.max(to, key.time + policy.window);
  }
  return from <= to ? { from, to } : null;
}

/** The sessions that these arrivals cut inside what they hold: their events must be read again and handed to `advance`. */
export function sessionsToRefold(state: BrowserState, arrivals: readonly Arrival[]): Set<string> {
  const refold = new Set<string>();
  for (const { event, key, hub } of arrivals) {
    const own = event.session_id === null ? undefined : state.sessions.get(event.session_id);
    const end = own?.segments.at(-1)?.last;
    if (own && end && event.claim && binds(event.claim) && !hub && compareKeys(key, end) < 0) refold.add(own.session_id);
    if (!event.barrier) continue;
    for (const { session_id, segments } of state.sessions.values())
      if (segments.some(({ first, last }) => compareKeys(first, key) < 0 && compareKeys(key, last) < 0)) refold.add(session_id);
  }
  return refold;
}

/**
 * Takes the arrivals into the state. `refolded` holds all events (these included) of each session that `sessionsToRefold` named,
 * or that lost one. Returns the sessions touched; what changed in them is told by `changesOf`.
 */
export function advance(
  state: BrowserState,
  arrivals: readonly Arrival[],
  refolded: ReadonlyMap<string, readonly Placed[]>,
  policy: LinkingPolicy,
): Set<SessionState> {
  const touched = new Map<SegmentState, SessionState>();
  const reach = reachOf(state, arrivals, policy);
  for (const arrival of arrivals) addBoundary(state, arrival);

  for (const [session_id, events] of refolded) {
    const session = sessionOf(state, session_id);
    Object.assign(session, { segments: [], landing: null, landing_page: null });
    for (const arrival of [...events].sort((a, b) => compareKeys(a.key, b.key)))
      touched.set(addToSession(state, session, arrival), session);
  }
  for (const arrival of arrivals.length > 1 ? [...arrivals].sort((a, b) => compareKeys(a.key, b.key)) : arrivals) {
    const { session_id } = arrival.event;
    if (session_id === null || refolded.has(session_id)) continue;
    const session = sessionOf(state, session_id);
    touched.set(addToSession(state, session, arrival), session);
  }
  for (const [segment, { session_id }] of touched) segment.outcome = outcomeOf(state, session_id, segment, policy);
  const sessions = new Set(touched.values());
  for (const session_id of refolded.keys()) sessions.add(sessionOf(state, session_id));
  if (reach) for (const session of reevaluate(state, reach.from, reach.to, policy)) sessions.add(session);
  return sessions;
}

/** Judges again every loaded segment that touches the span; returns the sessions in which an outcome is another than before. */
export function reevaluate(state: BrowserState, from: Millis, to: Millis, policy: LinkingPolicy): Set<SessionState> {
  const changed = new Set<SessionState>();
  for (const session of state.sessions.values()) {
    for (const segment of session.segments) {
      if (segment.last.time < from || segment.first.time > to) continue;
      const outcome = outcomeOf(state, session.session_id, segment, policy);
      if (sameOutcome(outcome, segment.outcome)) continue;
      segment.outcome = outcome;
      segment.dirty = true;
      changed.add(session);
    }
  }
  return changed;
}

function sessionOf(state: BrowserState, session_id: string): SessionState {
  let session = state.sessions.get(session_id);
  if (!session) {
    session = newSession(session_id);
    state.sessions.set(session_id, session);
  }
  return session;
}

/** Takes a claim, a barrier or a kiosk's mark into the state; a no-op for what is there already. */
export function addBoundary(state: BrowserState, { event, key, person, hub }: Arrival): void {
  if (event.kiosk) state.declared_kiosk = true;
  if (event.barrier) insert(state.barriers, { key, barrier: event.barrier });
  if (!event.claim) return;
  const { customer_id, strength } = event.claim;
  const binding = binds(event.claim) && !hub;
  const claim = { key, event_id: event.event_id, customer_id, person, strength, type: event.type, occurred_at: event.occurred_at };
  const at: ClaimAt = { ...claim, session_id: event.session_id, binding, hub };
  insert(state.claims, at);
  if (!binding) return;
  insert(state.binding, at);
  state.runs = null;
}

/** Takes the claim of this event out of the state: it was revoked, or its scan moved. */
export function dropClaim(state: BrowserState, event_id: string): void {
  state.claims = state.claims.filter((claim) => claim.event_id !== event_id);
  state.binding = state.binding.filter((claim) => claim.event_id !== event_id);
  state.runs = null;
}

function insert<T extends { key: Key }>(sorted: T[], item: T): void {
  const at = lowerBound(sorted, item.key);
  const there = sorted[at];
  if (!there || compareKeys(there.key, item.key) !== 0) sorted.splice(at, 0, item);
}

function addToSession(state: BrowserState, session: SessionState, { event, key }: Placed): SegmentState {
  if (event.facts.page && (session.landing === null || compareKeys(key, session.landing) < 0)) {
    session.landing = key;
    session.landing_page = event.facts.page;
  }
  const { segments } = session;
  let before = segments.length - 1;
  while (before >= 0 && compareKeys((segments[before] as SegmentState).first, key) > 0) before -= 1;
  const left = segments[before];
  const right = segments[before + 1];
  const home =
    left && (compareKeys(key, left.last) <= 0 || uncut(state, session.session_id, left.last, key))
      ? left
      : right && uncut(state, session.session_id, key, right.first)
        ? right
        : undefined;
  if (home) {
    addEvent(home, event, key);
    home.dirty = true;
    return home;
  }
  const segment: SegmentState = { ...contentOf(event, key), outcome: UNJUDGED, dirty: true };
  segments.splice(before + 1, 0, segment);
  return segment;
}

/** Stands on a new segment until all arrivals are in, then it is judged. */
const UNJUDGED: Outcome = unlinked('anonymous', 0);

/** Whether no cut lies between two neighbouring events of a session, `a` before `b` (R5). */
function uncut(state: BrowserState, session_id: string, a: Key, b: Key): boolean {
  if (barrierBetween(state, a, b) !== 'none') return false;
  const { binding } = state;
  for (let at = lowerBound(binding, a, true); at < binding.length; at += 1) {
    const claim = binding[at] as ClaimAt;
    if (compareKeys(claim.key, b) > 0) break;
    if (claim.session_id !== session_id) continue;
    let earlier = at - 1;
    while (earlier >= 0 && binding[earlier]?.session_id !== session_id) earlier -= 1;
    const owner = binding[earlier];
    if (owner && owner.person !== claim.person && barrierBetween(state, owner.key, claim.key) === 'none') return false;
  }
  return true;
}

/** The hardest barrier that stands from `from` on and before `to`. */
function barrierBetween({ barriers }: BrowserState, from: Key, to: Key): Barrier | 'none' {
  let found: Barrier | 'none' = 'none';
  for (let at = lowerBound(barriers, from); at < barriers.length; at += 1) {
    const { key, barrier } = barriers[at] as BarrierAt;
    if (compareKeys(key, to) >= 0) break;
    if (barrier === 'hard') return 'hard';
    found = 'soft';
  }
  return found;
}

function outcomeOf(state: BrowserState, session_id: string, segment: Content, policy: LinkingPolicy): Outcome {
  const own = ownClaim(state, session_id, segment);
  return own ? linkedBy('session', own, 0, 1) : fromAround(state, segment, policy);
}

/** R5: the strongest claim of the segment, the earliest of equals, a hub's never. */
function ownClaim({ claims }: BrowserState, session_id: string, { first, last }: Content): ClaimAt | undefined {
  let best: ClaimAt | undefined;
  for (let at = lowerBound(claims, first); at < claims.length; at += 1) {
    const claim = claims[at] as ClaimAt;
    if (compareKeys(claim.key, last) > 0) break;
    if (claim.session_id !== session_id || claim.hub) continue;
    if (!best || compareStrength(claim.strength, best.strength) > 0) best = claim;
  }
  return best;
}

/** R6: what the claims in the window before and after say. */
function fromAround(state: BrowserState, { first, last }: Content, policy: LinkingPolicy): Outcome {
  const { binding } = state;
  const gapTo = ({ key }: ClaimAt): Millis => (compareKeys(key, first) < 0 ? first.time - key.time : Math.max(0, key.time - last.time));
  const within = (claim: ClaimAt | undefined): ClaimAt | null => (claim && gapTo(claim) <= policy.window ? claim : null);
  const prev = within(binding[lowerBound(binding, last) - 1]);
  const next = within(binding[lowerBound(binding, first, true)]);
  const side = (claim: ClaimAt | null, from: Key, to: Key): Side | null =>
    claim && { claim, gap: gapTo(claim), barrier: barrierBetween(state, from, to) };
  const owners = prev || next ? ownersAround(state, first, gapTo, policy) : NOBODY;
  return judge(
    {
      declared_kiosk: state.declared_kiosk,
      prev: side(prev, prev?.key ?? first, first),
      next: side(next, last, next?.key ?? last),
      owners: owners.size,
      candidates: () => candidatesOf(owners, gapTo),
    },
    policy,
  );
}

const NOBODY: ReadonlyMap<string, ClaimAt> = new Map();

/**
 * Persons with a claim in the window, each with the nearest (of equals the first in R3's order): walks outward from the segment,
 * run by run of one person's claims, and stops at `kiosk_owners` of them.
 */
function ownersAround(
  state: BrowserState,
  first: Key,
  gapTo: (claim: ClaimAt) => Millis,
  { window, kiosk_owners }: LinkingPolicy,
): Map<string, ClaimAt> {
  const { binding } = state;
  const runs = runsOf(state);
  const start = lowerBound(binding, first);
  const owners = new Map<string, ClaimAt>();
  const meet = (claim: ClaimAt): void => {
    const known = owners.get(claim.person);
    const order = known && (gapTo(claim) - gapTo(known) || compareKeys(claim.key, known.key));
    if (order === undefined || order < 0) owners.set(claim.person, claim);
  };
  for (let at = start; at < binding.length && owners.size < kiosk_owners; at = runs.after[at] as number) {
    const claim = binding[at] as ClaimAt;
    if (gapTo(claim) > window) break;
    meet(claim);
  }
  for (let at = start - 1; at >= 0 && owners.size < kiosk_owners; at = runs.before[at] as number) {
    if (gapTo(binding[at] as ClaimAt) > window) break;
    // Of this run's claims in one millisecond, the first in R3's order is the evidence.
    for (let same = at; same > (runs.before[at] as number) && binding[same]?.key.time === binding[at]?.key.time; same -= 1)
      meet(binding[same] as ClaimAt);
  }
  return owners;
}

/** For each binding claim, the nearest one after and before it that is another person's. */
function runsOf(state: BrowserState): { after: Int32Array; before: Int32Array } {
  if (state.runs) return state.runs;
  const { binding } = state;
  const after = new Int32Array(binding.length);
  const before = new Int32Array(binding.length);
  for (let at = 0; at < binding.length; at += 1)
    before[at] = at > 0 && binding[at - 1]?.person === binding[at]?.person ? (before[at - 1] as number) : at - 1;
  for (let at = binding.length - 1; at >= 0; at -= 1)
    after[at] = binding[at + 1]?.person === binding[at]?.person && at + 1 < binding.length ? (after[at + 1] as number) : at + 1;
  state.runs = { after, before };
  return state.runs;
}

/** Nearest first, then R3. */
function candidatesOf(owners: ReadonlyMap<string, ClaimAt>, gapTo: (claim: ClaimAt) => Millis): Candidate[] {
  return [...owners.values()]
    .sort((a, b) => gapTo(a) - gapTo(b) || compareKeys(a.key, b.key))
    .map((claim) => ({ customer_id: claim.customer_id, evidence_event_id: claim.event_id, gap_ms: gapTo(claim) }));
}

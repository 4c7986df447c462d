/**
 * Events into the store, in one transaction: dedupe for ever, rows, scans, links and the change feed together. What is stored
 * afterwards is the same whatever the batches were (linking/link.ts is the reference).
 */
import type { Millis } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { type Arrival, addBoundary, advance, dropClaim, reachOf, sessionsToRefold } from '../linking/browser.ts';
import { takeChanges } from '../linking/changes.ts';
import { keyOf } from '../linking/order.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import { claimerOf, spentScans } from '../linking/scan.ts';
import type { BrowserRecord, Carrier, SavedBrowser, StoredCopy, Tx } from '../store/store.ts';
import { RELINK_SESSIONS, relinkQueued, renamePersons, standingOf } from './relink.ts';
import { ERASED_TYPE } from './tombstone.ts';

export interface ApplyContext {
  policy: LinkingPolicy;
  now: Millis;
  sitePk(site: string): number;
  /** The key under which an erased event of this id would be kept, if that is another. */
  tombstone?: (site: string, event_id: string) => string | null;
}

/** What became of each event, in the order given. */
export type Fate = 'stored' | 'duplicate' | 'conflicting_duplicate';

export interface Applied {
  fates: Fate[];
  /** False: more sessions wait to be judged again than fit one transaction. */
  relinked: boolean;
}

/** What happens to one browser in a transaction. */
interface Work {
  record: BrowserRecord;
  arrivals: Arrival[];
  /** Sessions that lost a scan, and so must be read again. */
  refold: Set<string>;
  /** Events that caused it, if no arrival did. */
  causes: string[];
}

/** Applies a batch. Re-applying an event is a no-op. */
export async function applyBatch(
  tx: Tx,
  events: readonly AcceptedEvent[],
  { policy, now, sitePk, tombstone }: ApplyContext,
): Promise<Applied> {
  await tx.begin(events, sitePk);
  const { fates, fresh } = await dedupe(tx, events, sitePk, tombstone);
  if (fresh.length === 0) return { fates, relinked: true };

  const works = new Map<number, Work>();
  const records = await loadBrowsers(tx, fresh, sitePk);
  const rows = fresh.map((event, index) => ({ event, site_pk: sitePk(event.site), record: records[index] ?? null }));
  await tx.insertEvents(rows);
  for (const { event, site_pk, record } of rows) {
    if (!record) continue;
    const { claim } = event;
    const customer = claim ? (await tx.customers(site_pk, new Set([claim.customer_id]))).get(claim.customer_id) : undefined;
    workOn(works, record).arrivals.push({ event, key: keyOf(event), person: customer?.person ?? '', hub: customer?.hub ?? false });
  }
  await placeScans(tx, fresh, sitePk, works);
  // Each reads of its own browser only: what one asks for need not wait for the answer to another.
  const saved = await Promise.all([...works.values()].map((work) => relink(tx, work, policy)));
  await tx.saveBrowsers(saved, now, policy.version);
  await joinGuests(tx, fresh, sitePk, policy, now);
  return { fates, relinked: await relinkQueued(tx, policy, now) };
}

/** R1: the first accepted copy stands; a later one that says something else is told apart, so that it can be counted. */
async function dedupe(
  tx: Tx,
  events: readonly AcceptedEvent[],
  sitePk: ApplyContext['sitePk'],
  tombstone: ApplyContext['tombstone'] = () => null,
): Promise<{ fates: Fate[]; fresh: AcceptedEvent[] }> {
  // By site, then by id: ids joined into one string would have to be copied and hashed for each event.
  const sites = new Map<string, { event_ids: string[]; known: Map<string, StoredCopy>; first: Map<string, AcceptedEvent> }>();
  for (const { site, event_id } of events) {
    const ofSite = sites.get(site);
    if (ofSite) ofSite.event_ids.push(event_id);
    else sites.set(site, { event_ids: [event_id], known: new Map(), first: new Map() });
  }
  for (const [site, ofSite] of sites) ofSite.known = await tx.knownEvents(sitePk(site), ofSite.event_ids);
  const erased = await erasedAmong(tx, sites, sitePk, tombstone);
  const fresh: AcceptedEvent[] = [];
  const fates = events.map((event): Fate => {
    const { site, event_id } = event;
    if (erased.get(site)?.has(event_id)) return 'duplicate';
    const { known, first } = sites.get(site) as NonNullable<ReturnType<typeof sites.get>>;
    const inBatch = first.get(event_id);
    const copy = known.get(event_id) ?? (inBatch && copyOf(inBatch));
    if (copy) return sameCopy(copy, copyOf(event)) ? 'duplicate' : 'conflicting_duplicate';
    first.set(event_id, event);
    fresh.push(event);
    return 'stored';
  });
  return { fates, fresh };
}

/** R12: which of these were erased; a copy brings nothing back. Other ids than a tag's were replaced when that happened. */
async function erasedAmong(
  tx: Tx,
  sites: ReadonlyMap<string, { event_ids: readonly string[] }>,
  sitePk: ApplyContext['sitePk'],
  tombstone: NonNullable<ApplyContext['tombstone']>,
): Promise<Map<string, Set<string>>> {
  const erased = new Map<string, Set<string>>();
  for (const [site, { event_ids }] of sites) {
    const idOf = new Map(event_ids.flatMap((event_id) => tombstoned(tombstone(site, event_id), event_id)));
    if (idOf.size === 0) continue;
    const ofSite = new Set<string>();
    erased.set(site, ofSite);
    for (const kept of (await tx.knownEvents(sitePk(site), [...idOf.keys()])).keys()) {
      const event_id = idOf.get(kept) ?? '';
      ofSite.add(event_id);
      await tx.replaceKey(sitePk(site), event_id, kept);
    }
  }
  return erased;
}

const tombstoned = (kept: string | null, event_id: string): [string, string][] => (kept === null ? [] : [[kept, event_id]]);

function copyOf({ type, time, payload, anonymous_id, session_id, claim }: AcceptedEvent): StoredCopy {
  const { customer_id = null, email = null } = claim ?? {};
  return { type, time, payload: JSON.stringify(payload), anonymous_id, session_id, customer_id, email };
}

/** An empty payload is one that retention took: what is left must be the same. Of an erased event nothing is left to differ. */
function sameCopy(stored: StoredCopy, copy: StoredCopy): boolean {
  if (stored.type === ERASED_TYPE) return true;
  return (Object.keys(copy) as (keyof StoredCopy)[]).every(
    (name) => stored[name] === copy[name] || (name === 'payload' && stored.payload === ''),
  );
}

/** The browser of each event, in their order; null for an event without one. */
async function loadBrowsers(
  tx: Tx,
  events: readonly AcceptedEvent[],
  sitePk: ApplyContext['sitePk'],
): Promise<(BrowserRecord | null | undefined)[]> {
  const refs: { site_pk: number; anonymous_id: string; session_ids: Set<string> }[] = [];
  const sites = new Map<string, Map<string, number>>();
  const places = events.map(({ site, anonymous_id, session_id }) => {
    if (anonymous_id === null) return -1;
    let ofSite = sites.get(site);
    if (!ofSite) {
      ofSite = new Map();
      sites.set(site, ofSite);
    }
    let place = ofSite.get(anonymous_id);
    if (place === undefined) {
      place = refs.push({ site_pk: sitePk(site), anonymous_id, session_ids: new Set() }) - 1;
      ofSite.set(anonymous_id, place);
    }
    if (session_id !== null) refs[place]?.session_ids.add(session_id);
    return place;
  });
  const records = await tx.loadBrowsers(refs);
  return places.map((place) => (place < 0 ? null : records[place]));
}

function workOn(works: Map<number, Work>, record: BrowserRecord): Work {
  let work = works.get(record.browser_pk);
  if (!work) {
    work = { record, arrivals: [], refold: new Set(), causes: [] };
    works.set(record.browser_pk, work);
  }
  return work;
}

/** R11: scans that came, or whose token came, stand where their first carrier is; one that moves leaves its old session. */
async function placeScans(
  tx: Tx,
  fresh: readonly AcceptedEvent[],
  sitePk: ApplyContext['sitePk'],
  works: Map<number, Work>,
): Promise<void> {
  const wanted = new Map<number, Map<string, string>>();
  for (const { site, event_id, scan, scan_id } of fresh) {
    const id = scan ? event_id : scan_id;
    if (id === null) continue;
    const ofSite = wanted.get(sitePk(site)) ?? new Map<string, string>();
    wanted.set(sitePk(site), ofSite.set(id, event_id));
  }
  for (const { site, event_id, scan, single_use } of fresh)
    if (scan && single_use) await tx.addSingleUse(sitePk(site), event_id, scan.code);
  for (const [site_pk, causes] of wanted) {
    const carried = new Map<string, string>();
    for (const scan of await tx.carriedScans(site_pk, new Set(causes.keys()))) {
      const claimer = claimerOf(scan, scan.carriers);
      const cause = causes.get(scan.scan_id) ?? scan.scan_id;
      carried.set(scan.scan_id, cause);
      if ((claimer?.event_id ?? null) === scan.claimer_id) continue;
      await tx.moveScan(scan, claimer);
      if (scan.browser_pk !== null && scan.session_pk !== null) {
        const record = await tx.browserAt(scan.browser_pk);
        const session = await tx.loadSession(record, scan.session_pk);
        dropClaim(record.state, scan.scan_id);
        const work = workOn(works, record);
        work.refold.add(session.session_id);
        work.causes.push(cause);
      }
      if (claimer) await joinSession(tx, works, claimer, scan.scan_id, cause);
    }
    await spendScans(tx, site_pk, carried, works);
  }
}

/** R11: of a single-use code's scans, the one claimed first keeps its claim; which one that is may change with each that comes. */
async function spendScans(tx: Tx, site_pk: number, causes: ReadonlyMap<string, string>, works: Map<number, Work>): Promise<void> {
  for (const uses of await tx.singleUses(site_pk, causes.keys())) {
    const cause = [...uses.keys()].flatMap((scan_id) => causes.get(scan_id) ?? []).at(-1) ?? '';
    const claimed = (await tx.carriedScans(site_pk, new Set(uses.keys()))).flatMap((scan) => {
      const claimer = scan.carriers.find(({ event_id }) => event_id === scan.claimer_id);
      return claimer ? [{ scan, claimer }] : [];
    });
    const spent = new Set(spentScans(claimed));
    for (const placed of claimed) {
      const { scan_id } = placed.scan;
      if (spent.has(placed) === uses.get(scan_id)) continue;
      await tx.setSpent(site_pk, scan_id, spent.has(placed));
      const record = await tx.browserAt(placed.claimer.browser_pk);
      dropClaim(record.state, scan_id);
      await joinSession(tx, works, placed.claimer, scan_id, cause);
    }
  }
}

/** The scan becomes an event of its claimer's session: the session is read again, with the scan in its place. */
async function joinSession(tx: Tx, works: Map<number, Work>, claimer: Carrier, scan_id: string, cause: string): Promise<void> {
  const record = await tx.browserAt(claimer.browser_pk);
  const { session_id } = await tx.loadSession(record, claimer.session_pk);
  const work = workOn(works, record);
  work.refold.add(session_id);
  work.causes.push(cause);
  const placed = (await tx.eventsOf(record, new Set([session_id]))).get(session_id) ?? [];
  const scan = placed.find(({ event }) => event.event_id === scan_id);
  if (!scan?.event.claim) return;
  const { customer_id } = scan.event.claim;
  const { person, hub } = (await tx.customers(record.site_pk, new Set([customer_id]))).get(customer_id) ?? {
    person: customer_id,
    hub: false,
  };
  addBoundary(record.state, { ...scan, person, hub });
}

/** R10: claims that carry both a raw id and an e-mail may tell who a guest is, or that nobody knows any more. */
async function joinGuests(
  tx: Tx,
  fresh: readonly AcceptedEvent[],
  sitePk: ApplyContext['sitePk'],
  policy: LinkingPolicy,
  now: Millis,
): Promise<void> {
  const told = new Map<number, Map<string, string>>();
  for (const { site, event_id, claim } of fresh) {
    if (!claim?.email || claim.email === claim.customer_id) continue;
    const causes = told.get(sitePk(site)) ?? new Map<string, string>();
    told.set(sitePk(site), causes);
    if (!causes.has(claim.email)) causes.set(claim.email, event_id);
  }
  for (const [site_pk, causes] of told) {
    const { merges } = standingOf(await tx.decisions(site_pk));
    await renamePersons(tx, site_pk, { customers: new Set(causes.keys()), merges }, policy, (email) => causes.get(email) ?? '', now);
  }
}

async function relink(tx: Tx, { record, arrivals, refold, causes }: Work, policy: LinkingPolicy): Promise<SavedBrowser> {
  const { state } = record;
  const reach = reachOf(state, arrivals, policy);
  if (reach) {
    const { next } = await tx.loadSessionsWithin(record, reach, 0, RELINK_SESSIONS);
    if (next !== null) await queueRest(tx, record.browser_pk, arrivals, reach);
  }
  for (const session_id of sessionsToRefold(state, arrivals)) refold.add(session_id);
  const refolded = refold.size > 0 ? await tx.eventsOf(record, refold) : NONE;
  const touched = advance(state, arrivals, refolded, policy);
  const causeIn = causesOf(arrivals);
  return {
    record,
    sessions: [...touched].map((session) => ({
      session,
      changes: takeChanges(session),
      cause_event_id: causeIn(session.session_id) ?? causes.at(-1) ?? '',
    })),
  };
}

const NONE: ReadonlyMap<string, never[]> = new Map();

/** More sessions than one transaction should judge: those not loaded now come in later ones, cut anew where a barrier falls into them. */
async function queueRest(tx: Tx, browser_pk: number, arrivals: readonly Arrival[], reach: { from: Millis; to: Millis }): Promise<void> {
  const cause_event_id = arrivals.at(-1)?.event.event_id ?? '';
  const cuts = arrivals.filter(({ event }) => event.barrier).map(({ key }) => ({ from: key.time, to: key.time, refold: true }));
  await tx.queueRelinks([...cuts, { ...reach, refold: false }].map((span) => ({ browser_pk, cause_event_id, ...span })));
}

/** Which of the arrivals to name as the cause of a session's change: its own last claim, any claim or barrier, its own event. */
function causesOf(arrivals: readonly Arrival[]): (session_id: string) => string | undefined {
  const claims = new Map<string | null, string>();
  const events = new Map<string | null, string>();
  let boundary: string | undefined;
  for (const { event } of arrivals) {
    events.set(event.session_id, event.event_id);
    if (event.claim) claims.set(event.session_id, event.event_id);
    if (event.claim || event.barrier || event.kiosk) boundary = event.event_id;
  }
  return (session_id) => claims.get(session_id) ?? boundary ?? events.get(session_id);
}

/** Judging browsers again after a statement changed what their claims mean: in portions, so that no browser holds up the collector. */
import type { Millis } from '../../protocol/event.ts';
import { advance, reevaluate, type SessionState } from '../linking/browser.ts';
import { takeChanges } from '../linking/changes.ts';
import { GUEST_PREFIX } from '../linking/claim.ts';
import { standing } from '../linking/decisions.ts';
import type { Decision } from '../linking/event.ts';
import { type GuestPair, guestOwner, type Merge, mergeComponents } from '../linking/person.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { CauseOf, ClaimRecord, QueuedRelink, Relink, Tx } from '../store/store.ts';

/** What stands of these decisions, and who their merges make one person; worked out once for each list. */
export const standingOf = memo((decisions: readonly Decision[]) => standing(decisions));
const componentsOf = memo((merges: readonly Merge[]) => mergeComponents(merges));

function memo<K extends object, V>(work: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const value = known.get(key) ?? work(key);
    known.set(key, value);
    return value;
  };
}

/** Sessions that one transaction judges again; the rest waits in the queue for the next ones. */
export const RELINK_SESSIONS = 1_000;

/** Spans read at once: the queue is sorted whenever it is asked. */
const AHEAD = 100;

/** Works on the queue for at most `budget` sessions. Answers whether it is empty now. */
export async function relinkQueued(tx: Tx, policy: LinkingPolicy, now: Millis, budget = RELINK_SESSIONS): Promise<boolean> {
  let left = budget;
  // Nothing is said between two spans of one transaction: a session that was read again for one of them is as the next would have it.
  const read = new Map<number, Set<string>>();
  let ahead: QueuedRelink[] = [];
  for (;;) {
    if (ahead.length === 0) ahead = await tx.nextRelinks(AHEAD);
    const [relink] = ahead;
    if (!relink) return true;
    if (left <= 0) return false;
    const { browser_pk, from, to, refold, cause_event_id, relink_pk } = relink;
    const record = await tx.browserAt(browser_pk);
    const { session_ids, next } = await tx.loadSessionsWithin(record, { from, to }, relink.after_session, left);
    const touched = new Set<SessionState>();
    if (refold) {
      const known = read.get(browser_pk) ?? new Set();
      const fresh = session_ids.filter((session_id) => !known.has(session_id));
      read.set(browser_pk, new Set([...known, ...fresh]));
      const events = await tx.eventsOf(record, new Set(fresh));
      for (const session of advance(record.state, [], events, policy)) touched.add(session);
    } else for (const session of reevaluate(record.state, from, to, policy)) touched.add(session);
    const sessions = [...touched].map((session) => ({ session, changes: takeChanges(session), cause_event_id }));
    await tx.saveBrowsers([{ record, sessions }], now, policy.version);
    await tx.advanceRelink(relink_pk, next);
    if (next === null) ahead.shift();
    else relink.after_session = next;
    left -= Math.max(1, session_ids.length);
  }
}

/** Queues the sessions that these claims stand in, to be read again, and those in the window of them, to be judged again. */
export async function queueAround(tx: Tx, claims: readonly ClaimRecord[], { window }: LinkingPolicy, causeOf: CauseOf): Promise<void> {
  const relinks = merged(
    claims.flatMap(({ browser_pk, time, customer_id }): Relink[] => {
      if (browser_pk === null) return [];
      const cause_event_id = causeOf(customer_id);
      return [
        { browser_pk, from: time, to: time, refold: true, cause_event_id },
        { browser_pk, from: time - window, to: time + window, refold: false, cause_event_id },
      ];
    }),
  );
  await tx.forgetBrowsers(new Set(relinks.map(({ browser_pk }) => browser_pk)));
  await tx.queueRelinks(relinks);
}

/** Spans that overlap as one: the same sessions touch them, and each is judged once, however many claims it lies around. */
function merged(relinks: readonly Relink[]): Relink[] {
  const spans: Relink[] = [];
  const sorted = [...relinks].sort((a, b) => a.browser_pk - b.browser_pk || Number(b.refold) - Number(a.refold) || a.from - b.from);
  for (const relink of sorted) {
    const last = spans.at(-1);
    if (last?.browser_pk === relink.browser_pk && last.refold === relink.refold && relink.from <= last.to)
      last.to = Math.max(last.to, relink.to);
    else spans.push({ ...relink });
  }
  return spans;
}

/**
 * Works out again who these customers and guests are, and queues the browsers on which that may matter: those with claims of
 * another customer as well (on any other, all claims are one person's before and after).
 */
export async function renamePersons(
  tx: Tx,
  site_pk: number,
  { customers, merges }: { customers: ReadonlySet<string>; merges: readonly Merge[] },
  policy: LinkingPolicy,
  causeOf: CauseOf,
  now: Millis,
): Promise<void> {
  const components = componentsOf(merges);
  const hubs = await tx.hubs(site_pk);
  const guests = new Set([...customers].filter((customer_id) => customer_id.startsWith(GUEST_PREFIX)));
  const pairs = new Map<string, GuestPair[]>();
  for (const pair of await tx.pairs(site_pk, guests)) pairs.set(pair.email, [...(pairs.get(pair.email) ?? []), pair]);
  const ownerOf = (guest: string): string | null => guestOwner(pairs.get(guest) ?? [], hubs, (id) => components.get(id) ?? id);
  const persons = new Map<string, string | null>();
  for (const id of customers) persons.set(id, components.get(id) ?? (guests.has(id) ? ownerOf(id) : null));
  const changed = await tx.setPersons(site_pk, persons, causeOf, now);
  if (changed.size === 0) return;
  const claims = await tx.claimsOf(site_pk, changed, false);
  if (claims.length === 0) return;
  await tx.forgetBrowsers(claims.flatMap(({ browser_pk }) => browser_pk ?? []));
  await queueAround(tx, await tx.claimsOf(site_pk, changed, true), policy, causeOf);
}

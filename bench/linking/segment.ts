/** Segment Unify's way: its browser library decides what an event carries, its identity graph where that leads. */
import type { LinkEvent } from '../../collector/linking/event.ts';
import type { Assignment, Named } from './measure.ts';
import { accountOf, byBrowser, unionFind } from './walk.ts';

/**
 * Segment: every event carries the anonymous id, and the user id once `identify` told it, in later sessions too, until
 * `reset()`, which also makes a new anonymous id; so does `identify` of another user. The graph looks up the profiles of an
 * event's ids and merges them, unless the merged profile would hold more ids of a type than its limit (one user id, five of
 * each other): then the event's lowest id in priority (user id, e-mail, anonymous id) is left out and the rest tried again.
 * Real time: what came earlier is only moved by merges. A profile is named by its user id, else its first e-mail.
 * (segment.com/docs, Unify: "Identity Resolution Onboarding" (flat matching, limits, priority); analytics.js, `user.js`.)
 */
export function segmentLimits(events: readonly LinkEvent[], resets: boolean): Assignment {
  const carried = stampedIds(events, resets);
  const { find, join } = unionFind();
  const profiles = new Map<string, Profile>();
  const profileOf = new Map<string, string>();
  const resolved = new Map<string, string>();

  for (const { event_id } of events) {
    const ids = [...(carried.get(event_id) ?? [])];
    while (ids.length > 0) {
      const matched = [...new Set(ids.flatMap(({ key }) => profileOf.get(key) ?? []).map(find))];
      const merged = mergeOf(
        matched.map((id) => profiles.get(id) as Profile),
        ids,
      );
      // A lone id always finds its place.
      if (ids.length > 1 && exceedsLimits(merged)) {
        ids.pop();
        continue;
      }
      const [id = `profile ${profiles.size}`, ...others] = matched;
      for (const other of others) join(id, other);
      profiles.set(id, merged);
      for (const { key } of ids) profileOf.set(key, id);
      resolved.set(event_id, id);
      break;
    }
  }

  const assigned = new Map<string, Named>();
  for (const [event_id, id] of resolved) {
    const profile = find(id);
    const { user_id, email } = profiles.get(profile) as Profile;
    const [customer] = [...user_id, ...email];
    if (customer !== undefined) assigned.set(event_id, { customer, profile });
  }
  return assigned;
}

type IdType = 'user_id' | 'email' | 'anonymous_id';
interface Id {
  type: IdType;
  value: string;
  key: string;
}
type Profile = Record<IdType, Set<string>>;

const LIMITS: Readonly<Record<IdType, number>> = { user_id: 1, email: 5, anonymous_id: 5 };

function exceedsLimits(profile: Profile): boolean {
  return profile.user_id.size > LIMITS.user_id || profile.email.size > LIMITS.email || profile.anonymous_id.size > LIMITS.anonymous_id;
}

function mergeOf(profiles: readonly Profile[], ids: readonly Id[]): Profile {
  const merged: Profile = { user_id: new Set(), email: new Set(), anonymous_id: new Set() };
  for (const profile of profiles) for (const type of TYPES) for (const value of profile[type]) merged[type].add(value);
  for (const { type, value } of ids) merged[type].add(value);
  return merged;
}

const TYPES: readonly IdType[] = ['user_id', 'email', 'anonymous_id'];

/** The ids that the browser library puts on each event, highest priority first. */
function stampedIds(events: readonly LinkEvent[], resets: boolean): Map<string, Id[]> {
  const carried = new Map<string, Id[]>();
  const id = (type: IdType, value: string): Id => ({ type, value, key: `${type} ${value}` });
  for (const [browser, ofBrowser] of byBrowser(events)) {
    let user: string | null = null;
    let anonymous = 0;
    for (const event of ofBrowser) {
      const account = accountOf(event);
      if (account !== null) {
        if (user !== null && user !== account) anonymous += 1;
        user = account;
      }
      const email = event.claim?.email ?? null;
      carried.set(event.event_id, [
        ...(user === null ? [] : [id('user_id', user)]),
        ...(email === null ? [] : [id('email', email)]),
        id('anonymous_id', `${browser}#${anonymous}`),
      ]);
      if (event.barrier === 'hard' || (event.barrier === 'soft' && resets)) {
        user = null;
        anonymous += 1;
      }
    }
  }
  return carried;
}

/** Snowplow Identities' way: a graph of identifiers in which a user id is unique to its profile. */
import type { LinkEvent } from '../../collector/linking/event.ts';
import type { Assignment, Named } from './measure.ts';
import { accountOf, byBrowser, unionFind } from './walk.ts';

/**
 * Snowplow Identities, with `user_id` marked unique and the e-mail as an identifier: an event's identifiers (browser, user id
 * while the page knows one, e-mail) are linked to one profile, and profiles that they connect are merged, retroactively. Where
 * that would put two user ids into one profile nothing is merged: the event's own user's profile (a new one if need be) gets
 * all its identifiers, shared ones too. An event without a user id on a browser that is linked to several users goes to an
 * anonymous profile of that browser. Resolved in order of arrival.
 * (docs.snowplow.io, Identities: "Concepts", "Merges", "Unique identifiers and merge conflicts".)
 */
export function snowplowIdentities(events: readonly LinkEvent[]): Assignment {
  const users = statedUsers(events);
  const { find, join } = unionFind();
  const profiles = new Map<string, { user_id: string | null; email: string | null }>();
  const linkedTo = new Map<string, Set<string>>();
  const resolved = new Map<string, string>();

  const profilesOf = (identifier: string): string[] => [...new Set([...(linkedTo.get(identifier) ?? [])].map(find))];
  const newProfile = (): string => {
    const id = `profile ${profiles.size}`;
    profiles.set(id, { user_id: null, email: null });
    return id;
  };
  const linkTo = (id: string, identifiers: readonly string[], user_id: string | null, email: string | null): string => {
    for (const identifier of identifiers) linkedTo.set(identifier, new Set([...profilesOf(identifier), id]));
    const profile = profiles.get(id);
    if (profile) {
      profile.user_id ??= user_id;
      profile.email ??= email;
    }
    return id;
  };

  for (const event of events) {
    const user_id = users.get(event.event_id) ?? null;
    const email = event.claim?.email ?? null;
    const identifiers = [
      ...(user_id === null ? [] : [`user ${user_id}`]),
      ...(email === null ? [] : [email]),
      `browser ${event.anonymous_id}`,
    ];
    const matched = [...new Set(identifiers.flatMap(profilesOf))];
    const usersFound = new Set(matched.flatMap((id) => profiles.get(id)?.user_id ?? []));
    if (user_id !== null) usersFound.add(user_id);
    let id: string;
    if (usersFound.size <= 1) {
      id = matched[0] ?? newProfile();
      for (const other of matched) {
        if (other !== id) {
          join(id, other);
          linkTo(id, [], profiles.get(other)?.user_id ?? null, profiles.get(other)?.email ?? null);
        }
      }
      linkTo(id, identifiers, user_id, email);
    } else if (user_id !== null) {
      id = linkTo(profilesOf(`user ${user_id}`)[0] ?? newProfile(), identifiers, user_id, email);
    } else {
      const ofEmail = email === null ? [] : profilesOf(email);
      id = ofEmail.length === 1 ? (ofEmail[0] as string) : `anonymous ${event.anonymous_id}`;
    }
    resolved.set(event.event_id, id);
  }

  const assigned = new Map<string, Named>();
  for (const [event_id, id] of resolved) {
    const profile = find(id);
    const { user_id = null, email = null } = profiles.get(profile) ?? {};
    const customer = user_id ?? email;
    if (customer !== null) assigned.set(event_id, { customer, profile });
  }
  return assigned;
}

/** The tracker puts the user id on every event from the page's statement to the session's end or the logout. */
function statedUsers(events: readonly LinkEvent[]): Map<string, string> {
  const users = new Map<string, string>();
  for (const ofBrowser of byBrowser(events).values()) {
    const stated = new Map<string | null, string>();
    for (const event of ofBrowser) {
      const account = accountOf(event);
      if (account !== null) stated.set(event.session_id, account);
      const user = stated.get(event.session_id);
      if (user !== undefined) users.set(event.event_id, user);
      if (event.barrier) stated.clear();
    }
  }
  return users;
}

/**
 * How others decide whose a session is, written anew from their public descriptions. Each takes accepted events in order of
 * arrival. Where a rival leaves something open, it gets the kinder reading; a guest's e-mail counts as a customer for all.
 */
import type { LinkEvent } from '../../collector/linking/event.ts';
import { snowplowIdentities } from './identities.ts';
import type { Assignment, Named } from './measure.ts';
import { segmentLimits } from './segment.ts';
import { byBrowser, groupBy, unionFind } from './walk.ts';

interface Rival {
  name: string;
  /** What it is known from. */
  source: string;
  assign(events: readonly LinkEvent[]): Assignment;
}

export const RIVALS: readonly Rival[] = [
  { name: 'In-session only', source: 'Matomo', assign: inSession },
  { name: 'Last touch per device', source: 'dbt-snowplow-unified', assign: lastTouch },
  { name: 'Connected components', source: "RudderStack's ID stitcher", assign: connectedComponents },
  { name: 'identify, reset at logout', source: 'PostHog', assign: (events) => postHog(events, true) },
  { name: 'identify, no reset at logout', source: 'PostHog', assign: (events) => postHog(events, false) },
  { name: 'Limits, reset at logout', source: 'Segment Unify', assign: (events) => segmentLimits(events, true) },
  { name: 'Limits, no reset at logout', source: 'Segment Unify', assign: (events) => segmentLimits(events, false) },
  { name: 'Unique user id', source: 'Snowplow Identities', assign: snowplowIdentities },
];

/**
 * Matomo: a user id belongs to the visit in which it is set, what was done in that visit before included, and is kept to the
 * visit's end; another user id in it begins another visit. No other visit of the browser is touched.
 * (matomo.org FAQ, "How are requests with a User ID tracked?"; with the visit not split at login, as set up to see it whole.)
 */
export function inSession(events: readonly LinkEvent[]): Assignment {
  const assigned = new Map<string, Named>();
  for (const session of groupBy(events, ({ anonymous_id, session_id }) => `${anonymous_id} ${session_id}`).values()) {
    let customer: string | null = null;
    let before: LinkEvent[] = [];
    for (const event of byBrowser(session).get(session[0]?.anonymous_id ?? '') ?? []) {
      customer = event.claim?.customer_id ?? customer;
      if (customer === null) before.push(event);
      else {
        for (const { event_id } of [...before, event]) assigned.set(event_id, profileNamed(customer));
        before = [];
      }
    }
  }
  return assigned;
}

/**
 * dbt-snowplow-unified: a table maps each browser (`domain_userid`) to the latest `user_id` collected from it, by the
 * collector's clock; after every run all of its sessions are re-written to that user, those with a user of their own too.
 * (docs.snowplow.io, "Users and identity stitching"; the package's user mapping.)
 */
export function lastTouch(events: readonly LinkEvent[]): Assignment {
  const latest = new Map<string | null, string>();
  for (const { anonymous_id, claim } of events) if (claim) latest.set(anonymous_id, claim.customer_id);
  return assignEach(events, ({ anonymous_id }) => latest.get(anonymous_id));
}

/**
 * RudderStack's ID stitcher: ids seen in one row (anonymous id, user id, e-mail) are joined by an edge, and everything that is
 * connected is one `rudder_id`. Which customer that is, it does not say; here the one claimed most often, the kindest reading.
 * (rudderstack.com/docs, Profiles, "Identity graph" and "ID stitcher".)
 */
export function connectedComponents(events: readonly LinkEvent[]): Assignment {
  const { find, join } = unionFind();
  const claims = new Map<string, number>();
  for (const { anonymous_id, claim } of events) {
    if (!claim) continue;
    claims.set(claim.customer_id, (claims.get(claim.customer_id) ?? 0) + 1);
    join(`browser ${anonymous_id}`, claim.customer_id);
    if (claim.email) join(claim.email, claim.customer_id);
  }
  const named = new Map<string, string>();
  for (const [customer, count] of claims) {
    const known = named.get(find(customer));
    if (known === undefined || count > (claims.get(known) ?? 0)) named.set(find(customer), customer);
  }
  return assignEach(events, ({ anonymous_id }) => named.get(find(`browser ${anonymous_id}`)));
}

/**
 * PostHog: a browser sends under a distinct id, an anonymous one at first. `identify(X)` merges the anonymous person, with its
 * past, into X and sends under X from then on, in later sessions too; where the browser was X already, `identify(Y)` merges
 * nothing (a person once identified is not merged again) and sends under Y. `reset()` begins a new anonymous id; the docs ask
 * for it at logout (`resets`), which not every shop does.
 * (posthog.com/docs, "Identifying users": how identify works, reset, "When are merges blocked?".)
 */
export function postHog(events: readonly LinkEvent[], resets: boolean): Assignment {
  const assigned = new Map<string, Named>();
  for (const ofBrowser of byBrowser(events).values()) {
    let identified: string | null = null;
    let anonymous: LinkEvent[] = [];
    for (const event of ofBrowser) {
      if (event.claim) {
        identified = event.claim.customer_id;
        for (const { event_id } of anonymous) assigned.set(event_id, profileNamed(identified));
        anonymous = [];
      }
      if (identified === null) anonymous.push(event);
      else assigned.set(event.event_id, profileNamed(identified));
      if (event.barrier === 'hard' || (event.barrier === 'soft' && resets)) {
        identified = null;
        anonymous = [];
      }
    }
  }
  return assigned;
}

function assignEach(events: readonly LinkEvent[], customerOf: (event: LinkEvent) => string | undefined): Assignment {
  const assigned = new Map<string, Named>();
  for (const event of events) {
    const customer = customerOf(event);
    if (customer !== undefined) assigned.set(event.event_id, profileNamed(customer));
  }
  return assigned;
}

/** Where a profile is known by one customer's name. */
function profileNamed(customer: string): Named {
  return { customer, profile: customer };
}

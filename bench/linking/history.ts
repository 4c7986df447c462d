/** A simulated history as linking sees it: accepted events in order of arrival, and the truth that they are judged by. */
import { createHash } from 'node:crypto';
import { SITE_DEFAULTS, type SiteRecord } from '../../collector/domain/site.ts';
import { enrich, guestId } from '../../collector/intake/enrich.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { type SimulateOptions, simulate } from '../../collector/simulate/simulate.ts';

/** One person's part of one session: what a method is asked to name. */
export interface Visit {
  person: string | null;
  events: LinkEvent[];
}

export interface History {
  /** First copies only, in order of arrival. */
  events: LinkEvent[];
  visits: Visit[];
  /** Every name that a customer of the shop goes by → the person it belongs to. */
  person_of: ReadonlyMap<string, string>;
  /** People who named themselves at least once: recall is asked of their visits. */
  known: ReadonlySet<string>;
}

export function historyOf(options: SimulateOptions): History {
  const { days, people } = simulate(options);
  const events: LinkEvent[] = [];
  const visits = new Map<string, Visit>();
  const seen = new Set<string>();
  const claims: { name: string; person: string | null }[] = [];
  for (const { events: arrived } of days) {
    for (const { event, person, received_at } of arrived) {
      if (seen.has(event.event_id)) continue;
      seen.add(event.event_id);
      const accepted: LinkEvent = linkEventOf(
        enrich(event, { sent_at: received_at }, { site: SITE, received_at, device: DEVICE, backend: false }, ignore),
      );
      if (accepted.anonymous_id === null || accepted.session_id === null) continue;
      events.push(accepted);
      const key = `${accepted.anonymous_id} ${accepted.session_id} ${person}`;
      const visit = visits.get(key);
      if (visit) visit.events.push(accepted);
      else visits.set(key, { person, events: [accepted] });
      if (accepted.claim) claims.push({ name: accepted.claim.customer_id, person });
    }
  }
  const person_of = new Map(
    people.flatMap(({ person, customer_ids, email_sha256 }) =>
      [...customer_ids, guestId(email_sha256, SITE.email_key)].map((name) => [name, person] as const),
    ),
  );
  const known = new Set(claims.flatMap(({ name, person }) => (person !== null && person_of.get(name) === person ? [person] : [])));
  return { events, visits: [...visits.values()], person_of, known };
}

/** Without the payload, which linking does not read: a history of millions fits. */
function linkEventOf(event: LinkEvent): LinkEvent {
  const { site, event_id, type, time, occurred_at, anonymous_id, session_id, claim, barrier, kiosk, scan_id, scan, facts } = event;
  return { site, event_id, type, time, occurred_at, anonymous_id, session_id, claim, barrier, kiosk, scan_id, scan, facts };
}

const key = (name: string): Buffer => createHash('sha256').update(name).digest();
const SITE: SiteRecord = {
  ...SITE_DEFAULTS,
  site: 'demo',
  name: 'Demo',
  origins: [],
  site_pk: 1,
  email_key: key('e-mail'),
  scan_key: key('scan'),
};
const DEVICE = { device_type: 'desktop', browser: '', os: '', bot: false };
const ignore = (): void => undefined;

/** What a store's links table says, what the reference says, and a consumer that knows the change feed only. */
import type { AcceptedEvent } from '../../collector/domain/accepted-event.ts';
import { standing } from '../../collector/linking/decisions.ts';
import type { Decision, LinkEvent } from '../../collector/linking/event.ts';
import { link } from '../../collector/linking/link.ts';
import { type GuestPair, persons } from '../../collector/linking/person.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { salesOf } from '../../collector/linking/segment.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import type { LinkChange } from '../../collector/store/queries-links.ts';
import type { Store } from '../../collector/store/store.ts';

export const accepted = (event: LinkEvent): AcceptedEvent => ({
  ...event,
  received_at: event.time,
  device: { device_type: event.facts.device_type ?? '', browser: 'Firefox', os: 'Linux', bot: event.facts.bot },
  payload: { url: 'https://shop.example/', ...(event.scan_id && { scan: event.scan_id }) },
  scan_flag: null,
});

export type Told = Omit<
  LinkRow,
  'link_version' | 'changed_at' | 'cause_event_id' | 'landing_page' | 'referrer' | 'channel' | 'source' | 'medium' | 'campaign' | 'click_id'
>;

const byPlace = (a: Told, b: Told): number => {
  const place = ({ anonymous_id, session_id, segment }: Told): string => `${anonymous_id} ${session_id} ${segment}`;
  return place(a) < place(b) ? -1 : 1;
};

export async function table(store: Store): Promise<Told[]> {
  const rows: Told[] = [];
  for await (const row of store.queries.allLinks({ bots: true })) {
    const { link_version: _v, changed_at: _c, cause_event_id: _e, landing_page: _p, referrer: _r, channel: _n, ...rest } = row;
    const { source: _s, medium: _m, campaign: _a, click_id: _i, ...told } = rest;
    rows.push(told);
  }
  return rows.sort(byPlace);
}

/** The reference's table, with the person of each candidate, which rows show and links do not hold. */
export function reference(events: readonly LinkEvent[], decisions: readonly Decision[] = []): Told[] {
  const said = standing(decisions);
  const pairs = events.flatMap(({ event_id, claim }): GuestPair[] =>
    claim?.email && claim.email !== claim.customer_id && !said.revoked_claims.has(event_id) ? [{ ...claim, email: claim.email }] : [],
  );
  const personOf = persons(said.merges, pairs, said.hubs);
  const person = (customer_id: string): string => personOf.get(customer_id) ?? customer_id;
  return link(events, decisions, DEFAULT_POLICY)
    .map(({ first: _f, last: _l, details, landing_event_id: _e, candidates, ...row }) => ({
      ...row,
      candidates: candidates.map((candidate) => ({ ...candidate, person_id: person(candidate.customer_id) })),
      scans: details?.scans.map(([, scan]) => scan) ?? [],
      products: details?.products ?? [],
      ...salesOf(details),
    }))
    .sort(byPlace);
}

/** A consumer that follows the change feed from its beginning. */
export function createCopy(): { position(): number; take(changes: readonly LinkChange[]): void; links(): Map<string, object> } {
  const held = new Map<string, LinkRow>();
  const personOf = new Map<string, string>();
  let position = 0;
  const person = (customer_id: string): string => personOf.get(customer_id) ?? customer_id;
  return {
    position: () => position,
    take(changes) {
      for (const change of changes) {
        if (change.position <= position) throw new Error(`position ${change.position} after ${position}`);
        position = change.position;
        const { anonymous_id, session_id, segment } = change.link ?? change.old ?? {};
        const key = `${anonymous_id} ${session_id} ${segment}`;
        if (change.type === 'person') personOf.set(change.customer_id ?? '', change.person_id ?? '');
        else if (change.type === 'delete') held.delete(key);
        else if (change.link) held.set(key, change.link);
      }
    },
    links: () => new Map([...held].map(([key, row]) => [key, linkOf(row, person)] as const).sort()),
  };
}

/** What such a consumer should hold. */
export async function linksOf(store: Store): Promise<Map<string, object>> {
  const rows = await table(store);
  return new Map(rows.map((row) => [`${row.anonymous_id} ${row.session_id} ${row.segment}`, linkOf(row)] as const).sort());
}

/** What a consumer keeps of a link; persons by its own book of `person` changes, where it has one. */
function linkOf(row: Told, person?: (customer_id: string) => string): object {
  const { status, customer_id, rule, strength, evidence_event_id } = row;
  return {
    ...{ status, customer_id, rule, strength, evidence_event_id },
    person_id: customer_id === null || !person ? row.person_id : person(customer_id),
    candidates: row.candidates.map((candidate) => ({
      ...candidate,
      person_id: person ? person(candidate.customer_id) : candidate.person_id,
    })),
  };
}

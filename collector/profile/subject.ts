/** Everything that is stored of a person, for the person: one object after the other, read page by page. */
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { refusedOf } from '../intake/erase-traces.ts';
import type { Queries } from '../store/queries.ts';
import { profileOf } from './profile.ts';

const PAGE = 500;

export interface SubjectSource {
  queries: Queries;
  record: SiteRecord;
  customer_id: string;
  now: Millis;
}

/** Nothing at all if no event ever named this customer. */
export async function* subjectLines({ queries, record, customer_id, now }: SubjectSource): AsyncGenerator<object> {
  const { site, site_pk, email_key } = record;
  const profile = await profileOf({ queries, site, site_pk, customer_id, standings: null, now });
  if (!profile) return;
  const { person_id, orders, ...rest } = profile;
  const customers = await queries.customersOf(site, person_id);
  yield { record: 'subject', site, person_id, customers, exported_at: now };
  // Scores say where the person stands among others, as of another moment: the profile has them.
  const { rfm: _rfm, segments: _segments, ...told } = rest;
  yield { record: 'profile', person_id, ...told };
  for (const order of orders) yield { record: 'order', ...order };
  for await (const link of queries.allLinks({ site, person_id, bots: true })) yield { record: 'link', ...link };

  const event_ids = new Set<string>();
  for (let before: { occurred_at: Millis; event_pk: number } | null = null; ; ) {
    const events = await queries.timeline(site, customers, before, PAGE);
    for (const { event_pk: _pk, ...event } of events) {
      event_ids.add(event.event_id);
      yield { record: 'event', ...event };
    }
    const last = events.at(-1);
    if (events.length < PAGE || !last) break;
    before = { occurred_at: last.occurred_at, event_pk: last.event_pk };
  }
  for (const claim of await queries.claimsOfPerson({ site_pk, customers })) yield { record: 'claim', ...claim };
  for (const code of await queries.codes({ sites: [site] }))
    if (code.customer_id !== null && customers.includes(code.customer_id)) yield { record: 'code', ...code };
  for (const decision of await queries.decisions([site], '', 1_000_000))
    if (
      (decision.type === 'merge' && decision.customers.some((id) => customers.includes(id))) ||
      (decision.type === 'hub' && customers.includes(decision.customer_id)) ||
      (decision.type === 'revoke' && event_ids.has(decision.target))
    )
      yield { record: 'decision', ...decision };

  const theirs = refusedOf({ customers: new Set(customers), events: event_ids, anonymous_ids: new Set(), email_key });
  for (let after = 0; ; ) {
    const page = await queries.failed(after, PAGE);
    for (const { failed_pk: _pk, raw, ...row } of page) {
      const text = raw.toString();
      if (row.site === site && theirs(row.event_id, text)) yield { record: 'failed_event', ...row, raw: text };
    }
    const last = page.at(-1);
    if (page.length < PAGE || !last) return;
    after = last.failed_pk;
  }
}

/** Everything that is stored of a person, for the person: one object after the other, read page by page. */
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { refusedOf } from '../intake/erase-traces.ts';
import type { Queries } from '../store/queries.ts';
import { readPerson } from './profile.ts';
import { touchesOf } from './touches.ts';

const PAGE = 500;
/** Objects that are made in one go; then others have their turn. */
const PORTION = 50;

export interface SubjectSource {
  queries: Queries;
  record: SiteRecord;
  customer_id: string;
  now: Millis;
}

/** Nothing at all if nothing that is stored names this customer. */
export async function* subjectLines(source: SubjectSource): AsyncGenerator<object> {
  const { queries, record, now } = source;
  const { site } = record;
  const person_id = await queries.personOf(site, source.customer_id);
  const customers = await queries.customersOf(site, person_id);
  const subject = { record: 'subject', site, person_id, customers, exported_at: now };
  let told = customers.length > 1;
  if (told) yield subject;
  for await (const line of linesOf(source, customers)) {
    if (!told) yield subject;
    told = true;
    yield line;
  }
}

async function* linesOf({ queries, record, customer_id, now }: SubjectSource, customers: readonly string[]): AsyncGenerator<object> {
  const { site, site_pk, email_key } = record;
  const anonymous_ids = new Set<string>();
  const person = await readPerson({ queries, site, site_pk, customer_id, standings: null, now }, true);
  if (person) {
    // Scores say where the person stands among others, as of another moment: the profile has them.
    const { rfm: _rfm, segments: _segments, orders: _orders, browsers: _browsers, ...rest } = person.profile;
    yield { record: 'profile', ...rest };
    for (const browser of person.browsers) {
      anonymous_ids.add(browser.anonymous_id);
      yield { record: 'browser', ...browser };
    }
    for (const [at, order] of person.orders.entries()) {
      yield { record: 'order', ...order, ...touchesOf(order, person.visits) };
      if (at % PORTION === 0) await pause();
    }
    for await (const link of queries.allLinks({ site, person_id: rest.person_id, bots: true })) yield { record: 'link', ...link };
  }

  for (let before: { occurred_at: Millis; event_pk: number } | null = null; ; ) {
    const events = await queries.timeline(site, customers, before, PAGE);
    for (const { event_pk: _pk, ...event } of events) yield { record: 'event', ...event };
    const last = events.at(-1);
    if (events.length < PAGE || !last) break;
    before = { occurred_at: last.occurred_at, event_pk: last.event_pk };
  }
  for (let after = { occurred_at: Number.MIN_SAFE_INTEGER, event_id: '' }; ; ) {
    const claims = await queries.claimsOfPerson({ site_pk, customers }, after, PAGE);
    for (const claim of claims) yield { record: 'claim', ...claim };
    const last = claims.at(-1);
    if (claims.length < PAGE || !last) break;
    after = last;
  }
  for (const { anonymous_id } of await queries.claimedBrowsers(site, customers)) anonymous_ids.add(anonymous_id);
  for (const id of customers)
    for (let after = ''; ; ) {
      const codes = await queries.codes({ sites: [site], customer_id: id, after, limit: PAGE });
      for (const code of codes) yield { record: 'code', ...code };
      const last = codes.at(-1);
      if (codes.length < PAGE || !last) break;
      after = last.code;
    }
  yield* decisionsAbout({ queries, site, customers, anonymous_ids });
  yield* refusedBy({ queries, site, customers, email_key });
}

interface About {
  queries: Queries;
  site: string;
  customers: readonly string[];
}

/** Merges and hubs that name them, what makes a browser of theirs a public one, and what takes back such a statement or a claim of theirs. */
async function* decisionsAbout({
  queries,
  site,
  customers,
  anonymous_ids,
}: About & { anonymous_ids: ReadonlySet<string> }): AsyncGenerator<object> {
  const told = new Set<string>();
  for (let after = ''; ; ) {
    const page = await queries.decisions([site], after, PAGE);
    const targets = page.flatMap((said) => (said.type === 'revoke' ? [said.target] : []));
    const theirs = await queries.eventsOfPerson(site, customers, targets);
    for (const said of page) {
      const named =
        (said.type === 'merge' && said.customers.some((id) => customers.includes(id))) ||
        (said.type === 'hub' && customers.includes(said.customer_id)) ||
        (said.type === 'kiosk' && anonymous_ids.has(said.anonymous_id)) ||
        (said.type === 'revoke' && (theirs.has(said.target) || told.has(said.target)));
      if (!named) continue;
      told.add(said.decision_id);
      yield { record: 'decision', ...said };
    }
    const last = page.at(-1);
    if (page.length < PAGE || !last) return;
    after = last.decision_id;
    await pause();
  }
}

/** Refused events that name them, or are copies of events of theirs. */
async function* refusedBy({ queries, site, customers, email_key }: About & { email_key: Buffer }): AsyncGenerator<object> {
  for (let after = 0; ; ) {
    const page = await queries.failed(after, PAGE);
    const here = page.filter((row) => row.site === site);
    const events = await queries.eventsOfPerson(
      site,
      customers,
      here.flatMap(({ event_id }) => event_id ?? []),
    );
    const theirs = refusedOf({ customers: new Set(customers), events, anonymous_ids: new Set(), email_key });
    for (const { failed_pk: _pk, raw, ...row } of here) {
      const text = raw.toString();
      if (theirs(row.event_id, text)) yield { record: 'failed_event', ...row, raw: text };
    }
    const last = page.at(-1);
    if (page.length < PAGE || !last) return;
    after = last.failed_pk;
    await pause();
  }
}

const pause = (): Promise<void> => new Promise((next) => setImmediate(next));

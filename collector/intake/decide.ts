/** An operator's statement into the store: checked, kept, and carried into every link that it changes (R7 to R9). */
import type { Millis } from '../../protocol/event.ts';
import { DECISION_PREFIX } from '../../protocol/ids.ts';
import { Problem } from '../errors.ts';
import { nameCustomer } from '../linking/claim.ts';
import { type Standing, standing } from '../linking/decisions.ts';
import type { Decision } from '../linking/event.ts';
import { mergeComponents } from '../linking/person.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { Tx } from '../store/store.ts';
import { queueAround, renamePersons, standingOf } from './relink.ts';

/** What an operator says, before it has an id and a time. */
export type Statement =
  | { type: 'merge'; customers: string[]; into: string }
  | { type: 'kiosk'; anonymous_id: string }
  | { type: 'hub'; customer_id: string }
  | { type: 'revoke'; target: string };

export interface Said {
  site: string;
  site_pk: number;
  statement: Statement;
  author: string;
  reason: string;
  now: Millis;
}

/** Keeps the statement and queues what it changes. Throws Problem if it names something unknown or contradicts itself. */
export async function decide(tx: Tx, { site, site_pk, statement, author, reason, now }: Said, policy: LinkingPolicy): Promise<Decision> {
  const before = await tx.decisions(site_pk);
  const last = before.at(-1);
  const time = Math.max(now, last?.time ?? 0);
  const decision: Decision = {
    decision_id: nextId(time, last?.decision_id, site_pk),
    site,
    time,
    ...(await checked(tx, site_pk, statement, before)),
  };
  await tx.addDecision(site_pk, decision, { author, reason });
  await carryOut(tx, site_pk, standingOf(before), standing([...before, decision]), decision, policy, now);
  return decision;
}

/** Ids rise: the time in 9 base36 digits, a counter, and the site, which another site's decision of this moment has not. */
function nextId(time: Millis, last: string | undefined, site_pk: number): string {
  const stem = DECISION_PREFIX + time.toString(36).padStart(9, '0');
  const count = last?.startsWith(stem) ? Number.parseInt(last.slice(stem.length + 1, stem.length + 5), 36) + 1 : 0;
  return `${stem}-${count.toString(36).padStart(4, '0')}-${site_pk.toString(36)}`;
}

async function checked(tx: Tx, site_pk: number, statement: Statement, before: readonly Decision[]): Promise<Statement> {
  const refuse = (field: string, why: string): Problem => new Problem(400, `${field}: ${why}`, { field });
  switch (statement.type) {
    case 'merge': {
      const customers = [...new Set(statement.customers.map((raw) => named(raw, 'customers')))];
      const into = named(statement.into, 'into');
      if (customers.length < 2) throw refuse('customers', 'a merge needs at least two different customers');
      if (!customers.includes(into)) throw refuse('into', 'expected one of the customers');
      return { type: 'merge', customers, into };
    }
    case 'hub':
      return { type: 'hub', customer_id: named(statement.customer_id, 'customer_id') };
    case 'kiosk':
      return statement;
    case 'revoke': {
      const { target } = statement;
      if (target.startsWith(DECISION_PREFIX)) {
        if (!before.some(({ decision_id }) => decision_id === target))
          throw new Problem(404, `No such decision: ${target}`, { field: 'target' });
      } else if ((await tx.claims(site_pk, new Set([target]))).length === 0)
        throw new Problem(404, `No claim has this event id: ${target}`, { field: 'target' });
      const standingNow = standingOf(before);
      const gone = standingNow.revoked_claims.has(target) || standingNow.revoked_decisions.has(target);
      if (gone) throw new Problem(409, `${target} is revoked already`, { field: 'target' });
      return statement;
    }
  }
}

/** A customer id as claims carry it: guests by their `email:` id, raw ids normalised. */
function named(raw: string, field: string): string {
  const name = nameCustomer(raw);
  if ('nobody' in name) throw new Problem(400, `${field}: ${JSON.stringify(raw)} names nobody`, { field });
  return name.id;
}

/** Carries the difference of two standings into claims, hubs, kiosks and persons, and queues the browsers it touches. */
async function carryOut(
  tx: Tx,
  site_pk: number,
  before: Standing,
  after: Standing,
  { decision_id }: Decision,
  policy: LinkingPolicy,
  now: Millis,
): Promise<void> {
  /** Whose person may be another now. */
  const customers = new Set<string>();
  for (const revoked of [true, false]) {
    const [from, to] = revoked ? [before, after] : [after, before];
    const claims = minus(to.revoked_claims, from.revoked_claims);
    if (claims.size === 0) continue;
    await tx.setRevoked(site_pk, claims, revoked);
    const records = await tx.claims(site_pk, claims);
    for (const { email } of records) if (email !== null) customers.add(email);
    await queueAround(tx, records, policy, () => decision_id);
  }
  for (const hub of [true, false]) {
    const [from, to] = hub ? [before, after] : [after, before];
    for (const customer_id of minus(to.hubs, from.hubs)) {
      await tx.setHub(site_pk, customer_id, hub);
      await queueAround(tx, await tx.claimsOf(site_pk, new Set([customer_id]), false), policy, () => decision_id);
      for (const email of await tx.emailsOf(site_pk, new Set([customer_id]))) customers.add(email);
    }
  }
  for (const kiosk of [true, false]) {
    const [from, to] = kiosk ? [before, after] : [after, before];
    for (const anonymous_id of minus(to.kiosks, from.kiosks)) {
      const browser_pk = await tx.setKiosk(site_pk, anonymous_id, kiosk);
      if (browser_pk === null) throw new Problem(404, `No such browser: ${anonymous_id}`, { field: 'anonymous_id' });
      const span = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
      await tx.forgetBrowsers([browser_pk]);
      await tx.queueRelinks([{ browser_pk, ...span, refold: false, cause_event_id: decision_id }]);
    }
  }
  const [was, is] = [mergeComponents(before.merges), mergeComponents(after.merges)];
  for (const customer_id of new Set([...was.keys(), ...is.keys()]))
    if ((was.get(customer_id) ?? customer_id) !== (is.get(customer_id) ?? customer_id) || was.has(customer_id) !== is.has(customer_id))
      customers.add(customer_id);
  for (const email of await tx.emailsOf(site_pk, customers)) customers.add(email);
  if (customers.size > 0) await renamePersons(tx, site_pk, { customers, merges: after.merges }, policy, () => decision_id, now);
}

function minus<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> {
  return new Set([...a].filter((item) => !b.has(item)));
}

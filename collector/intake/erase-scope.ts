/** What an erasure takes: a person's events and claims, and what of others' must stay beside them. */
import { sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import type { Strength } from '../linking/event.ts';
import { customerQueries } from '../store/queries-customers.ts';
import { placedEvents } from '../store/queries-events.ts';
import type { Tx } from '../store/store.ts';

export interface Person {
  site: string;
  site_pk: number;
  customers: readonly string[];
}

export interface Doomed {
  event_pk: number;
  event_id: string;
  browser_pk: number | null;
  session_pk: number | null;
  time: Millis;
  barrier: string | null;
}

export interface DoomedClaim {
  event_id: string;
  browser_pk: number | null;
  time: Millis;
  customer_id: string;
  email: string | null;
  strength: Strength;
  revoked: number;
}

/** Events of the person's segments, claims and orders, and scans that stand by one of them. */
export async function doomedEvents(tx: Tx, { site, site_pk, customers }: Person): Promise<Doomed[]> {
  const person = { site_pk, customers };
  const pks = new Set<number>();
  const take = (rows: readonly { event_pk: number }[]): void => {
    for (const { event_pk } of rows) pks.add(event_pk);
  };
  take(await tx.run(sql<{ event_pk: number }>`SELECT event_pk FROM (${placedEvents(customers, site)}) placed`));
  take(
    await tx.run(sql<{
      event_pk: number;
    }>`SELECT e.event_pk FROM claims c JOIN events e ON e.event_id = c.event_id AND e.site_pk = c.site_pk
      WHERE c.site_pk = ${site_pk} AND c.customer_id IN (${sql.join([...customers])})`),
  );
  const read = customerQueries((query) => tx.run(query));
  const sessions = await tx.run(sql<{ session_pk: number }>`SELECT DISTINCT l.session_pk FROM links l JOIN browsers b USING (browser_pk)
    WHERE l.customer_id IN (${sql.join([...customers])}) AND b.site_pk = ${site_pk}`);
  const own = await read.orderEventsOf(
    person,
    sessions.map(({ session_pk }) => session_pk),
  );
  const named = new Set(
    own.flatMap(({ event_pk, source, order_id }) => (pks.has(event_pk) && order_id !== null ? [`${source} ${order_id}`] : [])),
  );
  const order_ids = [...new Set(own.flatMap(({ order_id }) => order_id ?? []))];
  // A refund, or another messenger's copy, that names one of their orders and nobody.
  const told = await read.orderEventsNamed(site_pk, order_ids);
  take(told.filter(({ person_id, source, order_id }) => person_id === null && named.has(`${source} ${order_id}`)));
  const found: Doomed[] = [];
  const look = async (wanted: readonly number[]): Promise<void> => {
    for (const some of chunks(wanted))
      found.push(
        ...(await tx.run(sql<Doomed>`
          SELECT e.event_pk, e.event_id, coalesce(s.browser_pk, e.browser_pk, q.browser_pk) AS browser_pk,
            coalesce(e.session_pk, q.session_pk) AS session_pk, e.time, r.barrier
          FROM events e LEFT JOIN sessions s ON s.session_pk = e.session_pk LEFT JOIN scan_records q ON q.event_pk = e.event_pk
            LEFT JOIN barriers r ON r.browser_pk = coalesce(s.browser_pk, e.browser_pk) AND r.time = e.time AND r.event_id = e.event_id
          WHERE e.event_pk IN (${sql.join(some)})`)),
      );
  };
  await look([...pks]);
  const beside = new Set<number>();
  for (const ids of chunks(found.map(({ event_id }) => event_id)))
    for (const { event_pk } of await tx.run(sql<{ event_pk: number }>`
      SELECT event_pk FROM scan_records WHERE site_pk = ${site_pk} AND claimer_id IN (${sql.join(ids)})`))
      if (!pks.has(event_pk)) beside.add(event_pk);
  await look([...beside]);
  return found;
}

/** Claims of these customers, and whatever other claims stand on the doomed events. */
export async function claimsOn(tx: Tx, site_pk: number, customers: readonly string[], doomed: readonly Doomed[]): Promise<DoomedClaim[]> {
  const found = new Map<string, DoomedClaim>();
  const take = (rows: readonly DoomedClaim[]): void => {
    for (const row of rows) found.set(row.event_id, row);
  };
  const columns = sql`event_id, browser_pk, time, customer_id, email, strength, revoked`;
  for (const ids of chunks(customers))
    take(await tx.run(sql<DoomedClaim>`SELECT ${columns} FROM claims WHERE site_pk = ${site_pk} AND customer_id IN (${sql.join(ids)})`));
  for (const ids of chunks(doomed.map(({ event_id }) => event_id)))
    take(await tx.run(sql<DoomedClaim>`SELECT ${columns} FROM claims WHERE site_pk = ${site_pk} AND event_id IN (${sql.join(ids)})`));
  return [...found.values()];
}

/** Guests that are not this person's, but that one of the erased claims spoke of beside others': who they are must not become clearer. */
export async function sharedEmails(
  tx: Tx,
  site_pk: number,
  customers: readonly string[],
  claims: readonly DoomedClaim[],
  doomed: readonly Doomed[],
): Promise<Set<string>> {
  const own = new Set(customers);
  const erased = new Set([...claims, ...doomed].map(({ event_id }) => event_id));
  const shared = new Set<string>();
  for (const email of new Set(claims.flatMap((claim) => claim.email ?? []))) {
    if (own.has(email)) continue;
    const others = await tx.run(sql<{ event_id: string }>`SELECT event_id FROM claims WHERE site_pk = ${site_pk} AND email = ${email}`);
    if (others.some(({ event_id }) => !erased.has(event_id))) shared.add(email);
  }
  return shared;
}

/** Rows that one statement names at most. */
const CHUNK = 500;

export function* chunks<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += CHUNK) yield all.slice(at, at + CHUNK);
}

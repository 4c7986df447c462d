/** What else names an erased person: the change feed's past, refused events, and the reasons that operators gave. */
import { sql } from 'kysely';
import { nameCustomer } from '../linking/claim.ts';
import { erasedDecisions } from '../linking/decisions.ts';
import type { Tx } from '../store/store.ts';
import { guestId } from './enrich.ts';

export interface Traces {
  erasure_id: string;
  site: string;
  site_pk: number;
  email_key: Buffer;
  customers: ReadonlySet<string>;
  /** Ids of the erased events, as they came. */
  events: ReadonlySet<string>;
  browsers: readonly number[];
  /** Where the change feed stood. */
  before: number;
}

/** Rows read at once. */
const PAGE = 2_000;
/** What an entry of the feed says of a link that was the person's. */
const EMPTIED = JSON.stringify({ status: 'anonymous', owners: 0 });

export async function eraseTraces(tx: Tx, traces: Traces): Promise<{ changes: number; failed_events: number; reasons: number }> {
  return { changes: await eraseChanges(tx, traces), failed_events: await eraseFailed(tx, traces), reasons: await eraseReasons(tx, traces) };
}

/** Whether anything but an event names one of these customers: a code, a claim's e-mail, a decision or its reason, a refused event. */
export async function isNamed(
  tx: Tx,
  { site, site_pk, email_key, customers }: Pick<Traces, 'site' | 'site_pk' | 'email_key'> & { customers: readonly string[] },
): Promise<boolean> {
  const ids = new Set(customers);
  const list = sql.join([...customers]);
  const rows = await tx.run(sql`SELECT 1 FROM codes WHERE site_pk = ${site_pk} AND customer_id IN (${list})
    UNION ALL SELECT 1 FROM claims WHERE site_pk = ${site_pk} AND email IN (${list}) LIMIT 1`);
  if (rows.length > 0) return true;
  if (erasedDecisions(await tx.decisions(site_pk), ids, new Set()).size > 0) return true;
  if ((await reasonsNaming(tx, site_pk, ids)).length > 0) return true;
  const isTheirs = refusedOf({ customers: ids, events: new Set(), anonymous_ids: new Set(), email_key });
  for await (const { event_id, raw } of refusedIn(tx, site)) if (isTheirs(event_id, raw.toString())) return true;
  return false;
}

/**
 * Entries whose new link names the person go: what came of it is told by a later one. Where only the old link does, it is emptied.
 * Who is behind in the feed misses nothing but the person.
 */
async function eraseChanges(tx: Tx, { site_pk, customers, events, erasure_id, browsers }: Traces): Promise<number> {
  const named = [...customers].map((id) => JSON.stringify(id));
  const names = (json: string | null): boolean => json !== null && named.some((id) => json.includes(id));
  let count = 0;
  for (let after = 0; ; ) {
    const rows = await tx.run(sql<{ position: number; type: string; link: string | null; old: string | null; cause_event_id: string }>`
      SELECT position, type, link, old, cause_event_id FROM change_log WHERE site_pk = ${site_pk} AND position > ${after} ORDER BY position LIMIT ${PAGE}`);
    for (const { position, type, link, old, cause_event_id } of rows) {
      const [inLink, inOld] = [names(link), names(old)];
      if (inLink || (type === 'person' && inOld)) await tx.run(sql`DELETE FROM change_log WHERE position = ${position}`);
      else if (inOld) await tx.run(sql`UPDATE change_log SET old = ${EMPTIED} WHERE position = ${position}`);
      if (inLink || inOld) count += 1;
      if (events.has(cause_event_id)) await tx.run(sql`UPDATE change_log SET cause_event_id = ${erasure_id} WHERE position = ${position}`);
    }
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) break;
    after = last.position;
  }
  for (const browser_pk of browsers) {
    const causes = await tx.run(sql<{ session_pk: number; segment: number; cause_event_id: string }>`
      SELECT session_pk, segment, cause_event_id FROM links WHERE browser_pk = ${browser_pk}`);
    for (const { session_pk, segment, cause_event_id } of causes)
      if (events.has(cause_event_id))
        await tx.run(sql`UPDATE links SET cause_event_id = ${erasure_id} WHERE session_pk = ${session_pk} AND segment = ${segment}`);
  }
  return count;
}

/** Refused events that name the person, are copies of theirs, or came from a browser that was theirs alone. */
async function eraseFailed(tx: Tx, { site, site_pk, email_key, customers, events, browsers }: Traces): Promise<number> {
  const anonymous_ids = new Set<string>();
  for (const browser_pk of browsers) {
    const shared = await tx.run(sql`SELECT 1 FROM claims WHERE browser_pk = ${browser_pk} AND type <> 'erased' LIMIT 1`);
    if (shared.length > 0) continue;
    for (const { anonymous_id } of await tx.run(
      sql<{ anonymous_id: string }>`SELECT anonymous_id FROM browsers WHERE browser_pk = ${browser_pk} AND site_pk = ${site_pk}`,
    ))
      anonymous_ids.add(anonymous_id);
  }
  const isTheirs = refusedOf({ customers, events, anonymous_ids, email_key });
  const gone: number[] = [];
  for await (const { failed_pk, event_id, raw } of refusedIn(tx, site)) if (isTheirs(event_id, raw.toString())) gone.push(failed_pk);
  await tx.dropFailed(gone);
  return gone.length;
}

async function* refusedIn(tx: Tx, site: string): AsyncGenerator<{ failed_pk: number; event_id: string | null; raw: Buffer }> {
  for (let after = 0; ; ) {
    const rows = await tx.run(sql<{ failed_pk: number; event_id: string | null; raw: Buffer }>`
      SELECT failed_pk, event_id, raw FROM failed_events WHERE site = ${site} AND failed_pk > ${after} ORDER BY failed_pk LIMIT ${PAGE}`);
    yield* rows;
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return;
    after = last.failed_pk;
  }
}

/** Tells of a refused event, as it came, whether it is this person's. */
export function refusedOf({
  customers,
  events,
  anonymous_ids,
  email_key,
}: Pick<Traces, 'customers' | 'events' | 'email_key'> & { anonymous_ids: ReadonlySet<string> }): (
  event_id: string | null,
  text: string,
) => boolean {
  const quoted = [...customers].map((id) => JSON.stringify(id));
  return (event_id, text) => {
    if (event_id !== null && events.has(event_id)) return true;
    if (quoted.some((id) => text.includes(id))) return true;
    for (const [, sha256 = ''] of text.matchAll(/"email_sha256"\s*:\s*"([0-9a-fA-F]{64})"/g))
      if (customers.has(guestId(sha256.toLowerCase(), email_key))) return true;
    const said = parsed(text);
    const customer = said['customer_id'];
    if (typeof customer === 'string' || typeof customer === 'number') {
      const name = nameCustomer(String(customer));
      if ('id' in name && customers.has(name.id)) return true;
    }
    return typeof said['anonymous_id'] === 'string' && anonymous_ids.has(said['anonymous_id']);
  };
}

/** Reasons of decisions that stay, where they name the person. */
async function eraseReasons(tx: Tx, { site_pk, customers }: Traces): Promise<number> {
  const named = await reasonsNaming(tx, site_pk, customers);
  for (const decision_id of named) await tx.run(sql`UPDATE decisions SET reason = '(erased)' WHERE decision_id = ${decision_id}`);
  return named.length;
}

async function reasonsNaming(tx: Tx, site_pk: number, customers: ReadonlySet<string>): Promise<string[]> {
  const rows = await tx.run(
    sql<{ decision_id: string; reason: string }>`SELECT decision_id, reason FROM decisions WHERE site_pk = ${site_pk}`,
  );
  return rows.flatMap(({ decision_id, reason }) => ([...customers].some((id) => wordsOf(reason, id)) ? [decision_id] : []));
}

/** Whether an id stands in a text as a word of its own. */
function wordsOf(text: string, id: string): boolean {
  for (let at = text.indexOf(id); at >= 0; at = text.indexOf(id, at + 1))
    if (!/[\p{L}\p{N}]/u.test(text[at - 1] ?? '') && !/[\p{L}\p{N}]/u.test(text[at + id.length] ?? '')) return true;
  return false;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

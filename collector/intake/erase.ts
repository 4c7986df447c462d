/**
 * Erasure of a person (R12): their events, links, orders, scans, identifiers and what was said of them go, in one transaction with
 * what that changes for others. Their claims stay as owners without a name, barriers as barriers, keys as keys: nobody else inherits
 * the person's visits, and no copy comes back.
 */
import { sql } from 'kysely';
import { nanoid } from 'nanoid';
import type { Millis } from '../../protocol/event.ts';
import { erasedDecisions } from '../linking/decisions.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import { spentScans } from '../linking/scan.ts';
import { identityQueries } from '../store/queries-identity.ts';
import type { Tx } from '../store/store.ts';
import { chunks, claimsOn, type Doomed, doomedEvents, sharedEmails } from './erase-scope.ts';
import { eraseTraces, isNamed } from './erase-traces.ts';
import { relinkQueued, renamePersons, standingOf } from './relink.ts';
import { ERASED_TYPE, tombstoneOf } from './tombstone.ts';

export interface Erasure {
  erasure_id: string;
  site: string;
  site_pk: number;
  email_key: Buffer;
  /** Any id of the person. */
  customer_id: string;
  author: string;
  now: Millis;
}

/** What an erasure took, in numbers: nothing in it names anybody. */
export interface ErasureReport {
  customers: number;
  events: number;
  sessions: number;
  links: number;
  claims: number;
  orders: number;
  scans: number;
  codes: number;
  decisions: number;
  failed_events: number;
  /** Entries of the change feed that named the person: taken out, or their old state emptied. */
  changes: number;
  /** Links of others that are judged otherwise now. */
  links_changed: number;
  /** Sessions on the person's browsers that were never linked to them, and so stay. */
  sessions_left: number;
}

export interface Erased {
  report: ErasureReport;
  /** Printed codes that named the person and are retired. */
  codes: string[];
}

/** `site`’s customers that are this person now, all of them. Null if nothing that is stored names one. */
export async function erase(tx: Tx, erasure: Erasure, policy: LinkingPolicy): Promise<Erased | null> {
  const { erasure_id, site, site_pk, email_key, author, now } = erasure;
  const before = await tx.lastPosition();
  const { personOf, customersOf } = identityQueries((query) => tx.run(query));
  const customers = await customersOf(site, await personOf(site, erasure.customer_id));
  const doomed = await doomedEvents(tx, { site, site_pk, customers });
  const claims = await claimsOn(tx, site_pk, customers, doomed);
  if (doomed.length + claims.length === 0 && customers.length === 1 && !(await isNamed(tx, { site, site_pk, email_key, customers })))
    return null;

  const keyOf = (event_id: string): string => tombstoneOf(event_id, email_key) ?? event_id;
  const sessions = distinct(doomed, ({ session_pk }) => session_pk);
  const browsers = distinct([...doomed, ...claims], ({ browser_pk }) => browser_pk);
  const spans = await spansOf(tx, sessions);
  const hubs = await tx.hubs(site_pk);
  const emails = await sharedEmails(tx, site_pk, customers, claims, doomed);

  const uses = await singleUseCodes(tx, site_pk, doomed);
  const taken = await dropRows(tx, site_pk, doomed);
  for (const { event_pk, event_id, browser_pk, time, barrier } of doomed) {
    const key = keyOf(event_id);
    if (key !== event_id) await tx.replaceKey(site_pk, event_id, key);
    await tx.run(sql`UPDATE events SET event_id = ${key}, type = ${ERASED_TYPE}, time = received_at, occurred_at = received_at,
      browser_pk = NULL, session_pk = NULL, payload = '' WHERE event_pk = ${event_pk}`);
    if (barrier !== null)
      await tx.run(
        sql`UPDATE barriers SET event_id = ${key} WHERE browser_pk = ${browser_pk} AND time = ${time} AND event_id = ${event_id}`,
      );
  }
  for (const ids of chunks(claims.map(({ event_id }) => event_id)))
    await tx.run(sql`DELETE FROM claims WHERE site_pk = ${site_pk} AND event_id IN (${sql.join(ids)})`);
  const owners = new Map<number | null, string>();
  for (const { event_id, browser_pk, time, customer_id, email, strength, revoked } of claims) {
    const kept = email !== null && emails.has(email) ? email : null;
    const owns = browser_pk !== null && strength !== 'carried';
    if (revoked !== 0 || hubs.has(customer_id) || (!owns && kept === null)) continue;
    const owner = owners.get(browser_pk) ?? `${ERASED_TYPE}:${nanoid(16)}`;
    if (browser_pk !== null) owners.set(browser_pk, owner);
    await tx.run(sql`INSERT INTO claims (site_pk, event_id, browser_pk, session_pk, time, rank, type, occurred_at, customer_id, email, strength, revoked)
      VALUES (${site_pk}, ${keyOf(event_id)}, ${browser_pk}, NULL, ${time}, 1, ${ERASED_TYPE}, ${time}, ${owner}, ${kept}, ${strength}, 0)`);
  }
  for (const ids of chunks(customers)) {
    const list = sql.join(ids);
    await tx.run(sql`UPDATE claims SET email = NULL WHERE site_pk = ${site_pk} AND email IN (${list})`);
    await tx.run(sql`DELETE FROM persons WHERE site_pk = ${site_pk} AND (customer_id IN (${list}) OR person_id IN (${list}))`);
    await tx.run(sql`DELETE FROM hubs WHERE site_pk = ${site_pk} AND customer_id IN (${list})`);
  }
  const gone = erasedDecisions(await tx.decisions(site_pk), new Set(customers), new Set(doomed.map(({ event_id }) => event_id)));
  for (const ids of chunks([...gone])) await tx.run(sql`DELETE FROM decisions WHERE decision_id IN (${sql.join(ids)})`);
  const codes = await dropCodes(tx, site_pk, customers);

  // Where a session landed may have been an erased event; it is told again from what is left.
  for (const pks of chunks(sessions))
    await tx.run(sql`UPDATE sessions SET landing_time = NULL, landing_rank = NULL, landing_event_id = NULL, landing_page = NULL, referrer = NULL,
      channel = NULL, source = NULL, medium = NULL, campaign = NULL, click_id = NULL WHERE session_pk IN (${sql.join(pks)})`);
  await tx.forgetBrowsers(browsers);
  const whole = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, refold: false };
  await tx.queueRelinks([
    ...spans.map((span) => ({ ...span, refold: true, cause_event_id: erasure_id })),
    ...(await spendAgain(tx, site_pk, uses)).map((span) => ({ ...span, refold: true, cause_event_id: erasure_id })),
    ...browsers.map((browser_pk) => ({ browser_pk, ...whole, cause_event_id: erasure_id })),
  ]);
  const { merges } = standingOf(await tx.decisions(site_pk));
  await renamePersons(tx, site_pk, { customers: emails, merges }, policy, () => erasure_id, now);
  await relinkQueued(tx, policy, now, Number.MAX_SAFE_INTEGER);

  const changed = await tx.changedBy(erasure_id, before);
  const ids = { customers: new Set(customers), events: new Set(doomed.map(({ event_id }) => event_id)) };
  const traces = await eraseTraces(tx, { ...erasure, ...ids, browsers, before });
  const report: ErasureReport = {
    customers: customers.length,
    events: doomed.length,
    sessions: sessions.length,
    links: changed.filter(({ type }) => type === 'delete').length,
    claims: claims.length,
    ...taken,
    codes: codes.length,
    decisions: gone.size + traces.reasons,
    failed_events: traces.failed_events,
    changes: traces.changes,
    links_changed: changed.filter(({ type }) => type === 'upsert').length,
    sessions_left: await sessionsOn(tx, browsers),
  };
  await tx.run(sql`INSERT INTO erasures (erasure_id, site_pk, erased_at, author, report)
    VALUES (${erasure_id}, ${site_pk}, ${now}, ${author}, ${JSON.stringify(report)})`);
  return { report, codes };
}

/** Where these sessions' links stand in time, to be read again. */
async function spansOf(tx: Tx, sessions: readonly number[]): Promise<{ browser_pk: number; from: Millis; to: Millis }[]> {
  const spans: { browser_pk: number; from: Millis; to: Millis }[] = [];
  for (const pks of chunks(sessions)) {
    const rows = await tx.run(sql<{ browser_pk: number; first: Millis; last: Millis }>`
      SELECT browser_pk, min(first_time) AS first, max(last_time) AS last FROM links WHERE session_pk IN (${sql.join(pks)}) GROUP BY browser_pk, session_pk`);
    spans.push(...rows.map(({ browser_pk, first, last }) => ({ browser_pk, from: first, to: last })));
  }
  return spans;
}

/** What other tables hold of these events. */
async function dropRows(tx: Tx, site_pk: number, doomed: readonly Doomed[]): Promise<{ orders: number; scans: number }> {
  const sum = { orders: 0, scans: 0 };
  for (const some of chunks(doomed)) {
    const pks = sql.join(some.map(({ event_pk }) => event_pk));
    const ids = sql.join(some.map(({ event_id }) => event_id));
    const [orders] = await tx.run(sql<{ n: number }>`SELECT count(*) AS n FROM order_events WHERE event_pk IN (${pks})`);
    const [scans] = await tx.run(sql<{ n: number }>`SELECT count(*) AS n FROM scan_records WHERE event_pk IN (${pks})`);
    sum.orders += Number(orders?.n ?? 0);
    sum.scans += Number(scans?.n ?? 0);
    for (const table of ['order_events', 'cart_events', 'scan_records'])
      await tx.run(sql`DELETE FROM ${sql.table(table)} WHERE event_pk IN (${pks})`);
    await tx.run(sql`DELETE FROM scan_carriers WHERE site_pk = ${site_pk} AND (event_id IN (${ids}) OR scan_id IN (${ids}))`);
    await tx.run(sql`DELETE FROM single_use_scans WHERE site_pk = ${site_pk} AND scan_id IN (${ids})`);
  }
  return sum;
}

/** Codes that claim once, of which one of these is a scan. */
async function singleUseCodes(tx: Tx, site_pk: number, doomed: readonly Doomed[]): Promise<Set<string>> {
  const codes = new Set<string>();
  for (const some of chunks(doomed.map(({ event_id }) => event_id)))
    for (const { code } of await tx.run(sql<{ code: string }>`
      SELECT code FROM single_use_scans WHERE site_pk = ${site_pk} AND scan_id IN (${sql.join(some)})`))
      codes.add(code);
  return codes;
}

/** Of what is left of these codes' scans another may be the first now. Answers where that changes a claim. */
async function spendAgain(
  tx: Tx,
  site_pk: number,
  codes: ReadonlySet<string>,
): Promise<{ browser_pk: number; from: Millis; to: Millis }[]> {
  const changed: { browser_pk: number; from: Millis; to: Millis }[] = [];
  for (const code of codes) {
    const [one] = await tx.run(
      sql<{ scan_id: string }>`SELECT scan_id FROM single_use_scans WHERE site_pk = ${site_pk} AND code = ${code} LIMIT 1`,
    );
    for (const uses of one ? await tx.singleUses(site_pk, [one.scan_id]) : []) {
      const claimed = (await tx.carriedScans(site_pk, new Set(uses.keys()))).flatMap((scan) => {
        const claimer = scan.carriers.find(({ event_id }) => event_id === scan.claimer_id);
        return claimer ? [{ scan, claimer }] : [];
      });
      const spent = new Set(spentScans(claimed));
      for (const placed of claimed) {
        const { scan_id } = placed.scan;
        if (spent.has(placed) === uses.get(scan_id)) continue;
        await tx.setSpent(site_pk, scan_id, spent.has(placed));
        const { browser_pk, time } = placed.claimer;
        changed.push({ browser_pk, from: time, to: time });
      }
    }
  }
  return changed;
}

/** Personal codes of these customers are nobody's from now on, and retired: what is printed must not say it again. */
async function dropCodes(tx: Tx, site_pk: number, customers: readonly string[]): Promise<string[]> {
  const codes: string[] = [];
  for (const ids of chunks(customers)) {
    const found = await tx.run(
      sql<{ code: string }>`SELECT code FROM codes WHERE site_pk = ${site_pk} AND customer_id IN (${sql.join(ids)})`,
    );
    codes.push(...found.map(({ code }) => code));
  }
  for (const some of chunks(codes)) {
    await tx.run(sql`DELETE FROM code_edits WHERE code IN (${sql.join(some)})`);
    await tx.run(
      sql`UPDATE codes SET customer_id = NULL, kind = 'plain', single_use = 0, label = '', active = 0 WHERE code IN (${sql.join(some)})`,
    );
  }
  // A code that is another's now may have been theirs.
  const named = customers.map((id) => JSON.stringify(id));
  for (let after = 0; ; ) {
    const edits = await tx.run(sql<{ edit_pk: number; old: string; new: string }>`
      SELECT e.edit_pk, e.old, e.new FROM code_edits e JOIN codes c USING (code)
      WHERE c.site_pk = ${site_pk} AND e.edit_pk > ${after} ORDER BY e.edit_pk LIMIT 1000`);
    for (const { edit_pk, ...edit } of edits)
      if (named.some((id) => edit.old.includes(id) || edit.new.includes(id)))
        await tx.run(sql`DELETE FROM code_edits WHERE edit_pk = ${edit_pk}`);
    const last = edits.at(-1);
    if (!last) return codes;
    after = last.edit_pk;
  }
}

async function sessionsOn(tx: Tx, browsers: readonly number[]): Promise<number> {
  let count = 0;
  for (const pks of chunks(browsers)) {
    const [row] = await tx.run(
      sql<{ n: number }>`SELECT count(DISTINCT session_pk) AS n FROM links WHERE customer_id IS NULL AND browser_pk IN (${sql.join(pks)})`,
    );
    count += Number(row?.n ?? 0);
  }
  return count;
}

function distinct<T>(rows: readonly T[], of: (row: T) => number | null): number[] {
  return [...new Set(rows.flatMap((row) => of(row) ?? []))];
}

/** Reading events and scans inside a PostgreSQL transaction: those stored, and those it will only store at its end. */
import type { Placed } from '../linking/browser.ts';
import { groupedBy } from './postgres-browsers.ts';
import type { Pending, PendingEvent, PendingScan } from './postgres-pending.ts';
import { numbers, prepared, type Session, texts } from './postgres-sql.ts';
import { type EventRow, placedOf, type ScannedRow } from './rows.ts';
import type { BrowserRecord, Carrier, ScanRecord, StoredCopy } from './store.ts';

/** All events of these sessions, claimed scans included, each at its place. */
export async function placedEvents(
  session: Session,
  pending: Pending,
  site: string,
  record: BrowserRecord,
  session_ids: ReadonlySet<string>,
): Promise<Map<string, Placed[]>> {
  const pks = new Map([...session_ids].map((session_id) => [record.session_pks.get(session_id) ?? -1, session_id]));
  const wanted = numbers(pks.keys());
  const [events, scans, unstored] = await Promise.all([
    session.query<EventRow & { session_pk: number }>(EVENTS_IN, [wanted]),
    session.query<ScannedRow & { session_pk: number }>(SCANS_IN, [wanted]),
    unstoredScans(
      session,
      [...pending.scans.values()].filter(({ session_pk }) => session_pk !== null && pks.has(session_pk)),
    ),
  ]);
  for (const event of pending.events) if (event.session_pk !== null && pks.has(event.session_pk)) events.push(eventRow(event));
  const [eventsIn, scansIn] = [
    groupedBy(events, ({ session_pk }) => session_pk),
    groupedBy([...scans, ...unstored], (row) => row.session_pk),
  ];
  return new Map(
    [...pks].map(([session_pk, session_id]) => [
      session_id,
      placedOf({ site, anonymous_id: record.anonymous_id, session_id }, eventsIn.get(session_pk) ?? [], scansIn.get(session_pk) ?? []),
    ]),
  );
}

function eventRow({ event, session_pk }: PendingEvent): EventRow & { session_pk: number } {
  const { event_id, type, time, occurred_at, payload, device, barrier, claim } = event;
  return {
    ...{ session_pk: session_pk ?? -1, event_id, type, time, occurred_at, payload: JSON.stringify(payload), barrier },
    ...{ device_type: device.device_type, bot: device.bot ? 1 : 0 },
    ...{ customer_id: claim?.customer_id ?? null, email: claim?.email ?? null, strength: claim?.strength ?? null },
  };
}

type ClaimColumns = Pick<ScannedRow, 'customer_id' | 'email' | 'strength'>;

/** Their claims are stored already, and may be spent. */
async function unstoredScans(session: Session, scans: readonly PendingScan[]): Promise<(ScannedRow & { session_pk: number })[]> {
  const [first] = scans;
  if (!first) return [];
  const live = await session.query<ClaimColumns & { event_id: string }>(LIVE_CLAIMS, [
    first.site_pk,
    texts(scans.map(({ event }) => event.event_id)),
  ]);
  const claimOf = new Map(live.map(({ event_id, ...claim }) => [event_id, claim]));
  return scans.map(({ event, session_pk, claimer_id, claimer_time, claimer_rank }) => {
    const { event_id, type, occurred_at, scan, device } = event;
    return {
      ...{ session_pk: session_pk ?? -1, scan_id: event_id, type, occurred_at, code: scan?.code ?? '' },
      ...{ store_id: scan?.store_id ?? null, placement: scan?.placement ?? null, sku: scan?.sku ?? null, gtin: scan?.gtin ?? null },
      ...{ claimer_id: claimer_id ?? '', claimer_time: claimer_time ?? 0, claimer_rank: claimer_rank ?? 2 },
      ...{ device_type: device.device_type, bot: device.bot ? 1 : 0 },
      ...(claimOf.get(event_id) ?? { customer_id: null, email: null, strength: null }),
    };
  });
}

/** Of events stored before: what is needed to see whether a copy's content differs. */
export async function readCopies(session: Session, site_pk: number, event_ids: readonly string[]): Promise<Map<string, StoredCopy>> {
  const rows = await session.query<StoredCopy & { event_id: string }>(COPIES, [texts(event_ids), site_pk]);
  return new Map(rows.map(({ event_id, ...copy }) => [event_id, copy]));
}

/** The scans among these, stored or about to be, that were carried, each with all its carriers. */
export async function readCarriedScans(
  session: Session,
  pending: Pending,
  site_pk: number,
  scan_ids: ReadonlySet<string>,
): Promise<ScanRecord[]> {
  const values = [site_pk, texts(scan_ids)];
  const [stored, carriers] = await Promise.all([
    session.query<Omit<ScanRecord, 'carriers'>>(SCANS, values),
    session.query<Carrier & { scan_id: string }>(CARRIERS, values),
  ]);
  const unstored = [...scan_ids].flatMap((scan_id): Omit<ScanRecord, 'carriers'>[] => {
    const scan = pending.scans.get(`${site_pk} ${scan_id}`);
    if (!scan) return [];
    const { event, claimer_id, browser_pk, session_pk } = scan;
    return [{ site_pk, scan_id, occurred_at: event.occurred_at, claimer_id, browser_pk, session_pk }];
  });
  const carriersOf = groupedBy(carriers, ({ scan_id }) => scan_id);
  return [...stored, ...unstored].flatMap((scan) => {
    const found = carriersOf.get(scan.scan_id);
    return found ? [{ ...scan, carriers: found }] : [];
  });
}

const COPIES = prepared(
  `SELECT e.event_id, e.type, e.time, e.payload, b.anonymous_id, s.session_id, c.customer_id, c.email
   FROM events e LEFT JOIN sessions s USING (session_pk) LEFT JOIN browsers b ON b.browser_pk = coalesce(s.browser_pk, e.browser_pk)
     LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id
   WHERE e.event_id = ANY($1::text[]) AND e.site_pk = $2`,
);
const EVENTS_IN = prepared(
  `SELECT e.session_pk, e.event_id, e.type, e.time, e.occurred_at, e.payload, d.device_type, d.bot,
     c.customer_id, c.email, c.strength, r.barrier
   FROM events e JOIN sessions s USING (session_pk) JOIN devices d USING (device_pk)
     LEFT JOIN claims c ON c.site_pk = e.site_pk AND c.event_id = e.event_id AND c.revoked = 0
     LEFT JOIN barriers r ON r.browser_pk = s.browser_pk AND r.time = e.time AND r.event_id = e.event_id
   WHERE e.session_pk = ANY($1::bigint[])`,
);
const SCANS_IN = prepared(
  `SELECT s.*, e.type, d.device_type, d.bot, c.customer_id, c.email, c.strength
   FROM scan_records s JOIN events e USING (event_pk) JOIN devices d USING (device_pk)
     LEFT JOIN claims c ON c.site_pk = s.site_pk AND c.event_id = s.scan_id AND c.revoked = 0
   WHERE s.session_pk = ANY($1::bigint[])`,
);
const LIVE_CLAIMS = prepared(
  'SELECT event_id, customer_id, email, strength FROM claims WHERE site_pk = $1 AND event_id = ANY($2::text[]) AND revoked = 0',
);
const SCANS = prepared(
  `SELECT site_pk, scan_id, occurred_at, claimer_id, browser_pk, session_pk FROM scan_records WHERE site_pk = $1 AND scan_id = ANY($2::text[])`,
);
const CARRIERS = prepared(
  `SELECT scan_id, event_id, occurred_at, time, rank, browser_pk, session_pk FROM scan_carriers WHERE site_pk = $1 AND scan_id = ANY($2::text[])`,
);

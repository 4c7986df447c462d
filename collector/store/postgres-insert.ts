/** What stands beside an event is stored at once, since linking reads it; the event itself waits for the end of the transaction. */
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { keyOf } from '../linking/order.ts';
import type { Pending } from './postgres-pending.ts';
import { numbers, prepared, rowParameters, type Session } from './postgres-sql.ts';
import type { Tx } from './store.ts';

export function insertEvents(
  session: Session,
  pending: Pending,
  events: Parameters<Tx['insertEvents']>[0],
  devicePk: (device: AcceptedEvent['device']) => number,
): void {
  const claims: unknown[][] = [];
  const barriers: unknown[][] = [];
  const carriers: unknown[][] = [];
  const kiosks: number[] = [];
  for (const { event, site_pk, record } of events) {
    const browser_pk = record?.browser_pk ?? null;
    const session_pk = event.session_id === null ? null : (record?.session_pks.get(event.session_id) ?? null);
    const { event_id, type, time, occurred_at, claim, barrier, scan, scan_id } = event;
    const { rank } = keyOf(event);
    pending.events.push({ event, site_pk, browser_pk, session_pk, device_pk: devicePk(event.device) });
    if (claim) {
      const { customer_id, email, strength } = claim;
      claims.push([site_pk, event_id, browser_pk, session_pk, time, rank, type, occurred_at, customer_id, email, strength]);
    }
    if (barrier && browser_pk !== null) barriers.push([browser_pk, time, event_id, barrier]);
    if (event.kiosk && browser_pk !== null) kiosks.push(browser_pk);
    if (scan) {
      const claimer = { claimer_id: null, claimer_time: null, claimer_rank: null, browser_pk: null, session_pk: null };
      pending.scans.set(`${site_pk} ${event_id}`, { site_pk, event, ...claimer });
    }
    if (scan_id && session_pk !== null) carriers.push([site_pk, scan_id, event_id, occurred_at, time, rank, browser_pk, session_pk]);
  }
  if (claims.length > 0) session.send(CLAIM, CLAIM_ROWS.values(claims));
  if (barriers.length > 0) session.send(BARRIER, BARRIER_ROWS.values(barriers));
  if (carriers.length > 0) session.send(CARRIER, CARRIER_ROWS.values(carriers));
  if (kiosks.length > 0) session.send(KIOSK, [numbers(kiosks)]);
}

const CLAIM_ROWS = rowParameters(
  `site_pk bigint, event_id text, browser_pk bigint, session_pk bigint, time bigint, rank smallint, type text, occurred_at bigint,
   customer_id text, email text, strength text`,
);
const CLAIM = prepared(`INSERT INTO claims (${CLAIM_ROWS.names.join(', ')}) SELECT * FROM ${CLAIM_ROWS.from}`);
const BARRIER_ROWS = rowParameters('browser_pk bigint, time bigint, event_id text, barrier text');
const BARRIER = prepared(`INSERT INTO barriers (${BARRIER_ROWS.names.join(', ')}) SELECT * FROM ${BARRIER_ROWS.from}`);
const CARRIER_ROWS = rowParameters(
  'site_pk bigint, scan_id text, event_id text, occurred_at bigint, time bigint, rank smallint, browser_pk bigint, session_pk bigint',
);
const CARRIER = prepared(`INSERT INTO scan_carriers (${CARRIER_ROWS.names.join(', ')}) SELECT * FROM ${CARRIER_ROWS.from}`);
const KIOSK = prepared('UPDATE browsers SET kiosk = kiosk | 1 WHERE browser_pk = ANY($1::bigint[])');

/**
 * What a PostgreSQL transaction writes at its end: links, and then, under the feed's lock, whatever has a place in an order that
 * readers follow (events, change feed). The lock is held until the commit, so that places are seen in their order, none ever late.
 */

import type { Millis } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { touchOf } from '../domain/channel.ts';
import { fillsCart, orderEventOf } from '../domain/order-event.ts';
import { LOCKS } from './postgres-connect.ts';
import { prepared, rowParameters, type Session } from './postgres-sql.ts';
import { GROW_COLUMNS, growValues, JUDGE_COLUMNS, judgeValues, lean, PUT_COLUMNS } from './rows.ts';
import type { SavedBrowser } from './store.ts';

/** An event that is not in its table yet. */
export interface PendingEvent {
  event: AcceptedEvent;
  site_pk: number;
  browser_pk: number | null;
  session_pk: number | null;
  device_pk: number;
}

/** A scan that is not in its table yet. */
export interface PendingScan {
  site_pk: number;
  event: AcceptedEvent;
  claimer_id: string | null;
  claimer_time: number | null;
  claimer_rank: 0 | 1 | 2 | null;
  browser_pk: number | null;
  session_pk: number | null;
}

type Told = [link_version: number, changed_at: Millis, cause_event_id: string];

type LinkWrite =
  | { kind: 'put'; content: unknown[]; told: Told; browser_pk: number }
  | { kind: 'judge' | 'grow'; content: unknown[] }
  | { kind: 'drop' };

export interface Pending {
  events: PendingEvent[];
  scans: Map<string, PendingScan>;
  /** An entry of the change feed: type, site_pk, session_pk, segment, link_version, link, old, cause_event_id, changed_at. */
  change(entry: readonly unknown[]): void;
  /** What their sessions' links and landings become, with the change feed's entries. */
  saveLinks(saved: readonly SavedBrowser[], now: Millis, policy_version: number): void;
  /** Sends links and landings, so that they can be read in this transaction. */
  sendLinks(session: Session): void;
  /** Sends all that is left. No lock may be taken afterwards. */
  sendAll(session: Session): void;
}

interface LinkPlace {
  session_pk: number;
  segment: number;
}

export function createPending(): Pending {
  const links = new Map<string, { at: LinkPlace; write: LinkWrite }>();
  const landings = new Map<number, unknown[]>();
  let changes: (readonly unknown[])[] = [];

  const keyOf = ({ session_pk, segment }: LinkPlace): string => `${session_pk} ${segment}`;
  const wrote = (at: LinkPlace): LinkWrite | undefined => links.get(keyOf(at))?.write;
  const set = (at: LinkPlace, write: LinkWrite): void => void links.set(keyOf(at), { at, write });

  /** A row whose link stays as it is told. */
  function judgeLink(at: LinkPlace, content: unknown[]): void {
    const before = wrote(at);
    set(at, before?.kind === 'put' ? { ...before, content } : { kind: 'judge', content });
  }

  /** A row that took in more events: values of GROW_COLUMNS. */
  function growLink(at: LinkPlace, content: unknown[]): void {
    const before = wrote(at);
    if (before && before.kind !== 'drop') set(at, { ...before, content: [...content, ...before.content.slice(content.length)] });
    else set(at, { kind: 'grow', content });
  }

  const pending: Pending = {
    events: [],
    scans: new Map(),
    change: (entry) => void changes.push(entry),
    saveLinks(saved, now, policy_version) {
      for (const { record, sessions } of saved) {
        const { browser_pk, site_pk } = record;
        for (const { session, changes: made, cause_event_id } of sessions) {
          const session_pk = record.session_pks.get(session.session_id) ?? -1;
          if (session.landing_page && session.landing) {
            const { time, rank, event_id } = session.landing;
            const touch = touchOf(session.landing_page.url, session.landing_page.referrer);
            landings.set(session_pk, [time, rank, event_id, ...Object.values(touch)]);
            session.landing_page = null;
          }
          for (const { segment, content, link_version, change, grown } of made.writes) {
            const at = { session_pk, segment };
            if (grown) growLink(at, growValues(content));
            else if (!change) judgeLink(at, judgeValues(content, policy_version));
            else {
              const told: Told = [link_version, now, cause_event_id];
              set(at, { kind: 'put', content: judgeValues(content, policy_version), told, browser_pk });
              const link = lean(content.outcome);
              const old = change.old && lean(change.old);
              changes.push(['upsert', site_pk, session_pk, segment, link_version, link, old, cause_event_id, now]);
            }
          }
          for (const { segment, old } of made.gone) {
            set({ session_pk, segment }, { kind: 'drop' });
            changes.push(['delete', site_pk, session_pk, segment, null, null, lean(old), cause_event_id, now]);
          }
        }
      }
    },

    sendLinks(session) {
      const rows = { put: [] as unknown[][], judge: [] as unknown[][], grow: [] as unknown[][], drop: [] as unknown[][] };
      for (const { at, write } of links.values()) {
        const place = [at.session_pk, at.segment];
        if (write.kind === 'put') rows.put.push([...write.content, ...write.told, ...place, write.browser_pk]);
        else rows[write.kind].push(write.kind === 'drop' ? place : [...write.content, ...place]);
      }
      links.clear();
      if (rows.put.length > 0) session.send(PUT, PUT_ROWS.values(rows.put));
      if (rows.judge.length > 0) session.send(JUDGE, JUDGE_ROWS.values(rows.judge));
      if (rows.grow.length > 0) session.send(GROW, GROW_ROWS.values(rows.grow));
      if (rows.drop.length > 0) session.send(DROP, DROP_ROWS.values(rows.drop));
      if (landings.size > 0) session.send(LAND, LAND_ROWS.values([...landings].map(([session_pk, values]) => [...values, session_pk])));
      landings.clear();
    },

    sendAll(session) {
      pending.sendLinks(session);
      const { events, scans } = pending;
      if (events.length + changes.length === 0) return;
      if (events.length > 0) sendEvents(session, events, [...scans.values()]);
      else session.send(FEED_LOCK);
      pending.events = [];
      pending.scans = new Map();
      if (changes.length > 0) session.send(CHANGE, CHANGE_ROWS.values(changes));
      changes = [];
    },
  };
  return pending;
}

function sendEvents(session: Session, events: readonly PendingEvent[], scans: readonly PendingScan[]): void {
  const orders: unknown[][] = [];
  const carts: unknown[][] = [];
  const rows = events.map(({ event, site_pk, browser_pk, session_pk, device_pk }) => {
    const { event_id, type, time, occurred_at, received_at } = event;
    if (session_pk !== null && fillsCart(event)) carts.push([site_pk, event_id, time, occurred_at, session_pk]);
    const order = orderEventOf(event);
    if (order) {
      const { source, order_id, value, currency } = order;
      const told = [value, currency, order.whole ? 1 : 0];
      orders.push([site_pk, event_id, source, order_id, order.type, time, occurred_at, ...told, browser_pk, session_pk]);
    }
    const content = [device_pk, JSON.stringify(event.payload)];
    return [site_pk, event_id, type, time, occurred_at, received_at, session_pk === null ? browser_pk : null, session_pk, ...content];
  });
  session.send(EVENT, EVENT_ROWS.values(rows));
  if (orders.length > 0) session.send(ORDER, ORDER_ROWS.values(orders));
  if (carts.length > 0) session.send(CART, CART_ROWS.values(carts));
  if (scans.length > 0) session.send(SCAN, SCAN_ROWS.values(scans.map(scanRow)));
}

function scanRow({ site_pk, event, claimer_id, claimer_time, claimer_rank, browser_pk, session_pk }: PendingScan): unknown[] {
  const { code = '', store_id, placement, sku, gtin } = event.scan ?? {};
  const place = [code, store_id, placement, sku, gtin, event.scan_flag];
  return [site_pk, event.event_id, event.occurred_at, ...place, claimer_id, claimer_time, claimer_rank, browser_pk, session_pk];
}

const FEED_LOCK = prepared(`SELECT pg_advisory_xact_lock(${LOCKS.feed})`);

const EVENT_ROWS = rowParameters(
  `site_pk bigint, event_id text, type text, time bigint, occurred_at bigint, received_at bigint, browser_pk bigint, session_pk bigint,
   device_pk bigint, payload text`,
);
// The lock first, then the rows: each takes its place under it.
const EVENT = prepared(
  `WITH feed AS MATERIALIZED (SELECT pg_advisory_xact_lock(${LOCKS.feed}))
   INSERT INTO events (${EVENT_ROWS.names.join(', ')}) SELECT x.* FROM feed CROSS JOIN ${EVENT_ROWS.from}`,
);

/** Inserts rows beside their events, which this transaction stored just now. */
const beside = (table: string, id: string, { names, from }: { names: string[]; from: string }) =>
  prepared(
    `INSERT INTO ${table} (event_pk, ${names.join(', ')}) SELECT e.event_pk, ${names.map((name) => `x.${name}`).join(', ')}
     FROM ${from} JOIN events e ON e.event_id = x.${id} AND e.site_pk = x.site_pk`,
  );
const ORDER_ROWS = rowParameters(
  `site_pk bigint, event_id text, source text, order_id text, type text, time bigint, occurred_at bigint, value text, currency text,
   whole smallint, browser_pk bigint, session_pk bigint`,
);
const ORDER = beside('order_events', 'event_id', ORDER_ROWS);
const CART_ROWS = rowParameters('site_pk bigint, event_id text, time bigint, occurred_at bigint, session_pk bigint');
const CART = beside('cart_events', 'event_id', CART_ROWS);
const SCAN_ROWS = rowParameters(
  `site_pk bigint, scan_id text, occurred_at bigint, code text, store_id text, placement text, sku text, gtin text, flag text,
   claimer_id text, claimer_time bigint, claimer_rank smallint, browser_pk bigint, session_pk bigint`,
);
const SCAN = beside('scan_records', 'scan_id', SCAN_ROWS);

const CHANGE_ROWS = rowParameters(
  `type text, site_pk bigint, session_pk bigint, segment integer, link_version integer, link text, old text, cause_event_id text,
   changed_at bigint`,
);
const CHANGE = prepared(`INSERT INTO change_log (${CHANGE_ROWS.names.join(', ')}) SELECT * FROM ${CHANGE_ROWS.from}`);

const TEXT_COLUMNS = new Set([
  ...['last_id', 'first_id', 'details', 'device_type', 'status', 'customer_id', 'rule', 'strength'],
  ...['evidence_event_id', 'evidence_type', 'candidates', 'cause_event_id'],
]);
const linkRows = (columns: readonly string[]) =>
  rowParameters(columns.map((name) => `${name} ${TEXT_COLUMNS.has(name) ? 'text' : 'bigint'}`).join(', '));
const assign = (columns: readonly string[]): string => columns.map((name) => `${name} = x.${name}`).join(', ');
const AT = ['session_pk', 'segment'];

const PUT_ROWS = linkRows(PUT_COLUMNS);
const PUT = prepared(
  `INSERT INTO links (${PUT_COLUMNS.join(', ')}) SELECT * FROM ${PUT_ROWS.from}
   ON CONFLICT (session_pk, segment) DO UPDATE SET ${PUT_COLUMNS.filter((name) => !AT.includes(name))
     .map((name) => `${name} = excluded.${name}`)
     .join(', ')}`,
);
const JUDGE_ROWS = linkRows([...JUDGE_COLUMNS, ...AT]);
const GROW_ROWS = linkRows([...GROW_COLUMNS, ...AT]);
const DROP_ROWS = linkRows(AT);
const WHERE_AT = 'WHERE l.session_pk = x.session_pk AND l.segment = x.segment';
const JUDGE = prepared(`UPDATE links l SET ${assign(JUDGE_COLUMNS)} FROM ${JUDGE_ROWS.from} ${WHERE_AT}`);
const GROW = prepared(`UPDATE links l SET ${assign(GROW_COLUMNS)} FROM ${GROW_ROWS.from} ${WHERE_AT}`);
const DROP = prepared(`DELETE FROM links l USING ${DROP_ROWS.from} ${WHERE_AT}`);

const LAND_COLUMNS = [
  ...['landing_time', 'landing_rank', 'landing_event_id', 'landing_page', 'referrer', 'channel'],
  ...['source', 'medium', 'campaign', 'click_id'],
];
const LAND_ROWS = rowParameters(
  [...LAND_COLUMNS.map((name) => `${name} ${/_time|_rank/.test(name) ? 'bigint' : 'text'}`), 'session_pk bigint'].join(', '),
);
const LAND = prepared(`UPDATE sessions s SET ${assign(LAND_COLUMNS)} FROM ${LAND_ROWS.from} WHERE s.session_pk = x.session_pk`);

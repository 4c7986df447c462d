/** The statements that keep a SQLite store's tables of orders and carts, in the transaction of their events. */
import type Database from 'better-sqlite3';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { fillsCart, orderEventOf } from '../domain/order-event.ts';

/** Where an event was stored. */
export interface Place {
  event_pk: number | bigint;
  site_pk: number;
  browser_pk: number | null;
  session_pk: number | null;
}

export function createOrderStatements(db: Database.Database): { addOrderOf: (event: AcceptedEvent, place: Place) => void } {
  const addOrder = db.prepare<unknown[]>(
    `INSERT INTO order_events (event_pk, site_pk, event_id, source, order_id, type, time, occurred_at, value, currency, whole, browser_pk, session_pk)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addCart = db.prepare<unknown[]>(
    'INSERT INTO cart_events (event_pk, site_pk, event_id, time, occurred_at, session_pk) VALUES (?, ?, ?, ?, ?, ?)',
  );
  return {
    addOrderOf(event, { event_pk, site_pk, browser_pk, session_pk }) {
      const { event_id, time, occurred_at } = event;
      if (session_pk !== null && fillsCart(event)) addCart.run(event_pk, site_pk, event_id, time, occurred_at, session_pk);
      const order = orderEventOf(event);
      if (!order) return;
      const { source, order_id, type, value, currency } = order;
      const told = [value, currency, order.whole ? 1 : 0];
      addOrder.run(event_pk, site_pk, event_id, source, order_id, type, time, occurred_at, ...told, browser_pk, session_pk);
    },
  };
}

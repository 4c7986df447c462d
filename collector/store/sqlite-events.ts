/** The statements that put an event into a SQLite store: its row, and what stands beside it (claim, barrier, scan, order, cart, device). */
import type Database from 'better-sqlite3';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Device } from '../domain/device.ts';
import { keyOf } from '../linking/order.ts';
import { createOrderStatements } from './sqlite-orders.ts';
import type { BrowserRecord } from './store.ts';

export interface EventStatements {
  /** Its browser and session are stored already. */
  insert(event: AcceptedEvent, site_pk: number, record: BrowserRecord | null): void;
  /** What is in memory may not be what is stored. */
  forget(): void;
}

export function createEventStatements(db: Database.Database): EventStatements {
  /** By the object, which user agents alike share; by its name, for one made anew. */
  let devices = new WeakMap<Device, number>();
  let devicesNamed = new Map<string, number>();
  const sql = <P extends unknown[], R = unknown>(text: string) => db.prepare<P, R>(text);
  const setKiosk = sql<[number]>('UPDATE browsers SET kiosk = kiosk | 1 WHERE browser_pk = ?');
  const addEvent = sql<unknown[]>(
    `INSERT INTO events (site_pk, event_id, type, time, occurred_at, received_at, browser_pk, session_pk, device_pk, payload)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addClaim = sql<unknown[]>(
    `INSERT INTO claims (site_pk, event_id, browser_pk, session_pk, time, rank, type, occurred_at, customer_id, email, strength)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addBarrier = sql<[number, number, string, string]>(
    'INSERT INTO barriers (browser_pk, time, event_id, barrier) VALUES (?, ?, ?, ?)',
  );
  const addScan = sql<unknown[]>(
    `INSERT INTO scan_records (site_pk, scan_id, event_pk, occurred_at, code, store_id, placement, sku, gtin, flag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addCarrier = sql<unknown[]>(
    'INSERT INTO scan_carriers (site_pk, scan_id, event_id, occurred_at, time, rank, browser_pk, session_pk) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const findDevice = sql<[string, string, string, number], { device_pk: number }>(
    `INSERT INTO devices (device_type, browser, os, bot) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET bot = excluded.bot RETURNING device_pk`,
  );
  const { addOrderOf } = createOrderStatements(db);

  function devicePk(device: Device): number {
    let device_pk = devices.get(device);
    if (device_pk === undefined) {
      const { device_type, browser, os, bot } = device;
      const name = `${device_type} ${browser} ${os} ${bot}`;
      device_pk = devicesNamed.get(name) ?? findDevice.get(device_type, browser, os, bot ? 1 : 0)?.device_pk ?? 0;
      devicesNamed.set(name, device_pk);
      devices.set(device, device_pk);
    }
    return device_pk;
  }

  return {
    insert(event, site_pk, record) {
      const browser_pk = record?.browser_pk ?? null;
      const session_pk = event.session_id === null ? null : (record?.session_pks.get(event.session_id) ?? null);
      const { event_id, type, time, occurred_at, claim, barrier, scan, scan_id } = event;
      const key = keyOf(event);
      const { lastInsertRowid } = addEvent.run(
        site_pk,
        event_id,
        type,
        time,
        occurred_at,
        event.received_at,
        session_pk === null ? browser_pk : null,
        session_pk,
        devicePk(event.device),
        JSON.stringify(event.payload),
      );
      addOrderOf(event, { event_pk: lastInsertRowid, site_pk, browser_pk, session_pk });
      if (claim) {
        const { customer_id, email, strength } = claim;
        addClaim.run(site_pk, event_id, browser_pk, session_pk, time, key.rank, type, occurred_at, customer_id, email, strength);
      }
      if (barrier && browser_pk !== null) addBarrier.run(browser_pk, time, event_id, barrier);
      if (event.kiosk && browser_pk !== null) setKiosk.run(browser_pk);
      if (scan) {
        const { code, store_id = null, placement = null, sku = null, gtin = null } = scan;
        addScan.run(site_pk, event_id, lastInsertRowid, occurred_at, code, store_id, placement, sku, gtin, event.scan_flag);
      }
      if (scan_id && session_pk !== null) addCarrier.run(site_pk, scan_id, event_id, occurred_at, time, key.rank, browser_pk, session_pk);
    },
    forget() {
      devices = new WeakMap();
      devicesNamed = new Map();
    },
  };
}

/** Refused events, tried again: what is good by now is stored and leaves `failed_events`, the rest stays. */
import type { Millis } from '../../protocol/event.ts';
import { type AcceptedEvent, factsOf } from '../domain/accepted-event.ts';
import { NO_DEVICE } from '../domain/device.ts';
import type { SiteRecord } from '../domain/site.ts';
import type { Store } from '../store/store.ts';
import { decodeEvent } from './decode.ts';
import { barrierOf, type DropReason, enrich } from './enrich.ts';
import type { Intake, Outcome } from './intake.ts';
import type { Retention } from './retention.ts';

export interface Retried {
  tried: number;
  stored: number;
  duplicate: number;
  /** Still refused, or refused by the store again: kept. */
  failed: number;
}

export interface RetryOptions {
  store: Store;
  intake: Intake;
  retention: Retention | null;
  now: () => Millis;
  count: (fate: Outcome) => void;
  drop: (reason: DropReason) => void;
}

const PAGE = 200;

/**
 * Can be run again, and cut off at any point: an event stored but not yet removed is a duplicate the next time. What was refused
 * came from a page, whatever sent it: its claims are stated, and its device is unknown.
 */
export async function retryFailed({ store, intake, retention, now, count, drop }: RetryOptions): Promise<Retried> {
  const sum: Retried = { tried: 0, stored: 0, duplicate: 0, failed: 0 };
  // What fails again is kept as a new row, beyond this one.
  const last = await store.queries.lastFailed();
  for (let after = 0; after < last; ) {
    const rows = (await store.queries.failed(after, PAGE)).filter(({ failed_pk }) => failed_pk <= last);
    if (rows.length === 0) break;
    after = rows.at(-1)?.failed_pk ?? last;
    const good = new Map<string, { failed_pk: number; event: AcceptedEvent }[]>();
    for (const row of rows) {
      sum.tried += 1;
      const site = store.sites().find((record) => record.site === row.site);
      const event = site && again(row, site, now(), drop);
      const kept = event && (!retention || (await retention.sift(row.site, [event])).events.length > 0);
      if (!event || !kept) sum.failed += 1;
      else good.set(row.site, [...(good.get(row.site) ?? []), { failed_pk: row.failed_pk, event }]);
    }
    for (const [site, items] of good) {
      const fates = await intake.submit({ site, events: items.map(({ event }) => event), refused: [] });
      for (const fate of fates) {
        count(fate);
        sum[fate === 'stored' ? 'stored' : fate === 'not_stored' ? 'failed' : 'duplicate'] += 1;
      }
      await store.write((tx) => tx.dropFailed(items.map(({ failed_pk }) => failed_pk)));
    }
  }
  return sum;
}

interface FailedRow {
  reason: string;
  received_at: Millis;
  raw: Buffer;
}

function again({ reason, received_at, raw }: FailedRow, site: SiteRecord, now: Millis, drop: RetryOptions['drop']): AcceptedEvent | null {
  const value = parsed(raw.toString());
  if (reason === 'not_stored') {
    // Kept as it was to be stored.
    const event = value as AcceptedEvent | null;
    return event && { ...event, facts: factsOf(event.event_id, event.type, event.payload, event.device) };
  }
  // Refused for its age: only its key was kept.
  if (reason === 'too_old') return null;
  const decoded = decodeEvent(value, now);
  if (!('event' in decoded)) return null;
  const { event } = decoded;
  if (event.consent === 'denied' && site.consent !== 'cookieless' && barrierOf(event) === null) return null;
  return enrich(event, { sent_at: event.time }, { site, received_at, device: NO_DEVICE, backend: false, keep_times: true }, drop);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** Holds each event until the collector has acknowledged it, over page loads and in any tab: one storage key an event. */
import { type Batch, DAY, MINUTE, PROTOCOL_VERSION, SECOND, type WireEvent } from '../protocol/event.ts';
import { now } from './clock.ts';
import { config } from './config.ts';
import { consent } from './consent.ts';
import { attempt, guard } from './guard.ts';
import { keys, PREFIX, read, remove, write } from './storage.ts';
import { byteLength, post } from './transport.ts';

/** Claims, barriers, orders and scans: they go at once, are kept longest, and are never held for an unseen page. */
export function isVital(event: { type: string; scan?: string | undefined }): boolean {
  return !!event.scan || /^(login|logout|reset|sign_up|identify|purchase|refund|consent)$/.test(event.type);
}

export function enqueue(event: WireEvent): void {
  const text = JSON.stringify(event);
  if (byteLength(text) > BODY_BYTES) return countDropped(1);
  const vital = isVital(event);
  const key = prefix() + event.event_id + (vital ? VITAL : '');
  own.add(key);
  // A full device gives up its oldest plain event: to memory, from where this page can still send it.
  while (!write(key, text)) {
    const oldest = keys(prefix()).find((other) => !other.endsWith(VITAL) && !own.has(other));
    if (!oldest) break;
    remove(oldest);
    countDropped(1);
  }
  if (vital || event.type === 'page_view') Promise.resolve().then(flush);
  else if (!timer) timer = setTimeout(flush, 800);
}

/** Events given up are reported with the next batch. */
export function countDropped(count: number): void {
  write(DROPPED, String(dropped() + count));
}

/** `heard` gets the ids of each acknowledged batch. */
export function onAcknowledged(heard: (event_ids: string[]) => void): void {
  acknowledged = heard;
}

/** Sends what waits, unless a request is on its way or the collector asked for patience. */
export const flush = guard(() => send(false));

/** The page goes away: sends what no request carries yet. Called again, it finds nothing left. */
export const flushLeaving = guard(() => send(true));

/** The page is seen again: what a beacon carried was never acknowledged. */
export function resume(): void {
  carried.clear();
  busy = false;
  flush();
}

const BODY_BYTES = 32_000;
const MAX_EVENTS = 100;
const MAX_KEPT = 2_000;
const MAX_AGE = 7 * DAY;
/** An event this old, not made here, has lost its tab (ids dedupe where it has not). */
const ORPHAN_AGE = 5 * SECOND;
const VITAL = '!';
const DROPPED = `${PREFIX}n`;

/** Keys of events made by this page. */
const own = new Set<string>();
/** Keys on their way. */
const carried = new Set<string>();
let busy = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;
let most = MAX_EVENTS;
let acknowledged: (event_ids: string[]) => void = () => {};

const prefix = () => `${PREFIX}e${config.site}:`;
const dropped = () => Number(read(DROPPED)) || 0;
const madeAt = (key: string) => parseInt(key.slice(prefix().length), 36);

function send(leaving: boolean): void {
  if (consent === 'pending' || (busy && !leaving)) return;
  clearTimeout(timer);
  timer = undefined;
  const batch: Batch = { v: PROTOCOL_VERSION, site: config.site, sent_at: now(), dropped: dropped(), events: [] };
  const sent: string[] = [];
  let bytes = 0;
  for (const key of waiting()) {
    const text = read(key) || '';
    const event = attempt(() => JSON.parse(text) as WireEvent);
    bytes += byteLength(text);
    if (!event) remove(key);
    else if (sent.length < most && (!sent.length || bytes < BODY_BYTES)) {
      batch.events.push(event);
      sent.push(key);
      carried.add(key);
    }
  }
  if (!sent.length) return;
  busy = true;
  post(JSON.stringify(batch), leaving, (status, retryAfter) => {
    for (const key of sent) carried.delete(key);
    busy = false;
    if (status === 413 && sent.length > 1) most = sent.length >> 1;
    else if (status >= 200 && status < 500 && status !== 408 && status !== 429) {
      sent.forEach(remove);
      failures = 0;
      most = MAX_EVENTS;
      if (status < 300) {
        countDropped(-(batch.dropped || 0));
        acknowledged(batch.events.map((event) => event.event_id));
      } else countDropped(sent.length);
    } else {
      busy = true;
      const wait = retryAfter * SECOND || Math.min(SECOND * 2 ** failures++, 5 * MINUTE);
      setTimeout(resume, wait * (1 + Math.random()));
      return;
    }
    flush();
  });
}

/** Oldest first: this page's events and orphans, but none too old or too many. */
function waiting(): string[] {
  const all = keys(prefix());
  let excess = all.length - MAX_KEPT;
  return all.filter((key) => {
    if (now() - madeAt(key) > MAX_AGE || (excess > 0 && !key.endsWith(VITAL) && excess--)) {
      remove(key);
      countDropped(1);
      return false;
    }
    return !carried.has(key) && (own.has(key) || Math.abs(now() - madeAt(key)) > ORPHAN_AGE);
  });
}

/** Holds each event until the collector has acknowledged it, over page loads and in any tab: one storage key an event. */
import { type Batch, DAY, MINUTE, PROTOCOL_VERSION, SECOND, type WireEvent } from '../protocol/event.ts';
import { now } from './clock.ts';
import { config } from './config.ts';
import { consent } from './consent.ts';
import { attempt } from './guard.ts';
import { forgetDevice, QUEUE } from './identity.ts';
import { tidyAddressBar } from './scan.ts';
import { keys, memory, remove, unstore, write } from './storage.ts';
import { byteLength, post } from './transport.ts';

/** Claims, barriers, orders and scans: they go at once, are given up last, and do not wait for a page to be seen. */
export function isVital(event: { type: string; scan?: string | undefined }): boolean {
  return !!event.scan || /^(identify|reset|consent|sign_up|login|logout|purchase|refund)$/.test(event.type);
}

export function enqueue(event: WireEvent): void {
  const text = JSON.stringify(event);
  if (byteLength(text) > BODY_BYTES) return countDropped();
  const key = queue() + event.event_id + (isVital(event) ? VITAL : '');
  let stored = write(key, text);
  // A full device makes room: of its plain events the oldest goes first.
  for (const other of keys(queue())) {
    if (stored || !isPlain(other)) continue;
    if (!memory[other]) countDropped();
    unstore(other);
    stored = write(key, text);
  }
  if (!isPlain(key) || event.type === 'page_view') setTimeout(flush);
}

/** An event was given up: the next batch says so. */
export function countDropped(): void {
  dropped++;
}

/** Sends what waits, unless a request is on its way or a retry is due later; a page that goes away does not wait, and called again finds nothing left. */
export function flush(leaving?: boolean): void {
  send(leaving).catch(() => {});
}

/** What was on its way may go again: ids dedupe, and a beacon is never acknowledged. */
export function resume(): void {
  carried.clear();
  flush();
}

const BODY_BYTES = 32_000;
const MAX_EVENTS = 100;
const MAX_KEPT = 2_000;
const MAX_AGE = 7 * DAY;
/** An event this old that another page made has lost its page. If it has not: ids dedupe. */
const ORPHAN_AGE = 5 * SECOND;
const PATIENCE = 30 * SECOND;
/** Doubled with each failure, and stretched by up to as much again at random. */
const FIRST_WAIT = SECOND / 2;
const VITAL = '!';

/** Keys on their way, or waiting to be tried again. */
const carried = new Set<string>();
let wait = FIRST_WAIT;
let dropped = 0;
let most = MAX_EVENTS;

const queue = () => `${QUEUE + config.site}:`;
const isPlain = (key: string) => !key.endsWith(VITAL);

async function send(leaving?: boolean): Promise<void> {
  if (consent === 'pending' || (carried.size && !leaving)) return;
  const sent: string[] = [];
  const events: WireEvent[] = [];
  const reported = dropped;
  let bytes = 0;
  keys(queue()).forEach((key, index, kept) => {
    const age = now() - parseInt(key.split(':').pop() as string, 36);
    if (carried.has(key) || (!memory[key] && age < ORPHAN_AGE)) return;
    const event = attempt(() => JSON.parse(memory[key] || (localStorage[key] as string)) as WireEvent);
    bytes += byteLength(JSON.stringify(event));
    if (!event || age > MAX_AGE || (kept[index + MAX_KEPT] && isPlain(key))) {
      remove(key);
      countDropped();
    } else if (sent.length < most && (!sent[0] || bytes < BODY_BYTES)) {
      events.push(event);
      sent.push(key);
      carried.add(key);
    }
  });
  if (!sent[0]) return;
  let status = 0;
  let retry_after = 0;
  // An answer that comes later still counts.
  const impatience = setTimeout(resume, PATIENCE);
  const batch: Batch = { v: PROTOCOL_VERSION, site: config.site, sent_at: now(), dropped: reported, events };
  try {
    const answer = await post(JSON.stringify(batch), leaving);
    if (!answer) return;
    status = answer.status;
    retry_after = Number(answer.headers.get('retry-after'));
  } catch {}
  clearTimeout(impatience);
  // It may have set the cookie again.
  if (consent === 'denied') forgetDevice();
  if (/^(0|408|429|5)/.test(`${status}`)) {
    wait = Math.min(wait * 2, 5 * MINUTE);
    setTimeout(resume, (retry_after * SECOND || wait) * (1 + Math.random()));
    return;
  }
  wait = FIRST_WAIT;
  if (status === 413 && sent[1]) most = sent.length >> 1;
  else {
    sent.forEach(remove);
    most = MAX_EVENTS;
    dropped += status < 300 ? -reported : sent.length;
  }
  resume();
  if (status < 300) tidyAddressBar(events);
}

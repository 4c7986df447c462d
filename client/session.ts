/** Decides when one visit ends and the next begins, for all tabs of a browser together. */
import { DAY, MINUTE, type Millis } from '../protocol/event.ts';
import { now } from './clock.ts';
import { config } from './config.ts';
import { randomId } from './random-id.ts';
import { read, writeCookie } from './storage.ts';

/** The session at `time`; `landing` is the URL of a page just entered, whose campaign counts. */
export function touchSession(time: Millis, landing: string): string {
  let [id, started, last, campaign] = load();
  const entered = campaignOf(landing);
  if (!continuesSession(last, time, started) || (entered && entered !== campaign)) {
    id = randomId(16);
    started = time;
    campaign = entered;
  }
  save(id, started, Math.max(last, time), campaign);
  return id;
}

/** Empty where none is open. */
export function currentSession(): string {
  return load()[0];
}

/** The next event starts a new one. `last` stays: time never runs back on one browser. */
export function endSession(): void {
  save('', 0, load()[2], 0);
}

/** Never runs back on one browser. A clock that once stood more than a day ahead does not count. */
export function stamp(): Millis {
  const time = now();
  latest = Math.max(time, 1 + (latest > time + DAY ? 0 : latest), 1 + load()[2]);
  return latest;
}

export function continuesSession(last: Millis, time: Millis, started: Millis): boolean {
  return time - last < (config.kiosk ? KIOSK_IDLE_LIMIT : IDLE_LIMIT) && time - started < DAY;
}

/** A hash of the campaign parameters and click ids that hold something; 0 where none does. */
export function campaignOf(url: string): number {
  let hash = 0;
  for (const letter of (url.match(/[?&](utm_\w+|\w*cl(ic)?k?id|\wbraid)=[^&#]+/g) || []).join(''))
    hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return hash;
}

export const SESSION = 'ff_s';
const IDLE_LIMIT = 30 * MINUTE;
const KIOSK_IDLE_LIMIT = 5 * MINUTE;

/** The last stamp of this page; the browser's is the session's `last`. */
let latest = 0;

type Session = [id: string, started: Millis, last: Millis, campaign: number];

function load(): Session {
  const value = read(SESSION);
  const [id, ...numbers] = value.split('.');
  const [started, last, campaign] = numbers.map(Number) as [number, number, number];
  const valid = /^[\w-]{0,99}(\.\d+){3}$/.test(value) && last < now() + DAY;
  return valid ? [id as string, started, last, campaign] : ['', 0, 0, 0];
}

function save(...session: Session): void {
  writeCookie(SESSION, session.join('.'));
}

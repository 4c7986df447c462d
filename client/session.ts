/** Decides when one visit ends and the next begins, for all tabs of a browser together. */
import { DAY, HOUR, MINUTE, type Millis } from '../protocol/event.ts';
import { now } from './clock.ts';
import { config } from './config.ts';
import { readCookie, writeCookie } from './cookie.ts';
import { randomId } from './random-id.ts';
import { read, write } from './storage.ts';

/** The current session at `time`; `landing` is the URL of a page that was just entered. */
export function touchSession(time: Millis, landing?: string): string {
  const known = load();
  const campaign = landing ? campaignOf(landing) : '';
  const goes_on = known && continuesSession(known.last, time, known.started) && (!campaign || campaign === known.campaign);
  const session = goes_on ? known : { id: randomId(16), started: time, last: time, campaign };
  session.last = Math.max(session.last, time);
  save([session.id, session.started.toString(36), session.last.toString(36), session.campaign].join('.'));
  return session.id;
}

export function currentSession(): string | undefined {
  const session = load();
  return session && session.id;
}

/** The next event starts a new one. `last` stays: time never runs back on one browser. */
export function endSession(): void {
  const session = load();
  if (session) save(`-.0.${session.last.toString(36)}.`);
}

/** Stamps never run back on one browser, and no two of a tab are equal. */
export function stamp(): Millis {
  const session = load();
  const time = now();
  latest = Math.max(time, 1 + (latest > time + DAY ? 0 : latest), 1 + (session ? session.last : 0));
  return latest;
}

export function continuesSession(last: Millis, time: Millis, started: Millis): boolean {
  return time - last < (config.kiosk ? KIOSK_IDLE_LIMIT : IDLE_LIMIT) && time - started < LENGTH_LIMIT;
}

/** A short hash of the non-empty campaign parameters and click ids; empty where there are none. */
export function campaignOf(url: string): string {
  const found = url.match(/[?&](utm_\w+|\w*cl(ic)?k?id|[gw]braid)=[^&#]+/g);
  let hash = 0;
  for (const letter of found ? found.join('') : '') hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return hash ? hash.toString(36) : '';
}

export const SESSION = 'ff_s';
const IDLE_LIMIT = 30 * MINUTE;
const KIOSK_IDLE_LIMIT = 5 * MINUTE;
const LENGTH_LIMIT = 24 * HOUR;

interface Session {
  id: string;
  started: Millis;
  last: Millis;
  campaign: string;
}

/** The last stamp of this page; the browser's is the session's `last`. */
let latest = 0;

function load(): Session | undefined {
  const [, id, started, last, campaign] = /^([\w-]+)\.(\w+)\.(\w+)\.(\w*)$/.exec(readCookie(SESSION) || read(SESSION) || '') || [];
  if (!id || !started || !last) return undefined;
  const session = { id, started: parseInt(started, 36), last: parseInt(last, 36), campaign: campaign || '' };
  // A clock that once stood more than a day ahead must not hold this browser's time there.
  return session.last > now() + DAY ? undefined : session;
}

function save(value: string): void {
  write(SESSION, value);
  writeCookie(SESSION, value);
}

/** Makes a wire event of what was captured: stamped at once, given its ids as soon as consent allows. */
import type { Millis, Props, WireEvent } from '../protocol/event.ts';
import { config } from './config.ts';
import { consent, gpc } from './consent.ts';
import { attempt } from './guard.ts';
import { anonymousId, type Claimed, claimedIn, forgetBrowser, rememberClaim, tabId } from './identity.ts';
import { countDropped, enqueue, isVital } from './queue.ts';
import { randomId } from './random-id.ts';
import { scanIn, tidyAddressBar, withoutScan } from './scan.ts';
import { currentSession, endSession, stamp, touchSession } from './session.ts';
import { storing } from './storage.ts';

/** Where and when something happened, if not here and now: calls made before the tag had loaded. */
export interface Moment {
  url?: string;
  time?: Millis;
}

/** The page view that events belong to. */
export const view = { id: '', url: '', referrer: '' };

/** Props that every later event of this page carries. */
export const common: Props = {};

/** Never throws: what cannot be recorded is dropped and counted. */
export function record(type: string, props?: unknown, more: Partial<WireEvent> = {}): void {
  if (!attempt(() => capture(type, props, more))) countDropped(1);
}

export function at(where: Moment, run: () => void): void {
  moment = where;
  attempt(run);
  moment = {};
}

/** Until the first release everything waits: consent, customer and scan are then known. Later only what may not go yet. */
export function release(visible: boolean): void {
  begun = true;
  seen = seen || visible;
  const ready = held;
  held = [];
  for (const go of ready) go();
}

/** Runs once consent is given or refused. */
export function whenDecided(run: () => void): void {
  if (begun && consent !== 'pending') run();
  else held.push(() => whenDecided(run));
}

/** The token has arrived: the address bar needs it no more. */
export function acknowledgeScan(event_ids: string[]): void {
  if (event_ids.includes(scan_event_id)) tidyAddressBar();
}

export function ids(): Partial<WireEvent> {
  if (!storing) return {};
  return { anonymous_id: anonymousId(), session_id: touchSession(stamp()), tab_id: tabId(), view_id: view.id };
}

type Draft = Omit<WireEvent, 'event_id'>;

let moment: Moment = {};
let held: (() => void)[] = [];
let begun = false;
let seen = false;
let landed = false;
/** The session that the last page view went to. */
let view_session: string | undefined;
/** The landing's scan token, for the first event. */
let scan = scanIn(location.href);
let scan_event_id = '';
const MAX_HELD = 1_000;
const MAX_TEXT = 2_048;
const CLAIM = /^(login|sign_up|purchase)$/;
const EMAIL = /^[^\s/]+@[^\s/]+\.\w+$/;

function capture(type: string, given: unknown, more: Partial<WireEvent>): true {
  const { customer_id, user_id, email_sha256, user_data, ...props } = snapshot(given);
  const url = withoutScan(moment.url || location.href);
  const draft: Draft = { type, time: moment.time || stamp(), url: url.slice(0, MAX_TEXT), ...more };
  if (Object.keys(props).length) draft.props = props;
  if (view.url === url || !moment.url) draft.view_id = view.id;
  if (scan) draft.scan = scan;
  scan = undefined;
  if (gpc) draft.gpc = true;
  if (config.kiosk) draft.kiosk = true;
  if (CLAIM.test(type)) {
    const customer = customerIn(customer_id) || customerIn(user_id);
    const email = emailIn(email_sha256) || emailIn(user_data);
    if (customer) draft.customer_id = customer;
    if (email) draft.email_sha256 = email;
  }
  dispatch(draft);
  return true;
}

function dispatch(draft: Draft): void {
  if (begun && consent !== 'pending' && (seen || isVital(draft))) commit(draft);
  else if (held.length < MAX_HELD) held.push(() => dispatch(draft));
  else countDropped(1);
}

function commit(draft: Draft): void {
  const event: WireEvent = { event_id: `${draft.time.toString(36).padStart(8, '0')}-${randomId(16)}`, ...draft, consent };
  if (!storing) {
    if (!config.cookieless || event.customer_id) return;
  } else if (draft.type === 'engagement') {
    // It ends a view and begins nothing: no new session for a page that was left open overnight.
    const session = currentSession();
    if (!session || session !== view_session) return;
    event.session_id = session;
  } else if (!giveSession(event)) return;
  if (storing) {
    event.anonymous_id = anonymousId();
    event.tab_id = tabId();
  } else {
    delete event.view_id;
    delete event.email_sha256;
  }
  if (event.scan) scan_event_id = event.event_id;
  enqueue(event);
  if (draft.type === 'logout' || draft.type === 'reset') endSession();
  if (draft.type === 'reset') forgetBrowser();
}

/** False for an `identify` that says nothing new. Two customers never share a session. */
function giveSession(event: WireEvent): boolean {
  const { type, customer_id, email_sha256, customer_token } = event;
  const former = claimedIn(currentSession()).customer_id;
  if (customer_id && former && customer_id !== former) endSession();
  const session = touchSession(event.time, landed && type !== 'page_view' ? '' : event.url);
  const known = claimedIn(session);
  if (customer_id || email_sha256) {
    const claimed: Claimed = {
      customer_id: customer_id || known.customer_id,
      email_sha256: email_sha256 || known.email_sha256,
      signed: known.signed || (customer_token ? true : undefined),
    };
    if (type === 'identify' && JSON.stringify(claimed) === JSON.stringify(known)) return false;
    rememberClaim(session, claimed);
  }
  if (known.customer_id && (type === 'identify' || type === 'purchase')) event.customer_id = known.customer_id;
  if (type === 'page_view') view_session = session;
  event.session_id = session;
  landed = true;
  return true;
}

/** A copy as it will be sent: the page may change its object at once. E-mail addresses stay behind. */
function snapshot(given: unknown): Props {
  const props = typeof given === 'object' ? { ...common, ...given } : common;
  return JSON.parse(JSON.stringify(props, (_, value) => (EMAIL.test(value) ? undefined : value))) as Props;
}

export function customerIn(id: unknown): string {
  return id && /^(string|number|bigint)$/.test(typeof id) ? String(id).trim() : '';
}

/** A SHA-256 in hex, bare or as GA4's `user_data` has it. */
export function emailIn(given: unknown): string {
  const hash = String((given as { sha256_email_address?: unknown } | undefined)?.sha256_email_address || given);
  return /^[\da-f]{64}$/i.test(hash) ? hash : '';
}

/** Makes a wire event of what was captured: stamped at once, given its ids as soon as consent allows. */
import type { Millis, Props, WireEvent } from '../protocol/event.ts';
import { config } from './config.ts';
import { consent, gpc } from './consent.ts';
import { attempt, guard } from './guard.ts';
import { anonymousId, claimedIn, forgetBrowser, rememberClaim, tabId } from './identity.ts';
import { countDropped, enqueue, isVital } from './queue.ts';
import { randomId } from './random-id.ts';
import { landing_scan, withoutScan } from './scan.ts';
import { currentSession, endSession, stamp, touchSession } from './session.ts';

/** Never throws: what cannot be recorded is dropped and counted. */
export const record = guard(capture, countDropped);

/** The page view that events belong to. */
export const view: { id?: string; url?: string } = {};

/** Props that every later event of this page carries. */
export const common: Props = {};

/** Whom the page names as its customer, until it logs out. */
export let stated: { customer_id?: unknown; email_sha256?: unknown; token?: unknown } = {};

export function stateCustomer(customer_id: unknown, email_sha256: unknown, token?: unknown): void {
  // Another customer: the address was the one before's.
  if (customer_id && customer_id !== stated.customer_id) stated = { customer_id };
  stated.email_sha256 = email_sha256 || stated.email_sha256;
  stated.token = token || stated.token;
}

export function identify(): void {
  record('identify', stated);
}

/** Where and when a call was made, if before the tag had loaded. */
export const moment: { url?: string; time?: Millis } = {};

/** Lets go what was held, if there is consent: `start` once the tag is ready and its page no mere prerendering. */
export function release(start?: boolean): void {
  open = open || start;
  const ready = held;
  held = [];
  ready.forEach(attempt);
}

/** Runs at once, or when `release` and consent let it. */
export function whenReady(run: () => void): void {
  if (open && consent !== 'pending') run();
  else held.push(() => whenReady(run));
}

export function ids(): Partial<WireEvent> {
  return consent === 'granted' ? { anonymous_id: anonymousId(), session_id: touchSession(stamp(), ''), tab_id: tabId() } : {};
}

/** Absent and undefined are one on the wire. */
type Loose = { [K in keyof WireEvent]?: WireEvent[K] | undefined };
type Draft = Loose & Pick<WireEvent, 'type' | 'time'> & { url: string };

let held: (() => void)[] = [];
let open: boolean | undefined;
/** The session of this page's last event. */
let session = '';
/** The landing's token, for the first event. */
let scan = landing_scan;

function capture(type: string, given?: unknown, more?: Loose): void {
  // Whom an event names is no property of it.
  const { customer_id, user_id, email_sha256, user_data, token, ...props } = { ...common, ...(given as Props) };
  const draft: Draft = {
    type,
    time: moment.time || stamp(),
    url: withoutScan(moment.url || location.href),
    view_id: view.id,
    scan,
    gpc,
    kiosk: !!config.kiosk,
    ...(more as Partial<Draft>),
    // A copy: the page may change its object at once.
    props: JSON.parse(JSON.stringify(props)) as Props,
  };
  if (isVital(draft)) {
    draft.customer_id = customer_id ? `${customer_id}` : undefined;
    draft.email_sha256 = /^\w{64}$/.test(email_sha256 as string) ? (email_sha256 as string) : undefined;
    draft.customer_token = token as string;
  }
  if (type === 'identify' && !draft.customer_id && !draft.email_sha256) return;
  scan = undefined;
  const customer = stated;
  whenReady(() => commit(draft, customer));
  if (type === 'logout' || type === 'reset') stated = {};
}

function commit({ view_id, customer_id, email_sha256, customer_token, ...rest }: Draft, customer: object): void {
  const { type, time, url } = rest;
  const event = { event_id: `${time.toString(36)}-${randomId(16)}`, consent, ...rest };
  if (consent === 'granted') {
    const statement = `${[customer_id, email_sha256, !customer_token]};`;
    let current = currentSession();
    let [known, told = ''] = claimedIn(current);
    if (type === 'identify' && told.includes(statement) && !rest.scan) return;
    if (customer_id && known && customer_id !== known) endSession();
    // Engagement ends a view and begins nothing: no new session for a page that was left open overnight.
    if (type !== 'engagement') current = touchSession(time, session && type !== 'page_view' ? '' : url);
    if (!current) return;
    [known, told = ''] = claimedIn(current);
    if (customer_id || email_sha256) rememberClaim(current, customer_id || known, told + statement);
    enqueue({
      ...event,
      view_id,
      customer_id: type === 'identify' || type === 'purchase' ? customer_id || known : customer_id,
      email_sha256,
      customer_token,
      anonymous_id: anonymousId(),
      session_id: current,
      tab_id: tabId(),
    } as WireEvent);
    // A new session hears the customer whom the page stated at the time.
    if (session !== current) {
      session = current;
      record('identify', customer, { time, url });
    }
    if (type === 'logout' || type === 'reset') endSession();
    if (type === 'reset') forgetBrowser();
  } else if (config.cookieless && type !== 'identify') enqueue(event as WireEvent);
}

/** Makes a wire event of what was captured: stamped at once, given its ids as soon as consent allows. */
import type { Millis, Props, WireEvent } from '../protocol/event.ts';
import { config } from './config.ts';
import { consent, gpc } from './consent.ts';
import { attempt } from './guard.ts';
import { anonymousId, forgetBrowser, readClaims, tabId, writeClaims } from './identity.ts';
import { countDropped, enqueue, isVital } from './queue.ts';
import { randomId } from './random-id.ts';
import { scanIn, withoutScan } from './scan.ts';
import { currentSession, endSession, stamp, touchSession } from './session.ts';

/** Never throws: what cannot be recorded is dropped and counted. */
export function record(type: string, props?: unknown, more?: Loose): void {
  try {
    capture(type, props, more);
  } catch {
    countDropped();
  }
}

/** The page view that events belong to. */
export const view: { id?: string; url?: string } = {};

/** Props that every later event of this page carries. */
export const common: Props = {};

/** Whom the page names as its customer, until it logs out. */
export let stated: { customer_id?: string; email_sha256?: string | undefined; token?: unknown } = {};

export function stateCustomer(id: unknown, email: unknown, token?: unknown): void {
  const customer_id = customerIn(id);
  // Another customer: the address was the one before's.
  if (customer_id && customer_id !== stated.customer_id) stated = { customer_id };
  stated.email_sha256 = emailIn(email) || stated.email_sha256;
  stated.token = token || stated.token;
}

export function identify(): void {
  record('identify', stated);
}

/** Runs a call that was made before the tag had loaded, as of then and there. */
export function asOf(url: string, time: Millis, run: () => void): void {
  moment = { url, time };
  attempt(run);
  moment = {};
}

/** What may go: nothing before the start, only what is vital (1) while the page is unseen, then everything (2). Consent may still hold it. */
export function release(from: 0 | 1 | 2): void {
  open = Math.max(open, from);
  const ready = held;
  held = [];
  for (const go of ready) go();
}

/** Runs at once, or when `release` and consent let it. */
export function whenReady(vital: boolean, run: () => void): void {
  if (consent !== 'pending' && open > (vital ? 0 : 1)) run();
  else if (held.length < MAX_HELD) held.push(() => whenReady(vital, run));
  else countDropped();
}

export function ids(): Partial<WireEvent> {
  return consent === 'granted' ? { anonymous_id: anonymousId(), session_id: touchSession(stamp(), ''), tab_id: tabId() } : {};
}

/** Absent and undefined are one on the wire. */
type Loose = { [K in keyof WireEvent]?: WireEvent[K] | undefined };
type Draft = Loose & { type: string; time: Millis; url: string };

let moment: { url?: string; time?: Millis } = {};
let held: (() => void)[] = [];
let open = 0;
/** The session of this page's last event. */
let session = '';
/** The landing's token, for the first event. */
let scan = scanIn(location.href);
const MAX_HELD = 1_000;

function capture(type: string, given: unknown, more: Loose | undefined): void {
  const { customer_id, user_id, email_sha256, user_data, token, ...props } = { ...common, ...(given as Props) };
  const draft: Draft = {
    type,
    time: moment.time || stamp(),
    url: withoutScan(moment.url || location.href).slice(0, 2_048),
    view_id: view.id,
    scan,
    gpc,
    kiosk: !!config.kiosk,
    ...more,
    // A copy: the page may change its object at once.
    props: JSON.parse(JSON.stringify(props)) as Props,
  };
  if (/^(login|sign_up|identify|purchase)$/.test(type)) {
    draft.customer_id = customerIn(customer_id || user_id);
    draft.email_sha256 = emailIn(email_sha256 || (user_data && (user_data as Props).sha256_email_address));
    draft.customer_token = token as string;
  }
  scan = undefined;
  whenReady(isVital(draft), () => commit(draft));
}

function commit(draft: Draft): void {
  const { type, time, url, customer_id, email_sha256, customer_token } = draft;
  const event = { event_id: `${time.toString(36)}-${randomId(16)}`, consent, ...draft };
  if (consent === 'granted') {
    let [of, known, told] = readClaims();
    const statement = `${customer_id} ${email_sha256} ${!customer_token};`;
    if (customer_id && known && customer_id !== known && of === currentSession()) endSession();
    // Engagement ends a view and begins nothing: no new session for a page that was left open overnight.
    const current = type === 'engagement' ? currentSession() : touchSession(time, session && type !== 'page_view' ? '' : url);
    if (of !== current) known = told = '';
    if (!current || (type === 'identify' && told.includes(statement))) return;
    if (customer_id || email_sha256) writeClaims(current, customer_id || known, told + statement);
    if (type === 'identify' || type === 'purchase') event.customer_id = customer_id || known || undefined;
    event.anonymous_id = anonymousId();
    event.session_id = current;
    event.tab_id = tabId();
    enqueue(event as WireEvent);
    if (type === 'logout' || type === 'reset') {
      stated = {};
      endSession();
    }
    if (type === 'reset') forgetBrowser();
    // A new session hears the customer that the page still states.
    if (session !== current) {
      session = current;
      identify();
    }
  } else if (config.cookieless && type !== 'identify') {
    enqueue({ ...event, view_id: undefined, customer_id: undefined, email_sha256: undefined, customer_token: undefined } as Loose as WireEvent);
  }
}

function customerIn(id: unknown): string | undefined {
  return id && /^(string|number)$/.test(typeof id) ? String(id) : undefined;
}

function emailIn(hash: unknown): string | undefined {
  return /^\w{64}$/.test(String(hash)) ? String(hash) : undefined;
}

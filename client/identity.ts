/** Who this browser is: an id, no person. And whom its session has named. */
import { attempt } from './guard.ts';
import { randomId } from './random-id.ts';
import { SESSION } from './session.ts';
import { keys, read, remove, removeCookie, unstore, write, writeCookie } from './storage.ts';

export function anonymousId(): string {
  let id = read(ID);
  if (!/^[\w-]{9,99}$/.test(id) || id === read(VOID)) id = randomId(21);
  if (id !== fresh) writeCookie(ID, id);
  fresh = id;
  return id;
}

/** A new id from the next event on. An answer still on its way may bring the old cookie back: that id is void. */
export function forgetBrowser(): void {
  write(VOID, anonymousId());
}

/** A tab keeps its id from page to page. */
export function tabId(): string {
  attempt(() => {
    tab_id = (sessionStorage[TAB] as string) || tab_id;
    sessionStorage[TAB] = tab_id;
  });
  return tab_id;
}

/** No consent: nothing of ours stays on this device. This page's events wait in memory. */
export function forgetDevice(): void {
  keys('ff_').forEach(remove);
  keys(QUEUE).forEach(unstore);
  removeCookie(ID);
  removeCookie(SESSION);
  attempt(() => delete sessionStorage[TAB]);
  fresh = '';
}

/** Whom this session has named so far, and by which statements. */
export function claimedIn(session: string): [customer_id?: string, told?: string] {
  const [of, ...claimed] = attempt(() => JSON.parse(read(CLAIMS)) as [string, string?, string?]) || [];
  return of === session ? claimed : [];
}

export function rememberClaim(...claimed: [session: string, customer_id: string | undefined, told: string]): void {
  write(CLAIMS, JSON.stringify(claimed));
}

/** Begins the keys of queued events; all others begin with `ff_`. */
export const QUEUE = 'ffe_';
const ID = 'ff_id';
const VOID = 'ff_x';
const CLAIMS = 'ff_c';
const TAB = 'ff_t';
/** Written by this page: the cookie's 13 months, and Safari's 7 days, begin anew with each. */
let fresh = '';
let tab_id = randomId(10);

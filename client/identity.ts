/** Who this browser is: an id, no person. And whom its session has named. */
import { eraseCookies, readCookie, writeCookie } from './cookie.ts';
import { attempt } from './guard.ts';
import { randomId } from './random-id.ts';
import { SESSION } from './session.ts';
import { eraseStorage, read, write } from './storage.ts';

/** Cookie first: subdomains share it, and the collector keeps it alive where Safari would end it after 7 days. */
export function anonymousId(): string {
  const mirror = read(ID);
  const cookie = readCookie(ID);
  const known = [cookie, mirror].find((id) => id && VALID.test(id) && id !== read(RESET));
  const id = known || randomId(21);
  if (id !== mirror) write(ID, id);
  if (id !== cookie || !refreshed) writeCookie(ID, id);
  refreshed = true;
  return id;
}

/** A new browser id from the next event on. An answer still on its way may bring the old cookie back: its id is void. */
export function forgetBrowser(): void {
  write(RESET, anonymousId());
}

/** A tab keeps its id from page to page. */
export function tabId(): string {
  tab_id = tab_id || attempt(() => sessionStorage[TAB] as string) || randomId(10);
  attempt(() => (sessionStorage[TAB] = tab_id));
  return tab_id;
}

/** No consent: nothing of ours stays on this device. What waits to be sent stays in memory. */
export function forgetDevice(): void {
  eraseStorage(/^ff_[en]/);
  eraseCookies(ID, SESSION);
  attempt(() => delete sessionStorage[TAB]);
  tab_id = '';
}

/** What one session has said of its customer so far. */
export interface Claimed {
  customer_id?: string | undefined;
  email_sha256?: string | undefined;
  signed?: boolean | undefined;
}

export function claimedIn(session: string | undefined): Claimed {
  const [of, claimed] = JSON.parse(read(CUSTOMER) || '[]') as [string?, Claimed?];
  return (of && of === session && claimed) || {};
}

export function rememberClaim(session: string, claimed: Claimed): void {
  write(CUSTOMER, JSON.stringify([session, claimed]));
}

const ID = 'ff_id';
const TAB = 'ff_t';
const RESET = 'ff_x';
const CUSTOMER = 'ff_c';
const VALID = /^[\w.:@+-]{1,128}$/;
/** The cookie's 13 months, and Safari's 7 days, start again with each page. */
let refreshed = false;
let tab_id = '';

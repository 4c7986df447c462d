/** Keeps small strings: in memory always, on this device while consent allows. Browsers deny storage in many ways; nothing here throws. */
import { config } from './config.ts';
import { consent } from './consent.ts';
import { attempt } from './guard.ts';

/** What this page has written. */
export const memory: Record<string, string> = {};

/** Cookie first: a shop's subdomains share it, and the collector keeps it alive where Safari would end it after 7 days. */
export function read(key: string): string {
  return (consent === 'granted' && (readCookie(key) || attempt(() => localStorage[key] as string) || memory[key])) || '';
}

/** True if the device did not refuse it. */
export function write(key: string, value: string): boolean | undefined {
  memory[key] = value;
  return attempt(() => {
    // On a full device the old value must not outlive the new.
    delete localStorage[key];
    if (consent === 'granted') localStorage[key] = value;
    return true;
  });
}

/** On the registrable domain. It is probed once for each origin, from the short end: some browsers log each refusal. */
export function writeCookie(key: string, value: string): void {
  write(key, value);
  const known = read(DOMAIN);
  for (const domain of known ? [known] : domains()) {
    setCookie(key, value, domain, MAX_AGE);
    if (readCookie(key) === value) {
      write(DOMAIN, domain);
      break;
    }
  }
}

export function remove(key: string): void {
  delete memory[key];
  unstore(key);
}

/** From the device only. */
export function unstore(key: string): void {
  attempt(() => delete localStorage[key]);
}

/** On whichever domain it stands, the collector's copy included. */
export function removeCookie(key: string): void {
  for (const domain of domains()) setCookie(key, '', domain, 0);
}

/** Both this page's and the device's, in order; some twice. */
export function keys(prefix: string): string[] {
  return [...Object.keys(memory), ...(attempt(() => Object.keys(localStorage)) || [])].filter((key) => key.startsWith(prefix)).sort();
}

const DOMAIN = 'ff_d';
/** 13 months, in seconds. */
const MAX_AGE = 34e6;

function readCookie(key: string): string | undefined {
  return attempt(() => (document.cookie.match(`(^|; )${key}=([^;]+)`) as string[])[2]);
}

function setCookie(key: string, value: string, domain: string, age: number): void {
  attempt(() => {
    document.cookie = `${key}=${value};path=/;samesite=lax;max-age=${age};${domain + (location.protocol > 'http:' ? ';secure' : '')}`;
  });
}

/** As a cookie says it. `a.shop.co.uk`: co.uk, shop.co.uk, a.shop.co.uk, and the host alone. */
function domains(): string[] {
  const labels = (config.domain || location.hostname).split('.');
  return labels.map((_, index) => (labels[index + 1] ? `domain=${labels.slice(-2 - index).join('.')}` : ';'));
}

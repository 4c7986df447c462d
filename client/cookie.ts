/** First-party cookies on the registrable domain, shared by a shop's subdomains. */
import { config } from './config.ts';
import { attempt } from './guard.ts';
import { read, storing, write } from './storage.ts';

export function readCookie(name: string): string | undefined {
  return storing ? get(name) : undefined;
}

export function writeCookie(name: string, value: string): void {
  if (storing) put(name, value, cookieDomain(), MAX_AGE);
}

/** Removes them on whichever domain they stand, the collector's copies included. */
export function eraseCookies(...names: string[]): void {
  for (const name of names) {
    if (!get(name)) continue;
    put(name, '', '', 0);
    for (const domain of domains()) put(name, '', domain, 0);
  }
}

/** 13 months. */
const MAX_AGE = 34_128_000;
const DOMAIN_KEY = 'ff_d';

function get(name: string): string | undefined {
  return (attempt(() => document.cookie.match(`(?:^|; )${name}=([^;]+)`)) || [])[1];
}

function put(name: string, value: string, domain: string, age: number): void {
  attempt(() => {
    document.cookie = `${name}=${value};path=/;samesite=lax;max-age=${age}${domain && `;domain=${domain}`}${location.protocol === 'https:' ? ';secure' : ''}`;
  });
}

/** Probed once for each origin: browsers refuse a cookie on a public suffix, and some log each refusal. */
function cookieDomain(): string {
  const known = config.domain || read(DOMAIN_KEY);
  if (known) return known === NONE ? '' : known;
  const found = domains().find((domain) => {
    put(PROBE, '1', domain, 9);
    const accepted = get(PROBE);
    put(PROBE, '', domain, 0);
    return accepted;
  });
  write(DOMAIN_KEY, found || NONE);
  return found || '';
}

const PROBE = 'ff_p';
/** Remembers that no domain was accepted (localhost, or no cookies at all). */
const NONE = '-';

/** `a.shop.co.uk`: co.uk, shop.co.uk, a.shop.co.uk. */
function domains(): string[] {
  const labels = location.hostname.split('.');
  return labels.map((_, index) => labels.slice(-1 - index).join('.')).slice(1);
}

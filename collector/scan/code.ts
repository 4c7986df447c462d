/** Printed codes: what one is, what makes it valid, and where its scan is sent. */
import { randomInt } from 'node:crypto';
import { SCAN_PARAM } from '../../protocol/event.ts';
import type { Site } from '../domain/site.ts';
import type { CodeRow } from '../store/store.ts';

/** Codes are printed in upper case and read in any case; no letters that look like digits. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
export const CODE_PATTERN = /^[A-Z0-9][A-Z0-9-]{1,31}$/;

export function newCode(length = 6): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** The URL to print: upper case as far as it is allowed, since that makes a smaller symbol. */
export function codeUrl(code: string, site: Pick<Site, 'code_host'>, public_url: string): string {
  const url = new URL(site.code_host ?? public_url);
  return `${url.origin.toUpperCase()}/Q/${code}`;
}

/** Why a target may not be redirected to, or null: https and public, or an exact registered origin of the site. */
export function targetFault(target: string, origins: readonly string[]): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u0020\u007f]/.test(target)) return 'must not hold spaces or control characters';
  if (!URL.canParse(target)) return 'must be an absolute URL';
  const url = new URL(target);
  if (origins.includes(url.origin)) return null;
  if (url.username || url.password) return 'must not hold credentials';
  if (url.protocol !== 'https:') return 'must be https, or an origin of the site';
  if (/(?:^|\.)xn--/.test(url.hostname)) return 'must have an ASCII host name, or be an origin of the site';
  if (!isPublicHost(url.hostname)) return 'must be a public host, or an origin of the site';
  return null;
}

function isPublicHost(host: string): boolean {
  if (host.startsWith('[') || /^[\d.]+$/.test(host)) return false;
  return host.includes('.') && !/\.(?:local|localhost|internal|lan|home|corp|test|invalid|onion|arpa)$/.test(`.${host}`);
}

export interface Redirect {
  url: string;
  /** The code is not in use now, and this is its fallback. */
  fallback: boolean;
}

/** Where a scan goes at this moment: the target while the code is active and in its time, else the fallback, else nowhere. */
export function destinationOf(code: CodeRow, now: number): Redirect | null {
  const live = code.active && (code.valid_from === null || code.valid_from <= now) && (code.valid_until === null || now < code.valid_until);
  if (live) return { url: code.target, fallback: false };
  return code.fallback === null ? null : { url: code.fallback, fallback: true };
}

/** The target with its own query kept, the scan's passed through, missing utm_* filled in, and the token of this scan. */
export function landingUrl(
  target: string,
  { source, campaign }: { source: string; campaign: string },
  incoming: URLSearchParams,
  token: string | null,
): string {
  const url = new URL(target);
  const { searchParams } = url;
  for (const [name, value] of incoming) if (name !== SCAN_PARAM && !searchParams.has(name)) searchParams.append(name, value);
  const utm = { utm_source: source, utm_medium: 'qr', utm_campaign: campaign };
  for (const [name, value] of Object.entries(utm)) if (!searchParams.has(name)) searchParams.set(name, value);
  searchParams.delete(SCAN_PARAM);
  if (token !== null) searchParams.set(SCAN_PARAM, token);
  return url.href;
}

/** What every scan's answer has in common: who asks, what is recorded of it, where it is sent and with which headers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { nanoid } from 'nanoid';
import type { Millis, Props } from '../../protocol/event.ts';
import { ID_PATTERN } from '../../protocol/ids.ts';
import { type AcceptedEvent, factsOf } from '../domain/accepted-event.ts';
import { deviceOf } from '../domain/device.ts';
import type { SiteRecord } from '../domain/site.ts';
import { scanToken } from '../intake/enrich.ts';
import type { Claim, ScanPlace } from '../linking/event.ts';
import { cookieOf } from './request.ts';

/** A redirect that is cached would freeze the target and lose scans. */
const HEADERS = {
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const COOKIE = 'ff_id';
const COOKIE_SECONDS = 395 * 86_400;

export interface Scanned {
  site: string;
  scan: ScanPlace;
  claim: Claim | null;
  single_use?: boolean;
  props: Props | null;
}

export function scanEvent(
  req: IncomingMessage,
  { site, scan, claim, single_use = false, props }: Scanned,
  flag: string | null,
  time: Millis,
): AcceptedEvent {
  // Sorts by time, as all ids do, and cannot be guessed.
  const event_id = `${time.toString(36).padStart(8, '0')}-${nanoid(22)}`;
  const device = deviceOf(req.headers['user-agent']);
  // Field by field: spread literals cost as much as a third of the whole answer.
  const event: AcceptedEvent = {
    site,
    event_id,
    type: 'scan',
    time,
    occurred_at: time,
    anonymous_id: null,
    session_id: null,
    claim,
    barrier: null,
    kiosk: false,
    scan_id: null,
    scan,
    scan_flag: flag,
    facts: factsOf(event_id, 'scan', {}, device),
    received_at: time,
    device,
    payload: props ? { props } : {},
  };
  if (single_use) event.single_use = true;
  return event;
}

/** Why a scan is out of every count: nobody looked at it. */
export function flagOf({ method, headers }: IncomingMessage): string | null {
  if (method === 'HEAD') return 'head';
  const purpose = `${headers['sec-purpose'] ?? ''} ${headers['purpose'] ?? ''} ${headers['x-purpose'] ?? ''} ${headers['x-moz'] ?? ''}`;
  if (/preview/i.test(purpose)) return 'preview';
  if (/prefetch|prerender/i.test(purpose)) return 'prefetch';
  return deviceOf(headers['user-agent']).bot ? 'bot' : null;
}

/**
 * The token for a scan's landing page. Machines get one too, and HEAD the headers that GET would: a program that then loads the page
 * has its scan, which its flag keeps out of every count.
 */
export function tokenOf({ event_id }: AcceptedEvent, { scan_key }: SiteRecord): string {
  return scanToken(event_id, scan_key);
}

export function sendOn(
  res: ServerResponse,
  location: string,
  { status = 302, cookie }: { status?: 302 | 307; cookie?: string } = {},
): void {
  res.writeHead(status, { ...HEADERS, location, 'content-length': '0', ...(cookie && { 'set-cookie': cookie }) }).end();
}

/**
 * The visitor's cookie, where the site sets it before consent: this is a top-level navigation, so it outlives what a page's script
 * could set. Only on a host of the cookie's domain, and never for a machine.
 */
export function scanCookie(req: IncomingMessage, { scan_cookie, cookie_domain }: SiteRecord, flag: string | null): string | undefined {
  const host = (req.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (!scan_cookie || flag !== null) return undefined;
  const inDomain = cookie_domain !== null && (host === cookie_domain || host.endsWith(`.${cookie_domain}`));
  if (cookie_domain !== null && !inDomain) return undefined;
  const known = cookieOf(req, COOKIE);
  const id = known !== undefined && ID_PATTERN.test(known) ? known : nanoid(21);
  const secure = host === 'localhost' || /^[\d.]+$/.test(host) ? '' : '; Secure';
  return `${COOKIE}=${id}; Path=/; Max-Age=${COOKIE_SECONDS}; SameSite=Lax${inDomain ? `; Domain=${cookie_domain}` : ''}${secure}`;
}

/** A small page for the person who scanned. */
export function page(res: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  const shown = text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${shown}</title><h1>${shown}.</h1>`;
  res.writeHead(status, {
    ...HEADERS,
    ...headers,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
    'content-length': String(Buffer.byteLength(body)),
  });
  res.end(body);
}

export function json(res: ServerResponse, status: number, type: string, value: object): void {
  const body = JSON.stringify(value);
  res.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }).end(body);
}

/** `GET /q/CODE`: a scan of a printed code, durably recorded, then sent on. Stands in front of the router. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { nanoid } from 'nanoid';
import type { Millis } from '../../protocol/event.ts';
import { type AcceptedEvent, factsOf } from '../domain/accepted-event.ts';
import { deviceOf, isBot } from '../domain/device.ts';
import type { SiteRecord } from '../domain/site.ts';
import { StoreUnavailable } from '../errors.ts';
import { scanToken } from '../intake/enrich.ts';
import type { Intake } from '../intake/intake.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { CODE_PATTERN, destinationOf, landingUrl } from '../scan/code.ts';
import type { CodeRow } from '../store/store.ts';

export interface ScanOptions {
  intake: Intake;
  metrics: Metrics;
  log: Logger;
  codeOf(code: string): Promise<(CodeRow & { site: string }) | null>;
  siteOf(site: string): SiteRecord | undefined;
  now: () => Millis;
}

const PATH = /^\/q\/([^/?#]{1,64})\/?(?:\?(.*))?$/i;
/** A redirect that is cached would freeze the target and lose scans. */
const HEADERS = {
  'cache-control': 'no-store',
  'x-robots-tag': 'noindex',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export function createScan({ intake, metrics, log, codeOf, siteOf, now }: ScanOptions) {
  /** Takes `/q/CODE` in any case; answers false for any other path. */
  return function scan(req: IncomingMessage, res: ServerResponse): boolean {
    const match = PATH.exec(req.url ?? '');
    if (!match) return false;
    if (req.method !== 'GET' && req.method !== 'HEAD') page(res, 405, 'This address is for scanning', { allow: 'GET, HEAD' });
    else
      redirect(req, res, (match[1] ?? '').toUpperCase(), new URLSearchParams(match[2] ?? '')).catch((error: unknown) => {
        log.error({ err: error }, 'scan failed');
        page(res, 503, 'This code cannot be looked up right now. Please try again', { 'retry-after': '5' });
      });
    return true;
  };

  async function redirect(req: IncomingMessage, res: ServerResponse, name: string, query: URLSearchParams): Promise<void> {
    const code = CODE_PATTERN.test(name) ? await codeOf(name) : null;
    const site = code && siteOf(code.site);
    const moment = now();
    const destination = code && destinationOf(code, moment);
    if (!code || !site || !destination) return page(res, 404, code ? 'This code is no longer in use' : 'This code is not known here');
    if (destination.fallback) return send(res, destination.url);
    const flag = flagOf(req);
    metrics.scans.inc({ flag: flag ?? 'none' });
    const event = scanEvent(code, site.site, flag, deviceOf(req.headers['user-agent']), moment);
    try {
      await intake.submit({ site: site.site, events: [event], refused: [] });
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      // The customer in the store still gets her page; the scan is missing and counted as such.
      metrics.dropped.inc({ reason: 'scan_not_stored' });
      log.error({ err: error.cause ?? error }, 'a scan was not stored');
      return send(res, landingUrl(destination.url, code, query, null));
    }
    const token = flag === null || flag === 'prefetch' ? scanToken(event.event_id, site.scan_key) : null;
    send(res, landingUrl(destination.url, code, query, token));
  }
}

function send(res: ServerResponse, location: string): void {
  res.writeHead(302, { ...HEADERS, location, 'content-length': '0' }).end();
}

/** Why a scan is out of every count: nobody looked at it. */
function flagOf({ method, headers }: IncomingMessage): string | null {
  if (method === 'HEAD') return 'head';
  const purpose = `${headers['sec-purpose'] ?? ''} ${headers['purpose'] ?? ''} ${headers['x-purpose'] ?? ''} ${headers['x-moz'] ?? ''}`;
  if (/preview/i.test(purpose)) return 'preview';
  if (/prefetch|prerender/i.test(purpose)) return 'prefetch';
  return isBot(headers['user-agent'] ?? '') ? 'bot' : null;
}

function scanEvent(code: CodeRow, site: string, flag: string | null, device: AcceptedEvent['device'], time: Millis): AcceptedEvent {
  const { store_id, placement, sku, gtin, kind, customer_id } = code;
  // Sorts by time, as all ids do, and cannot be guessed.
  const event_id = `${time.toString(36).padStart(8, '0')}-${nanoid(22)}`;
  return {
    site,
    event_id,
    type: 'scan',
    time,
    occurred_at: time,
    anonymous_id: null,
    session_id: null,
    claim: kind === 'personal' && customer_id !== null ? { customer_id, email: null, strength: 'carried' } : null,
    barrier: null,
    kiosk: false,
    scan_id: null,
    scan: { code: code.code, ...(store_id && { store_id }), ...(placement && { placement }), ...(sku && { sku }), ...(gtin && { gtin }) },
    scan_flag: flag,
    facts: factsOf(event_id, 'scan', {}, device),
    received_at: time,
    device,
    payload: {},
  };
}

function page(res: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text}</title><h1>${text}.</h1>`;
  res.writeHead(status, {
    ...HEADERS,
    ...headers,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'",
    'content-length': String(Buffer.byteLength(body)),
  });
  res.end(body);
}

/** `GET /q/CODE`: a scan of a printed code, durably recorded, then sent on. Stands in front of the router. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { CODE_PATTERN, destinationOf, landingUrl } from '../scan/code.ts';
import type { CodeCache } from '../scan/code-cache.ts';
import type { Recorder } from '../scan/recorder.ts';
import type { CodeRow } from '../store/store.ts';
import { flagOf, page, type Scanned, scanCookie, scanEvent, sendOn, tokenOf } from './redirect.ts';

export interface ScanOptions {
  recorder: Recorder;
  metrics: Metrics;
  log: Logger;
  codeOf: CodeCache<CodeRow & { site: string }>['get'];
  siteOf(site: string): SiteRecord | undefined;
  now: () => Millis;
}

const PATH = /^\/q\/([^/?#]{1,64})\/?(?:\?(.*))?$/i;

export function createScan({ recorder, metrics, log, codeOf, siteOf, now }: ScanOptions) {
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
    if (destination.fallback) return sendOn(res, destination.url);
    const flag = flagOf(req);
    metrics.scans.inc({ flag: flag ?? 'none' });
    const event = scanEvent(req, scanned(code, site.site), flag, moment);
    const token = (await recorder.record(event)) ? tokenOf(event, site) : null;
    const cookie = scanCookie(req, site, flag);
    const source = { source: code.store_id ?? 'code', campaign: code.campaign ?? code.placement ?? code.code };
    sendOn(res, landingUrl(destination.url, source, query, token), cookie === undefined ? {} : { cookie });
  }
}

function scanned({ code, store_id, placement, sku, gtin, kind, customer_id, single_use }: CodeRow, site: string): Scanned {
  return {
    site,
    scan: { code, ...(store_id && { store_id }), ...(placement && { placement }), ...(sku && { sku }), ...(gtin && { gtin }) },
    claim: kind === 'personal' && customer_id !== null ? { customer_id, email: null, strength: 'carried' } : null,
    single_use,
    props: null,
  };
}

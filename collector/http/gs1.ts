/** The GS1 Digital Link resolver: `/01/…`, `/414/…/254/…` and the other keys. Stands in front of the router. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Millis, SCAN_PARAM } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { landingUrl } from '../scan/code.ts';
import type { CodeCache } from '../scan/code-cache.ts';
import { buildDigitalLink, describeFault, type Gs1Link, parseDigitalLinkPath } from '../scan/gs1.ts';
import { PRIMARY_KEYS, SHORT_NAMES } from '../scan/gs1-keys.ts';
import {
  anchorsOf,
  chooseTarget,
  factsOf,
  fillTarget,
  type Gs1Facts,
  languagesOf,
  linkset,
  prefixesOf,
  targetsFor,
} from '../scan/gs1-resolver.ts';
import type { Recorder } from '../scan/recorder.ts';
import type { Gs1TargetRow, StoreRow } from '../store/store.ts';
import { flagOf, json, page, scanCookie, scanEvent, sendOn, tokenOf } from './redirect.ts';

export type SiteTarget = Gs1TargetRow & { site: string };

export interface Gs1Options {
  recorder: Recorder;
  metrics: Metrics;
  log: Logger;
  /** Targets by `lookupKey`. */
  targetsOf: CodeCache<SiteTarget[]>['get'];
  /** Stores of a site. */
  storesOf: CodeCache<StoreRow[]>['get'];
  sites(): readonly SiteRecord[];
  publicUrl: () => string;
  now: () => Millis;
}

const NAMES = [...PRIMARY_KEYS.keys(), ...[...SHORT_NAMES].filter(([, ai]) => PRIMARY_KEYS.has(ai)).map(([name]) => name)];
const PATH = new RegExp(`^/(?:(?:${NAMES.join('|')})(?:/|$)|\\.well-known/gs1resolver$)`, 'i');
const VOCABULARY = { namespace: 'https://ref.gs1.org/voc/', prefix: 'gs1:', profile: 'https://www.gs1.org/voc/?show=linktypes' };

export function createGs1({ recorder, metrics, log, targetsOf, storesOf, sites, publicUrl, now }: Gs1Options) {
  /** Takes paths that begin with a primary key, in numbers or by its short name; answers false for any other. */
  return function resolve(req: IncomingMessage, res: ServerResponse): boolean {
    const [path = '', query = ''] = (req.url ?? '').split(/\?(.*)/s);
    if (!PATH.test(path)) return false;
    if (req.method !== 'GET' && req.method !== 'HEAD') page(res, 405, 'This address is for scanning', { allow: 'GET, HEAD' });
    else if (path.startsWith('/.')) json(res, 200, 'application/json', description());
    else
      answer(req, res, path, query).catch((error: unknown) => {
        log.error({ err: error }, 'a GS1 link was not resolved');
        page(res, 503, 'This code cannot be looked up right now. Please try again', { 'retry-after': '5' });
      });
    return true;
  };

  async function answer(req: IncomingMessage, res: ServerResponse, path: string, query: string): Promise<void> {
    const refuse = (status: 400 | 404, reason: string, more: object): void => {
      if (/\bhtml\b/.test(req.headers.accept ?? '')) page(res, status, reason);
      else json(res, status, 'application/problem+json', { type: 'about:blank', status, title: reason, ...more });
    };
    const parsed = parseDigitalLinkPath(path, query, publicUrl());
    if (!parsed.ok) return refuse(400, `Not a GS1 Digital Link: ${describeFault(parsed)}`, { reason: parsed.reason, ai: parsed.ai });
    const { link } = parsed;
    const host = `//${(req.headers.host ?? '').toLowerCase()}`;
    const here = sites().filter(({ code_host }) => code_host?.endsWith(host));
    const found = ((await targetsOf(lookupKey(link))) ?? []).filter(
      ({ site }) => here.length === 0 || here.some((each) => each.site === site),
    );
    const [first] = targetsFor(link, found);
    const targets = targetsFor(
      link,
      found.filter(({ site }) => site === first?.site),
    );
    const site = sites().find((each) => each.site === first?.site);
    const facts = factsOf(link);
    const incoming = new URLSearchParams(query.replaceAll(';', '&'));
    const asked = incoming.get('linkType') ?? incoming.get('linktype');
    const wantsSet = asked === 'linkset' || asked === 'all' || (req.headers.accept ?? '').includes('application/linkset+json');
    if (!first || !site)
      return refuse(404, `Nothing is registered for (${link.key[0]}) ${link.key[1]}`, { reason: 'unknown_key', ai: link.key[0] });
    if (wantsSet) {
      const anchor = buildDigitalLink({ ...link, attributes: [], extensions: [] });
      return json(res, 200, 'application/linkset+json', linkset(anchor.ok ? anchor.uri : '', targets, facts));
    }
    const target = chooseTarget(
      targets,
      asked === null ? null : longName(asked),
      languagesOf(req.headers['accept-language']),
    ) as SiteTarget;
    const flag = flagOf(req);
    metrics.scans.inc({ flag: flag ?? 'none' });
    const stores = facts.gln === undefined ? [] : ((await storesOf(site.site).catch(() => null)) ?? []);
    const store_id = stores.find(({ gln }) => gln === facts.gln)?.store_id;
    const event = scanEvent(
      req,
      { site: site.site, claim: null, props: { ...facts }, scan: scanPlace(link, facts, store_id) },
      flag,
      now(),
    );
    const token = (await recorder.record(event)) ? tokenOf(event, site) : null;
    for (const name of ['linkType', 'linktype', SCAN_PARAM]) incoming.delete(name);
    const source = { source: store_id ?? 'gs1', campaign: facts.location ?? facts.gtin ?? link.key[1] };
    const cookie = scanCookie(req, site, flag);
    sendOn(res, landingUrl(fillTarget(target.target, facts), source, incoming, token), {
      status: 307,
      ...(cookie !== undefined && { cookie }),
    });
  }

  function description(): object {
    return {
      name: 'Footfall',
      resolverRoot: publicUrl(),
      supportedPrimaryKeys: [...PRIMARY_KEYS.keys()],
      supportedLinkType: [VOCABULARY],
      linkTypeDefaultCanBeLinkset: false,
      supportedFeatures: { linkset: 'application/linkset+json', compressed: false, syntax: '1.6' },
    };
  }
}

/** One key for all that a link's lookup needs: its anchors and prefixes follow from it. */
export function lookupKey(link: Pick<Gs1Link, 'key' | 'qualifiers'>): string {
  return JSON.stringify([link.key, ...link.qualifiers]);
}

/** The anchors and prefixes that a lookup key stands for. */
export function lookupOf(key: string): { anchors: string[]; prefixes: string[] } {
  const [first = ['', ''], ...qualifiers] = JSON.parse(key) as [string, string][];
  return { anchors: anchorsOf({ key: first, qualifiers }), prefixes: prefixesOf({ key: first }) };
}

function longName(link_type: string): string {
  return link_type.replace(/^https:\/\/(?:ref\.gs1\.org|www\.gs1\.org|gs1\.org)\/voc\//, 'gs1:');
}

/** A GS1 scan's code is its primary key: `01/09521000100015`. */
function scanPlace({ key }: Gs1Link, { gtin, location }: Gs1Facts, store_id: string | undefined) {
  const placement = location?.slice(0, 128);
  return { code: `${key[0]}/${key[1]}`, ...(store_id && { store_id }), ...(placement && { placement }), ...(gtin && { gtin }) };
}

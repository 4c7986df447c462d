/** `POST /e`: a batch from a tag or a backend. Stands in front of the router: a 2xx means that every event is on stable storage. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BatchAnswer, Millis } from '../../protocol/event.ts';
import { ID_PATTERN } from '../../protocol/ids.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { type Device, deviceOf, NO_DEVICE } from '../domain/device.ts';
import type { SiteRecord } from '../domain/site.ts';
import { StoreUnavailable } from '../errors.ts';
import { type Decoded, decodeBatch, type RefusedEvent } from '../intake/decode.ts';
import { enrich, withoutConsent } from '../intake/enrich.ts';
import type { Intake, Outcome } from '../intake/intake.ts';
import type { Retention } from '../intake/retention.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Admission } from './admission.ts';
import type { Access, Auth } from './auth.ts';
import type { RateLimit } from './rate.ts';
import { answer, type Body, clientAddress, cookieOf, readBody } from './request.ts';

export interface CollectOptions {
  intake: Intake;
  auth: Auth;
  metrics: Metrics;
  log: Logger;
  rate: RateLimit;
  admission: Admission;
  /** Null: everything is kept for ever. */
  retention: Retention | null;
  trust_proxy: number;
  siteOf(site: string): SiteRecord | undefined;
  sites(): readonly SiteRecord[];
  now: () => Millis;
}

/** Name of the visitor's cookie, the same as the tag's. */
const COOKIE = 'ff_id';
const COOKIE_SECONDS = 395 * 86_400;

export function createCollect({ intake, auth, metrics, log, rate, admission, retention, trust_proxy, siteOf, sites, now }: CollectOptions) {
  const end = (res: ServerResponse, status: number, body?: object, headers: Headers = NONE): void => {
    metrics.requests.inc({ status });
    answer(res, status, body && JSON.stringify(body), headers);
  };

  const refuse = (res: ServerResponse, status: number, problem: string, headers: Headers = {}): void => {
    metrics.requests.inc({ status });
    answer(res, status, problem, { 'content-type': 'application/problem+json', ...headers });
  };
  const drop = (reason: string): void => metrics.dropped.inc({ reason });

  /** Pages of other origins may neither read an answer nor send cookies. */
  const registered = (origin: string | undefined): boolean => origin !== undefined && sites().some((site) => originAllowed(site, origin));

  /** Takes `/e`; answers false for any other path. */
  return function collect(req: IncomingMessage, res: ServerResponse): boolean {
    const { url = '', method } = req;
    if (url !== '/e' && !url.startsWith('/e?')) return false;
    const cors = registered(req.headers.origin) ? corsHeaders(req.headers.origin) : NONE;
    if (method === 'OPTIONS') {
      end(res, 204, undefined, {
        ...cors,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'content-type, content-encoding',
        'access-control-max-age': '86400',
      });
    } else if (method !== 'POST') refuse(res, 405, NO_POST, { allow: 'POST, OPTIONS' });
    else if (admission.full()) refuse(res, 503, BUSY, { ...cors, 'retry-after': '2', connection: 'close' });
    else
      readBody(
        req,
        (body) => {
          try {
            take(req, res, body, cors);
          } catch (error) {
            fail(res, error, cors);
          }
        },
        admission.reading,
      );
    return true;
  };

  function take(req: IncomingMessage, res: ServerResponse, body: Body, cors: Headers): void {
    const received_at = now();
    if ('error' in body) {
      if (body.error === 'too_large') refuse(res, 413, TOO_LARGE, { ...cors, connection: 'close' });
      else if (body.error === 'bad_encoding') refuse(res, 400, BAD_ENCODING, cors);
      return;
    }
    const decoded = decodeBatch(body.text, received_at);
    if (!decoded.ok) return refuse(res, decoded.status, problemOf(decoded.status, BATCH_ERRORS[decoded.reason], decoded.reason), cors);
    const site = siteOf(decoded.batch.site);
    if (!site) return refuse(res, 403, UNKNOWN_SITE, cors);
    const access = req.headers.authorization === undefined ? null : auth.accessOf(req.headers.authorization, received_at);
    const backend = mayWrite(access, site.site);
    if (req.headers.authorization !== undefined && !backend) return refuse(res, 403, BAD_TOKEN, cors);
    if (!backend && !originAllowed(site, req.headers.origin)) return refuse(res, 403, BAD_ORIGIN, cors);
    const wait = backend ? 0 : rate.take(`${clientAddress(req, trust_proxy)} ${site.site}`, received_at);
    if (wait > 0) return refuse(res, 429, TOO_MANY, { ...cors, 'retry-after': String(wait) });

    const release = admission.admit(site.site, body.text.length);
    if (!release) return refuse(res, 503, BUSY, { ...cors, 'retry-after': '2' });
    const started = performance.now();
    const taken: Taken = { req, res, decoded, site, received_at, backend, cors };
    // One chain of promises a request, made by hand: async functions around it cost more than the decoding.
    const acknowledged = retention ? acceptSifted(taken, retention) : accept(taken, enrichAll(taken), decoded.refused);
    acknowledged
      .then(() => metrics.acks.observe((performance.now() - started) / 1_000))
      .catch((error: unknown) => fail(res, error, cors))
      .finally(release);
  }

  function enrichAll({ req, decoded: { batch }, site, received_at, backend }: Taken): AcceptedEvent[] {
    const receipt = { site, received_at, device: backend ? NO_DEVICE : senderOf(req), backend };
    const events: AcceptedEvent[] = [];
    for (const event of batch.events) {
      // A site that did not opt into counting without ids keeps nothing of visitors who refuse, but their refusal itself.
      if (withoutConsent(event, site)) drop('no_consent');
      else events.push(enrich(event, batch, receipt, drop));
    }
    return events;
  }

  async function acceptSifted(taken: Taken, { sift }: Retention): Promise<void> {
    const { events, refused } = await sift(taken.site.site, enrichAll(taken));
    await accept(taken, events, [...taken.decoded.refused, ...refused]);
  }

  function accept(taken: Taken, events: readonly AcceptedEvent[], refused: readonly RefusedEvent[]): Promise<void> {
    return intake.submit({ site: taken.site.site, events, refused }).then((fates) => acknowledge(taken, events, refused, fates));
  }

  function acknowledge(
    { req, res, decoded: { batch, unknown_fields, bad_money }, site, cors }: Taken,
    events: readonly AcceptedEvent[],
    refused: readonly RefusedEvent[],
    fates: readonly Outcome[],
  ): void {
    const rejected = refused.map(({ raw: _raw, ...why }) => why);
    fates.forEach((fate, index) => {
      metrics.events.inc({ fate });
      if (fate === 'not_stored') rejected.push({ event_id: events[index]?.event_id ?? null, reason: 'not_stored' });
    });
    for (const { reason } of rejected) metrics.rejected.inc({ reason });
    if (batch.dropped) metrics.dropped.inc({ reason: 'by_tag' }, batch.dropped);
    if (unknown_fields > 0) metrics.dropped.inc({ reason: 'unknown_field' }, unknown_fields);
    if (bad_money > 0) metrics.dropped.inc({ reason: 'bad_money' }, bad_money);
    // A browser that asked to be forgotten is not given its id again; after a refusal an answer still on its way may have done so.
    const refuses = events.some(({ barrier, type }) => barrier === 'hard' && type === 'consent');
    const leaves = events.some(({ barrier }) => barrier === 'hard');
    const cookie = refuses ? setCookie(req, site, '', 0) : leaves ? NONE : cookieAgain(req, site);
    const headers = cookie === NONE ? cors : { ...cors, ...cookie };
    if (rejected.length === 0) return end(res, 204, undefined, headers);
    end(res, 200, { accepted: fates.length - (rejected.length - refused.length), rejected } satisfies BatchAnswer, headers);
  }

  function fail(res: ServerResponse, error: unknown, cors: Headers): void {
    if (error instanceof StoreUnavailable) {
      log.error({ err: error.cause ?? error }, error.message);
      const status = error.kind === 'full' ? 507 : 503;
      refuse(res, status, problemOf(status, error.message), { ...cors, 'retry-after': '5' });
    } else {
      log.error({ err: error }, 'collect failed');
      refuse(res, 500, problemOf(500, 'internal error'), cors);
    }
  }
}

type Headers = Readonly<Record<string, string>>;
const NONE: Headers = {};

/** A batch that was let in. */
interface Taken {
  req: IncomingMessage;
  res: ServerResponse;
  decoded: Extract<Decoded, { ok: true }>;
  site: SiteRecord;
  received_at: Millis;
  backend: boolean;
  cors: Headers;
}

/** A page always sends its Origin: a script without one relays others' events, so its own user agent makes no bot of them. */
function senderOf({ headers }: IncomingMessage): Device {
  const device = deviceOf(headers['user-agent']);
  return device.bot && headers.origin === undefined ? NO_DEVICE : device;
}

/** RFC 9457, with the word that tags act on. Those of every day are made once: a flood of them costs no more. */
function problemOf(status: number, title: string, reason?: string): string {
  return JSON.stringify({ type: 'about:blank', status, title, ...(reason !== undefined && { reason }) });
}

const BUSY = problemOf(503, 'busy');
const NO_POST = problemOf(405, 'POST a batch here');
const TOO_LARGE = problemOf(413, 'a batch is at most 64 KiB and 100 events');
const BAD_ENCODING = problemOf(400, 'the body cannot be decoded');
const UNKNOWN_SITE = problemOf(403, 'unknown site', 'unknown_site');
const BAD_TOKEN = problemOf(403, 'the token has no scope write here', 'bad_token');
const BAD_ORIGIN = problemOf(403, 'not an origin of this site', 'bad_origin');
const TOO_MANY = problemOf(429, 'too many requests');

const BATCH_ERRORS = {
  bad_json: 'the body is not JSON',
  bad_batch: 'not a batch: {"v":1,"site":…,"sent_at":…,"events":[…]}',
  too_many_events: 'a batch is at most 64 KiB and 100 events',
} as const;

/** For pages of registered origins only; every answer, so that a refused tag reads that it was refused. */
function corsHeaders(origin: string | undefined): Headers {
  return origin === undefined
    ? NONE
    : {
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'retry-after',
        vary: 'origin',
      };
}

/** No Origin header means no page: a server or a script. */
function originAllowed(site: SiteRecord, origin: string | undefined): boolean {
  return origin === undefined || (origin === 'null' ? site.allow_null_origin : site.origins.includes(origin));
}

function mayWrite(access: Access | null, site: string): boolean {
  if (!access?.scopes.includes('write')) return false;
  return access.sites === null || access.sites.includes(site);
}

/**
 * Safari keeps cookies that a script set for 7 days only, so the collector sets the visitor's own cookie again. Only what the
 * browser itself sent: a queue captured before a reset must not bring the old id back.
 */
function cookieAgain(req: IncomingMessage, site: SiteRecord): Headers {
  const id = cookieOf(req, COOKIE);
  return id !== undefined && ID_PATTERN.test(id) ? setCookie(req, site, id, COOKIE_SECONDS) : NONE;
}

/** On the site's cookie domain, or on the host that page and collector share; nowhere else. */
function setCookie(req: IncomingMessage, { cookie_domain }: SiteRecord, id: string, seconds: number): Headers {
  const host = (req.headers.host ?? '').replace(/:\d+$/, '');
  const inDomain = cookie_domain !== null && (host === cookie_domain || host.endsWith(`.${cookie_domain}`));
  const sameHost = req.headers.origin !== undefined && URL.canParse(req.headers.origin) && new URL(req.headers.origin).hostname === host;
  if (!inDomain && !sameHost) return NONE;
  const secure = req.headers.origin?.startsWith('https:') ? '; Secure' : '';
  return {
    'set-cookie': `${COOKIE}=${id}; Path=/; Max-Age=${seconds}; SameSite=Lax${inDomain ? `; Domain=${cookie_domain}` : ''}${secure}`,
  };
}

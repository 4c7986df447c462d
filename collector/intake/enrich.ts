/** A decoded event becomes an accepted one: its verdicts are frozen here (claim, strength, times, scrubbing), once and for ever (R1). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Batch, CLAIM_TYPES, MINUTE, type Millis, type WireEvent } from '../../protocol/event.ts';
import { type AcceptedEvent, factsOf, type Payload } from '../domain/accepted-event.ts';
import type { Device } from '../domain/device.ts';
import type { SiteRecord } from '../domain/site.ts';
import { nameCustomer } from '../linking/claim.ts';
import type { Barrier, Claim, Strength } from '../linking/event.ts';
import { scrubUrl } from './scrub.ts';
import { type TokenFault, verifyIdentity } from './signed-identity.ts';

/** Parts of an event that were dropped while the event itself is kept; also labels of the metric. */
export type DropReason =
  | 'customer_on_no_claim'
  | 'customer_names_nobody'
  | 'claim_not_signed'
  | 'bad_scan_token'
  | 'ids_without_consent'
  | `token_${TokenFault}`;

export interface Receipt {
  site: SiteRecord;
  received_at: Millis;
  device: Device;
  /** The sender is the retailer's backend: its claims are signed, and any of its events may make one. */
  backend: boolean;
  /** An import keeps the events' own times. */
  keep_times?: boolean;
}

export function enrich(
  event: WireEvent,
  batch: Pick<Batch, 'sent_at'>,
  { site, received_at, device, backend, keep_times = false }: Receipt,
  drop: (reason: DropReason) => void,
): AcceptedEvent {
  const barrier = barrierOf(event);
  // Without consent only the refusal itself keeps its ids: it ends what was known before (R12).
  const anonymous = event.consent === 'denied' && event.type !== 'consent';
  if (anonymous && event.anonymous_id !== undefined) drop('ids_without_consent');
  const anonymous_id = (!anonymous && event.anonymous_id) || null;
  const { tab_id, view_id, title, consent, gpc, kiosk, props } = event;
  const scrubbed = scrubbedOf(site.scrub_params);
  const url = event.url && scrubUrl(event.url, scrubbed);
  const referrer = event.referrer && scrubUrl(event.referrer, scrubbed);
  const scan_id = event.scan === undefined ? null : verifyScanToken(event.scan, site.scan_key);
  if (event.scan !== undefined && scan_id === null) drop('bad_scan_token');
  // Field by field: spreading what is there into a literal costs several times as much.
  const payload: Payload = {};
  if (!anonymous && tab_id !== undefined) payload.tab_id = tab_id;
  if (!anonymous && view_id !== undefined) payload.view_id = view_id;
  if (url) payload.url = url;
  if (referrer) payload.referrer = referrer;
  if (title) payload.title = title;
  if (consent) payload.consent = consent;
  if (gpc) payload.gpc = gpc;
  if (kiosk) payload.kiosk = kiosk;
  if (scan_id) payload.scan = scan_id;
  if (props) payload.props = props;
  return {
    site: site.site,
    event_id: event.event_id,
    type: event.type,
    time: event.time,
    occurred_at: keep_times ? Math.min(event.time, received_at) : occurredAt(event.time, batch.sent_at, received_at),
    anonymous_id,
    session_id: anonymous_id === null ? null : (event.session_id ?? null),
    claim: barrier || anonymous ? noClaim(event, drop) : claimOf(event, site, backend, drop),
    barrier: anonymous_id === null ? null : barrier,
    kiosk: kiosk === true && anonymous_id !== null,
    scan_id,
    scan: null,
    facts: factsOf(event.event_id, event.type, payload, device),
    scan_flag: null,
    received_at,
    device,
    payload,
  };
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** A site's own parameters as a set, made once for each list. */
function scrubbedOf(params: readonly string[]): ReadonlySet<string> {
  let set = sets.get(params);
  if (!set) {
    set = new Set(params);
    sets.set(params, set);
  }
  return set;
}

/** Whether a site that did not opt into counts without ids keeps nothing of this event: its visitor refused. */
export function withoutConsent(event: WireEvent, site: Pick<SiteRecord, 'consent'>): boolean {
  return event.consent === 'denied' && event.type !== 'consent' && site.consent !== 'cookieless';
}

function noClaim({ customer_id, email_sha256 }: WireEvent, drop: (reason: DropReason) => void): null {
  if (customer_id !== undefined || email_sha256 !== undefined) drop('customer_on_no_claim');
  return null;
}

/** R2: the tag's time, corrected where its clock is off by more than 5 minutes, and never after receipt. */
function occurredAt(time: Millis, sent_at: Millis, received_at: Millis): Millis {
  const off = received_at - sent_at;
  return Math.min(Math.abs(off) > 5 * MINUTE ? time + off : time, received_at);
}

export function barrierOf({ type, consent, props }: Pick<WireEvent, 'type' | 'consent' | 'props'>): Barrier | null {
  if (type === 'logout') return 'soft';
  if (type === 'reset') return 'hard';
  return type === 'consent' && (consent ?? props?.['consent']) === 'denied' ? 'hard' : null;
}

/** R4. A page's claim is signed by the retailer's token, a backend's by its own access. */
function claimOf(event: WireEvent, site: SiteRecord, backend: boolean, drop: (reason: DropReason) => void): Claim | null {
  const { customer_id: raw, email_sha256, customer_token, type } = event;
  if (raw === undefined && email_sha256 === undefined && customer_token === undefined) return null;
  if (!CLAIM_TYPES.has(type) && !backend) {
    drop('customer_on_no_claim');
    return null;
  }
  const stated = { customer_id: raw, email_sha256, strength: type === 'email_click' ? 'carried' : backend ? 'signed' : 'stated' } as const;
  const said =
    backend || customer_token === undefined || site.identity === 'off' ? stated : vouched(event, site, customer_token, stated, drop);
  if (said === null) return null;
  if (site.identity === 'require' && said.strength !== 'signed') {
    drop('claim_not_signed');
    return null;
  }
  const email = said.email_sha256 === undefined ? null : guestId(said.email_sha256, site.email_key);
  const named = said.customer_id === undefined ? { nobody: true } : nameCustomer(said.customer_id);
  if (said.customer_id !== undefined && 'nobody' in named) drop('customer_names_nobody');
  const customer_id = 'id' in named ? named.id : email;
  return customer_id === null ? null : { customer_id, email, strength: said.strength };
}

interface Statement {
  customer_id: string | undefined;
  email_sha256: string | undefined;
  strength: Strength;
}

/** What a token makes of a page's statement: signed, with the token's own e-mail only; as stated once it expired; else nothing. */
function vouched(
  event: WireEvent,
  site: SiteRecord,
  token: string,
  stated: Statement,
  drop: (reason: DropReason) => void,
): Statement | null {
  const { anonymous_id = null, customer_id, time } = event;
  const verdict = verifyIdentity(token, { site: site.site, keys: site.identity_keys, anonymous_id, customer_id, time });
  if (verdict.ok)
    return {
      customer_id: verdict.customer_id,
      email_sha256: verdict.email_sha256 ?? undefined,
      strength: stated.strength === 'carried' ? 'carried' : 'signed',
    };
  drop(`token_${verdict.fault}`);
  return verdict.fault === 'expired' ? stated : null;
}

/** R10: a guest's id. `email_sha256` is the hex hash of the trimmed, lower-cased address. */
export function guestId(email_sha256: string, key: Buffer): string {
  return `email:${createHmac('sha256', key).update(email_sha256).digest('hex')}`;
}

/** The token that a scan's redirect hands to the tag: the scan's id and a short MAC. */
export function scanToken(scan_id: string, key: Buffer): string {
  return `${scan_id}.${scanMac(scan_id, key).toString('base64url')}`;
}

function verifyScanToken(token: string, key: Buffer): string | null {
  const dot = token.lastIndexOf('.');
  const mac = Buffer.from(token.slice(dot + 1), 'base64url');
  const scan_id = token.slice(0, dot);
  const expected = scanMac(scan_id, key);
  return dot > 0 && mac.length === expected.length && timingSafeEqual(mac, expected) ? scan_id : null;
}

function scanMac(scan_id: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(scan_id).digest().subarray(0, 9);
}

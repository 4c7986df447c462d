/**
 * Signed identity: a compact JWT (RFC 7519) by which the retailer's backend vouches for a customer id that the page states.
 * Checked with node's crypto, because the collect path is synchronous; the algorithm is the key's, never the token's to choose.
 */
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { DAY, LIMITS, MINUTE, type Millis, SECOND } from '../../protocol/event.ts';
import type { IdentityKey } from '../domain/site.ts';
import { GUEST_PREFIX } from '../linking/claim.ts';

export type Verdict =
  | { ok: true; customer_id: string; email_sha256: string | null }
  /** `expired` leaves what the page states; any other fault leaves no claim at all. */
  | { ok: false; fault: TokenFault };

export type TokenFault =
  | 'malformed'
  | 'unknown_key'
  | 'bad_signature'
  | 'wrong_site'
  | 'wrong_browser'
  | 'wrong_customer'
  | 'bad_times'
  | 'expired';

export interface TokenContext {
  site: string;
  keys: readonly IdentityKey[];
  anonymous_id: string | null;
  /** The customer that the event itself names, if any. */
  customer_id: string | undefined;
  /** The event's time: an offline queue may deliver late. */
  time: Millis;
}

const SKEW = MINUTE;
const LONGEST_LIFE = DAY;

export function verifyIdentity(token: string, { site, keys, anonymous_id, customer_id, time }: TokenContext): Verdict {
  const fault = (what: TokenFault): Verdict => ({ ok: false, fault: what });
  const parts = token.split('.');
  const [head = '', body = '', mark = ''] = parts;
  if (parts.length !== 3 || token.length > LIMITS.customer_token) return fault('malformed');
  const header = json(head);
  const claims = json(body);
  if (!header || !claims || header['crit'] !== undefined) return fault('malformed');
  const key = keys.find(({ kid, alg }) => kid === header['kid'] && alg === header['alg']);
  if (!key) return fault('unknown_key');
  if (!signed(`${head}.${body}`, Buffer.from(mark, 'base64url'), key)) return fault('bad_signature');

  const { sub, aud, iat, exp, anon, email_sha256 } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > LIMITS.customer_id || !/^[^\p{Cc}\p{Cs}]*$/u.test(sub))
    return fault('malformed');
  if (sub.trim().startsWith(GUEST_PREFIX)) return fault('malformed');
  if (aud !== site && !(Array.isArray(aud) && aud.includes(site))) return fault('wrong_site');
  if (anon !== undefined && anon !== anonymous_id) return fault('wrong_browser');
  if (customer_id !== undefined && customer_id.trim().normalize('NFC') !== sub.trim().normalize('NFC')) return fault('wrong_customer');
  if (typeof iat !== 'number' || typeof exp !== 'number' || (exp - iat) * SECOND > LONGEST_LIFE || iat * SECOND > time + SKEW)
    return fault('bad_times');
  if (exp * SECOND + SKEW < time) return fault('expired');
  return {
    ok: true,
    customer_id: sub,
    email_sha256: typeof email_sha256 === 'string' && /^[0-9a-f]{64}$/.test(email_sha256) ? email_sha256 : null,
  };
}

/** Why this cannot be a key, or null. */
export function keyFault({ alg, key }: IdentityKey): string | null {
  if (alg === 'HS256') return Buffer.byteLength(key) < 32 ? 'expected a secret of at least 32 bytes' : null;
  try {
    const { asymmetricKeyType } = createPublicKey(key);
    return asymmetricKeyType === (alg === 'ES256' ? 'ec' : 'rsa') ? null : `expected a public key for ${alg}`;
  } catch {
    return 'expected a public key in PEM';
  }
}

function signed(text: string, mark: Buffer, { alg, key }: IdentityKey): boolean {
  try {
    if (alg === 'HS256') {
      const expected = createHmac('sha256', key).update(text).digest();
      return mark.length === expected.length && timingSafeEqual(mark, expected);
    }
    return verify('sha256', Buffer.from(text), alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key, mark);
  } catch {
    return false;
  }
}

function json(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

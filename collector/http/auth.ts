/** Bearer tokens: who may do what on which sites. Tokens are stored as SHA-256 and compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import type { Scope, Store, TokenRow } from '../store/store.ts';

/** What a token allows. `name` is the author of decisions. */
export interface Access {
  token_id: string;
  name: string;
  scopes: readonly Scope[];
  /** Null: every site. */
  sites: readonly string[] | null;
}

export interface Auth {
  /** What this Authorization header allows now, or null. */
  accessOf(authorization: string | undefined, now: Millis): Access | null;
  /** The same for a token known by its hash. */
  accessOfHash(hash: Buffer, now: Millis): Access | null;
  /** Reads the tokens again, after one was made or revoked. */
  reload(): Promise<void>;
}

export const hashToken = (token: string): Buffer => createHash('sha256').update(token).digest();

/** A new token: `sk_` and 256 random bits. */
export const newToken = (): string => `sk_${randomBytes(32).toString('base64url')}`;

/** The admin's token has every scope and stands in no table. */
export async function createAuth(store: Store, adminToken: string): Promise<Auth> {
  const adminHash = hashToken(adminToken);
  let tokens: TokenRow[] = [];
  const auth: Auth = {
    accessOf(authorization, now) {
      const token = /^Bearer (sk_[\w-]{20,200})$/i.exec(authorization ?? '')?.[1];
      return token ? auth.accessOfHash(hashToken(token), now) : null;
    },
    accessOfHash(hash, now) {
      if (timingSafeEqual(hash, adminHash)) return { token_id: 'admin', name: 'admin', scopes: ['read', 'write', 'admin'], sites: null };
      const row = tokens.find((candidate) => timingSafeEqual(candidate.hash, hash));
      if (!row || row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return null;
      return { token_id: row.token_id, name: row.name, scopes: row.scopes, sites: row.sites };
    },
    async reload() {
      tokens = await store.queries.tokens();
    },
  };
  await auth.reload();
  return auth;
}

/** Lets a request pass only with a token of this scope. */
export function requireScope(auth: Auth, scope: Scope, now: () => Millis): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    const access = accessNow(auth, req, res, now());
    if (!access) {
      const over = res.locals['session_over'] as string | undefined;
      throw new Problem(401, over ?? 'A valid token is needed: Authorization: Bearer sk_…', {}, { 'www-authenticate': 'Bearer' });
    }
    if (!access.scopes.includes(scope)) throw new Problem(403, `This token lacks the scope ${scope}`);
    res.locals['access'] = access;
    next();
  };
}

/** What the request's token allows at this moment; a browser that is signed in sends a cookie instead (session.ts). */
export function accessNow(auth: Auth, req: Request, res: Response, now: Millis): Access | null {
  return auth.accessOf(req.headers.authorization, now) ?? (res.locals['session'] as (() => Access | null) | undefined)?.() ?? null;
}

/** What the request's token allows; only behind `requireScope`. */
export function accessOf(res: Response): Access {
  return res.locals['access'] as Access;
}

/** The sites to read: the one asked for, if the token may see it, else all of the token's. */
export function siteFor(access: Access, site: string | undefined): readonly string[] | null {
  if (site === undefined) return access.sites;
  if (access.sites && !access.sites.includes(site)) throw new Problem(403, `This token does not reach the site ${site}`);
  return [site];
}

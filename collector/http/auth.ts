/** Bearer tokens: who may do what on which sites. Tokens are stored as SHA-256 and compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import type { Scope, Store, TokenRow } from '../store/store.ts';

/** What a token allows. `name` is the author of decisions. */
export interface Access {
  name: string;
  scopes: readonly Scope[];
  /** Null: every site. */
  sites: readonly string[] | null;
}

export interface Auth {
  /** What this Authorization header allows now, or null. */
  accessOf(authorization: string | undefined, now: Millis): Access | null;
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
      const token = /^Bearer (sk_[\w-]{20,200})$/.exec(authorization ?? '')?.[1];
      if (!token) return null;
      const hash = hashToken(token);
      if (timingSafeEqual(hash, adminHash)) return { name: 'admin', scopes: ['read', 'write', 'admin'], sites: null };
      const row = tokens.find((candidate) => timingSafeEqual(candidate.hash, hash));
      if (!row || row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return null;
      return { name: row.name, scopes: row.scopes, sites: row.sites };
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
    const access = auth.accessOf(req.headers.authorization, now());
    if (!access) throw new Problem(401, 'A valid token is needed: Authorization: Bearer sk_…', {}, { 'www-authenticate': 'Bearer' });
    if (!access.scopes.includes(scope)) throw new Problem(403, `This token lacks the scope ${scope}`);
    res.locals['access'] = access;
    next();
  };
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

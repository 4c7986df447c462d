/** Signs a person's browser in: a token, shown once to this endpoint, becomes a cookie that only the pages of this collector can use. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type CookieOptions, type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import { HOUR, type Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import { type Access, type Auth, hashToken } from './auth.ts';
import { parseBody } from './problem.ts';
import { cookieOf } from './request.ts';

/** A working day and a little; a revoked or expired token ends its sessions at once. */
export const SESSION_LENGTH = 12 * HOUR;

export interface SessionOptions {
  auth: Auth;
  /** Sessions are sealed with it: another secret, and all are over. */
  secret: string;
  publicUrl: () => string;
  /** Proxies in front that may say which scheme the browser used. */
  trust_proxy: number;
  now: () => Millis;
}

const SignIn = z.strictObject({ token: z.string().min(1).max(256), plain: z.boolean().default(false) });

/**
 * Goes before every other route: on a request under /v1 without an Authorization header, `res.locals.session()` is what the
 * cookie's token allows. Writes by cookie are refused unless they come from a page of this very origin.
 */
export function sessionRoutes({ auth, secret, publicUrl, trust_proxy, now }: SessionOptions): Router {
  const key = createHmac('sha256', secret).update('footfall ui session').digest();
  const seal = (text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const signedOut = new Map<string, Millis>();
  const router = Router();

  /** What the cookie allows; else why it allows nothing; null without a cookie. */
  function open(req: Request): { access: Access; expires_at: Millis; value: string } | { over: string } | null {
    const value = cookieOf(req, cookieName(req, true)) ?? (mayBePlain(req) ? cookieOf(req, cookieName(req, false)) : undefined);
    if (value === undefined) return null;
    const parts = /^([\w-]{22})\.(\d{13})\.([\w-]{43})\.([\w-]{43})$/.exec(value);
    const [, id = '', expires = '', hash = '', mac = ''] = parts ?? [];
    if (!parts || !timingSafeEqual(Buffer.from(mac, 'base64url'), seal(`${id}.${expires}.${hash}`)))
      return { over: 'This session is not one of this collector: sign in again.' };
    if (Number(expires) <= now()) return { over: 'Your session has expired: sign in again.' };
    if (signedOut.has(value)) return { over: 'You have signed out: sign in again.' };
    const access = auth.accessOfHash(Buffer.from(hash, 'base64url'), now());
    return access
      ? { access, expires_at: Number(expires), value }
      : { over: 'The token of this session is not valid any more: sign in again.' };
  }

  const isOwn = (req: Request): boolean => {
    const { origin, host } = req.headers;
    if (origin === undefined || !URL.canParse(origin)) return false;
    return new URL(origin).host === host || (publicUrl() !== '' && origin === new URL(publicUrl()).origin);
  };
  const ownOnly: RequestHandler = (req, _res, next) => {
    if (!isOwn(req)) throw new Problem(403, 'Sessions are for the pages of this collector: elsewhere, send Authorization: Bearer sk_…');
    next();
  };
  const isHttps = (req: Request): boolean =>
    (trust_proxy > 0 && /^https\b/.test(String(req.headers['x-forwarded-proto'] ?? ''))) || publicUrl().startsWith('https:');
  const mayBePlain = (req: Request): boolean => !isHttps(req) && isLoopback(req);

  function setCookie(req: Request, res: Response, value: string, maxAge: Millis, secure: boolean): void {
    const options: CookieOptions = { httpOnly: true, sameSite: 'strict', path: '/', secure, maxAge, encode: String };
    res.cookie(cookieName(req, secure), value, options);
  }

  router.use('/v1', (req, res, next) => {
    if (req.headers.authorization !== undefined) return next();
    const session = open(req);
    if (session === null) return next();
    if ('over' in session) res.locals['session_over'] = session.over;
    else {
      if (!['GET', 'HEAD', 'OPTIONS'].includes(req.method) && !isOwn(req))
        throw new Problem(403, 'A session writes from its own pages only: elsewhere, send Authorization: Bearer sk_…');
      res.locals['session'] = (): Access | null => {
        const still = open(req);
        return still && 'access' in still ? still.access : null;
      };
    }
    next();
  });

  router.use('/ui/session', (_req, res, next) => {
    res.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });

  router.post('/ui/session', ownOnly, (req, res) => {
    const { token, plain } = parseBody(SignIn, req.body);
    const access = auth.accessOf(`Bearer ${token.trim()}`, now());
    if (!access) throw new Problem(401, 'This token is not valid (any more).');
    if (!access.scopes.includes('read')) throw new Problem(403, 'This token may not read: the pages need the scope read.');
    if (plain && !mayBePlain(req))
      throw new Problem(400, 'Over plain http, a session works on localhost only: use https.', { field: 'plain' });
    const expires_at = now() + SESSION_LENGTH;
    const text = `${randomBytes(16).toString('base64url')}.${expires_at}.${hashToken(token.trim()).toString('base64url')}`;
    setCookie(req, res, `${text}.${seal(text).toString('base64url')}`, SESSION_LENGTH, !plain);
    res.status(201).json({ ...access, expires_at });
  });

  router.get('/ui/session', (req, res) => {
    const session = open(req);
    if (session === null || 'over' in session) throw new Problem(401, session?.over ?? 'Nobody is signed in.');
    res.json({ ...session.access, expires_at: session.expires_at });
  });

  router.delete('/ui/session', ownOnly, (req, res) => {
    const session = open(req);
    for (const [value, expires] of signedOut) if (expires <= now()) signedOut.delete(value);
    if (session !== null && 'value' in session) signedOut.set(session.value, session.expires_at);
    setCookie(req, res, '', 0, true);
    if (mayBePlain(req)) setCookie(req, res, '', 0, false);
    res.status(204).end();
  });
  return router;
}

/** Cookies do not keep ports apart: two collectors on one machine would sign each other out. */
function cookieName(req: Request, secure: boolean): string {
  const port = /:(\d+)$/.exec(req.headers.host ?? '')?.[1];
  return `${secure ? '__Host-' : ''}footfall${port === undefined ? '' : `-${port}`}`;
}

/** WebKit keeps no Secure cookie of http://localhost; there the traffic never leaves the machine. */
function isLoopback(req: Request): boolean {
  const name = (req.headers.host ?? '').replace(/:\d+$/, '');
  return name === 'localhost' || name.endsWith('.localhost') || name === '127.0.0.1' || name === '[::1]';
}

/** How often one token may call the API, told in the standard headers; an address without a known token has the same. */
import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import { MINUTE, type Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import { type Auth, accessNow } from './auth.ts';
import { clientAddress } from './request.ts';

export interface ApiLimitOptions {
  auth: Auth;
  /** Requests a minute; 0 turns it off. */
  api_rate: number;
  trust_proxy: number;
  now: () => Millis;
}

export function apiLimit({ auth, api_rate, trust_proxy, now }: ApiLimitOptions): RequestHandler {
  if (api_rate === 0) return (_req, _res, next) => next();
  return rateLimit({
    windowMs: MINUTE,
    limit: api_rate,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'api',
    keyGenerator: (req, res) => accessNow(auth, req, res, now())?.token_id ?? clientAddress(req, trust_proxy),
    // What it would warn of is settled by TRUST_PROXY.
    validate: false,
    handler: (_req, _res, next) => next(new Problem(429, `More than ${api_rate} requests in a minute`)),
  });
}

/** Sites and tokens. */
import { Router } from 'express';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { DAY, type Millis } from '../../protocol/event.ts';
import { ID_PATTERN } from '../../protocol/ids.ts';
import { SITE_DEFAULTS, type Site, type SiteRecord } from '../domain/site.ts';
import { badField, Problem } from '../errors.ts';
import { keyFault } from '../intake/signed-identity.ts';
import type { Store, TokenRow } from '../store/store.ts';
import { type Auth, accessOf, hashToken, newToken, requireScope } from './auth.ts';
import { parseBody } from './problem.ts';

const origin = z
  .string()
  .refine(
    (value) => /^https?:/.test(value) && URL.canParse(value) && new URL(value).origin === value,
    'expected an origin of http or https such as https://shop.example',
  );

const SiteBody = z.strictObject({
  site: z.string().regex(ID_PATTERN),
  name: z.string().min(1).max(128).optional(),
  origins: z.array(origin).max(100).optional(),
  allow_null_origin: z.boolean().optional(),
  cookie_domain: z
    .string()
    .regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/)
    .nullable()
    .optional(),
  scan_cookie: z.boolean().optional(),
  code_host: origin.nullable().optional(),
  timezone: z
    .string()
    .refine((value) => Intl.supportedValuesOf('timeZone').includes(value) || value === 'UTC', 'expected an IANA time zone')
    .optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .optional(),
  consent: z.enum(['none', 'cookieless']).optional(),
  identity: z.enum(['off', 'prefer', 'require']).optional(),
  identity_keys: z
    .array(
      z
        .strictObject({ kid: z.string().min(1).max(128), alg: z.enum(['HS256', 'ES256', 'RS256']), key: z.string().max(8_192) })
        .superRefine((key, context) => {
          const fault = keyFault(key);
          if (fault !== null) context.addIssue({ code: 'custom', path: ['key'], message: fault });
        }),
    )
    .max(10)
    .optional(),
  scrub_params: z.array(z.string().toLowerCase().max(64)).max(200).optional(),
});

const TokenBody = z.strictObject({
  name: z.string().min(1).max(128),
  scopes: z.array(z.enum(['read', 'write', 'admin'])).min(1),
  sites: z.array(z.string()).nullable().default(null),
  days: z.number().int().min(1).max(3_650).nullable().default(null),
});

export function adminRoutes({ store, auth, now }: { store: Store; auth: Auth; now: () => Millis }): Router {
  const router = Router();
  const read = requireScope(auth, 'read', now);
  const admin = requireScope(auth, 'admin', now);
  const settings = ({ site_pk: _pk, email_key: _email, scan_key: _scan, ...site }: SiteRecord): Site => site;
  /** A shared secret is never shown again. */
  const shown = (record: SiteRecord): object => ({
    ...settings(record),
    identity_keys: record.identity_keys.map(({ kid, alg, key }) => ({ kid, alg, ...(alg !== 'HS256' && { key }) })),
  });

  router.get('/v1/sites', read, (_req, res) => {
    const { sites } = accessOf(res);
    res.json({
      sites: store
        .sites()
        .filter(({ site }) => sites === null || sites.includes(site))
        .map(shown),
    });
  });
  router.post('/v1/sites', admin, async (req, res) => {
    const { site, name = site, origins = [], ...rest } = parseBody(SiteBody, req.body);
    if (store.sites().some((known) => known.site === site)) throw new Problem(409, `The site ${site} is there already`, { field: 'site' });
    const record = await store.write((tx) => tx.saveSite({ ...SITE_DEFAULTS, ...(rest as Partial<Site>), site, name, origins }));
    res.status(201).json(shown(record));
  });
  router.patch('/v1/sites/:site', admin, async (req, res) => {
    const known = store.sites().find(({ site }) => site === req.params.site);
    if (!known) throw new Problem(404, `No such site: ${req.params.site}`);
    const change = parseBody(SiteBody.omit({ site: true }), req.body);
    const record = await store.write((tx) => tx.saveSite({ ...settings(known), ...(change as Partial<Site>) }));
    res.json(shown(record));
  });

  router.get('/v1/tokens', admin, async (_req, res) => {
    res.json({ tokens: (await store.queries.tokens()).map(({ hash: _hash, ...token }) => token) });
  });
  router.post('/v1/tokens', admin, async (req, res) => {
    const { days, ...body } = parseBody(TokenBody, req.body);
    const unknown = body.sites?.find((site) => !store.sites().some((known) => known.site === site));
    if (unknown !== undefined) throw badField('sites', `no such site: ${unknown}`);
    const token = newToken();
    const created_at = now();
    const row: TokenRow = {
      ...body,
      token_id: `tok_${nanoid(12)}`,
      hash: hashToken(token),
      created_at,
      expires_at: days === null ? null : created_at + days * DAY,
      revoked_at: null,
    };
    await store.write((tx) => tx.saveToken(row));
    await auth.reload();
    const { hash: _hash, ...rest } = row;
    // The only time that the token itself is shown.
    res.status(201).json({ ...rest, token });
  });
  router.delete('/v1/tokens/:id', admin, async (req, res) => {
    const token_id = String(req.params['id']);
    if (!(await store.write((tx) => tx.revokeToken(token_id, now())))) throw new Problem(404, `No such live token: ${token_id}`);
    await auth.reload();
    res.status(204).end();
  });
  return router;
}

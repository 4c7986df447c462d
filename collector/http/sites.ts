/** Sites over HTTP: the shops whose events are taken, and their settings. */
import { z } from 'zod';
import { ID_PATTERN } from '../../protocol/ids.ts';
import { SITE_DEFAULTS, type Site, type SiteRecord } from '../domain/site.ts';
import { Problem } from '../errors.ts';
import { keyFault } from '../intake/signed-identity.ts';
import { siteIn } from '../store/edited.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';

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
    .refine((value) => Intl.supportedValuesOf('currency').includes(value), 'expected a currency code of ISO 4217')
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

const ShownSite = z
  .strictObject({
    ...{ site: z.string(), name: z.string(), origins: z.array(z.string()), allow_null_origin: z.boolean() },
    ...{ cookie_domain: z.string().nullable(), scan_cookie: z.boolean(), code_host: z.string().nullable(), timezone: z.string() },
    ...{ currency: z.string(), consent: z.enum(['none', 'cookieless']), identity: z.enum(['off', 'prefer', 'require']) },
    // A shared secret is never shown again.
    identity_keys: z.array(z.strictObject({ kid: z.string(), alg: z.string(), key: z.string().optional() })),
    scrub_params: z.array(z.string()),
  })
  .meta({ id: 'Site' });

export function siteRoutes({ api: { endpoint }, store }: { api: Api; store: Store }): void {
  const settings = ({ site_pk: _pk, email_key: _email, scan_key: _scan, ...site }: SiteRecord): Site => site;
  const shown = (record: SiteRecord) => ({
    ...settings(record),
    identity_keys: record.identity_keys.map(({ kid, alg, key }) => ({ kid, alg, ...(alg !== 'HS256' && { key }) })),
  });

  endpoint(
    'GET /v1/sites',
    { scope: 'read', summary: 'The shops whose events are taken', answers: { 200: z.strictObject({ sites: z.array(ShownSite) }) } },
    async ({ access: { sites } }) => {
      const seen = store.sites().filter(({ site }) => sites === null || sites.includes(site));
      return { sites: seen.map(shown) };
    },
  );

  endpoint(
    'POST /v1/sites',
    { scope: 'admin', summary: 'Adds a site', body: SiteBody, answers: { 201: ShownSite } },
    async ({ body, access }) => {
      const { site, name = site, origins = [], ...rest } = body;
      if (access.sites !== null) throw new Problem(403, 'This token does not reach new sites');
      if (store.sites().some((known) => known.site === site))
        throw new Problem(409, `The site ${site} is there already`, { field: 'site' });
      return shown(await store.write((tx) => tx.saveSite({ ...SITE_DEFAULTS, ...(rest as Partial<Site>), site, name, origins })));
    },
  );

  endpoint(
    'PATCH /v1/sites/:site',
    { scope: 'admin', summary: 'Changes a site’s settings', body: SiteBody.omit({ site: true }), answers: { 200: ShownSite } },
    async ({ params, body, access }) => {
      siteFor(access, params.site);
      const saved = await store.write(async (tx) => {
        const known = await siteIn(tx, params.site);
        if (!known) throw new Problem(404, `No such site: ${params.site}`);
        return tx.saveSite({ ...known, ...(body as Partial<Site>) });
      });
      return shown(saved);
    },
  );
}

/** Printed codes over HTTP: make, edit, list. */
import { Router } from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { badField, Problem } from '../errors.ts';
import { CODE_PATTERN, codeUrl, newCode, targetFault } from '../scan/code.ts';
import type { CodeRow, Store, StoreRow } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { text } from './params.ts';
import { parseBody } from './problem.ts';
import { oneSite } from './profiles.ts';

const time = z.number().int().nullable();
const name = z.string().trim().min(1).max(128);

const CodeBody = z.strictObject({
  code: z.string().toUpperCase().regex(CODE_PATTERN, 'expected 2 to 32 letters, digits and dashes').optional(),
  site: z.string().optional(),
  target: z.string().max(2_048),
  label: z.string().max(200).default(''),
  kind: z.enum(['plain', 'product', 'personal']).default('plain'),
  customer_id: z.string().min(1).max(256).nullable().default(null),
  single_use: z.boolean().default(false),
  store: z
    .strictObject({
      id: name,
      name: name.optional(),
      gln: z
        .string()
        .regex(/^\d{13}$/, 'expected 13 digits')
        .optional(),
    })
    .optional(),
  store_id: name.optional(),
  placement: name.nullable().default(null),
  product: z
    .strictObject({
      sku: name.optional(),
      gtin: z
        .string()
        .regex(/^\d{8,14}$/, 'expected 8 to 14 digits')
        .optional(),
    })
    .optional(),
  campaign: name.nullable().default(null),
  valid_from: time.default(null),
  valid_until: time.default(null),
  fallback: z.string().max(2_048).nullable().default(null),
  active: z.boolean().default(true),
});

export interface CodesOptions {
  store: Store;
  auth: Auth;
  now: () => Millis;
  publicUrl: () => string;
  /** Told of each code written, so that a scan sees the edit. */
  onChange(code: string): void;
}

export function codeRoutes({ store, auth, now, publicUrl, onChange }: CodesOptions): Router {
  const router = Router();
  const shown = ({ site_pk: _pk, store_id, sku, gtin, ...code }: CodeRow & { site: string; store: StoreRow | null }): object => {
    const site = store.sites().find((candidate) => candidate.site === code.site);
    return {
      ...code,
      url: codeUrl(code.code, site ?? { code_host: null }, publicUrl()),
      store: code.store && { id: code.store.store_id, name: code.store.name, gln: code.store.gln },
      product: sku === null && gtin === null ? null : { sku, gtin },
    };
  };
  const read = async (code: string): Promise<object> => {
    const [row] = await store.queries.codes(null, code);
    if (!row) throw new Problem(404, `No such code: ${code}`);
    return shown(row);
  };

  router.get('/v1/codes', requireScope(auth, 'read', now), async (req, res) => {
    const codes = await store.queries.codes(siteFor(accessOf(res), text(req, 'site')));
    res.json({ codes: codes.map(shown) });
  });

  router.post('/v1/codes', requireScope(auth, 'write', now), async (req, res) => {
    const body = parseBody(CodeBody, req.body);
    const site = siteOf(store, oneSite(store, siteFor(accessOf(res), body.site)));
    const code = body.code ?? newCode();
    const [taken] = await store.queries.codes(null, code);
    if (taken) throw new Problem(409, `The code ${code} is taken`, { field: 'code' });
    for (const field of ['target', 'fallback'] as const) {
      const fault = body[field] === null ? null : targetFault(body[field], site.origins);
      if (fault !== null) throw badField(field, fault);
    }
    if (body.kind === 'personal' && body.customer_id === null) throw badField('customer_id', 'needed for a personal code');
    if (body.kind !== 'personal' && body.customer_id !== null) throw badField('customer_id', 'only a personal code has one');
    const stores = await store.queries.stores([site.site]);
    await store.write(async (tx) => {
      const { store: place } = body;
      const known = stores.find((store) => store.site === site.site && store.store_id === place?.id);
      if (place)
        await tx.saveStore(site.site_pk, {
          store_id: place.id,
          name: place.name ?? known?.name ?? place.id,
          gln: place.gln ?? known?.gln ?? null,
        });
      await tx.saveCode({
        code,
        site_pk: site.site_pk,
        target: body.target,
        label: body.label,
        kind: body.kind,
        customer_id: body.customer_id,
        single_use: body.single_use,
        store_id: place?.id ?? body.store_id ?? null,
        placement: body.placement,
        sku: body.product?.sku ?? null,
        gtin: body.product?.gtin ?? null,
        campaign: body.campaign,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
        fallback: body.fallback,
        active: body.active,
        created_at: now(),
        updated_at: now(),
      });
    });
    onChange(code);
    res.status(201).json(await read(code));
  });
  return router;
}

function siteOf(store: Store, site: string): SiteRecord {
  const record = store.sites().find((candidate) => candidate.site === site);
  if (!record) throw new Problem(404, `No such site: ${site}`);
  return record;
}

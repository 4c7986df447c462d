/** Stores over HTTP: things of their own, named once, so that renaming one is one edit. */
import { Router } from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import { gln } from '../scan/code-body.ts';
import type { Store, StoreRow } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { text } from './params.ts';
import { parseBody } from './problem.ts';
import { oneSite } from './profiles.ts';

const name = z.string().trim().min(1).max(128);
const StoreBody = z.strictObject({ id: name, site: z.string().optional(), name: name.optional(), gln: gln.nullable().default(null) });
const StoreEdit = z.strictObject({ name, gln: gln.nullable() }).partial();

export interface StoresOptions {
  store: Store;
  auth: Auth;
  now: () => Millis;
  onChange(): void;
}

export function storeRoutes({ store, auth, now, onChange }: StoresOptions): Router {
  const router = Router();
  const shown = ({ site, store_id, name, gln }: StoreRow & { site: string }): object => ({ site, id: store_id, name, gln });
  const find = async (site: string, id: string): Promise<StoreRow | undefined> =>
    (await store.queries.stores([site])).find(({ store_id }) => store_id === id);
  const save = async (site: string, row: StoreRow): Promise<void> => {
    await store.write((tx) => tx.saveStore(store.sites().find((candidate) => candidate.site === site)?.site_pk ?? -1, row));
    onChange();
  };

  router.get('/v1/stores', requireScope(auth, 'read', now), async (req, res) => {
    const stores = await store.queries.stores(siteFor(accessOf(res), text(req, 'site')));
    res.json({ stores: stores.map(shown) });
  });

  router.post('/v1/stores', requireScope(auth, 'write', now), async (req, res) => {
    const body = parseBody(StoreBody, req.body);
    const site = oneSite(store, siteFor(accessOf(res), body.site));
    if (await find(site, body.id)) throw new Problem(409, `The store ${body.id} is there already`, { field: 'id' });
    const row = { store_id: body.id, name: body.name ?? body.id, gln: body.gln };
    await save(site, row);
    res.status(201).json(shown({ site, ...row }));
  });

  router.patch('/v1/stores/:id', requireScope(auth, 'write', now), async (req, res) => {
    const site = oneSite(store, siteFor(accessOf(res), text(req, 'site')));
    const known = await find(site, String(req.params['id']));
    if (!known) throw new Problem(404, `No such store: ${req.params['id']}`);
    const edit = parseBody(StoreEdit, req.body);
    const row = { ...known, ...(edit.name !== undefined && { name: edit.name }), ...(edit.gln !== undefined && { gln: edit.gln }) };
    await save(site, { store_id: row.store_id, name: row.name, gln: row.gln });
    res.json(shown({ ...row, site }));
  });
  return router;
}

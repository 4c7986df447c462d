/** Stores over HTTP: things of their own, named once, so that renaming one is one edit. */
import { z } from 'zod';
import { Problem } from '../errors.ts';
import { gln } from '../scan/code-body.ts';
import type { Store, StoreRow } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { site, theSite } from './fields.ts';
import { oneSite } from './profiles.ts';

const name = z.string().trim().min(1).max(128);
const StoreBody = z.strictObject({ id: name, site: theSite, name: name.optional(), gln: gln.nullable().default(null) });
const StoreEdit = z.strictObject({ name, gln: gln.nullable() }).partial();
const ShownStore = z.strictObject({ site: z.string(), id: z.string(), name: z.string(), gln: z.string().nullable() }).meta({ id: 'Store' });

export interface StoresOptions {
  api: Api;
  store: Store;
  onChange(): void;
}

export function storeRoutes({ api: { endpoint }, store, onChange }: StoresOptions): void {
  const shown = ({ site, store_id, name, gln }: StoreRow & { site: string }) => ({ site, id: store_id, name, gln });
  const find = async (site: string, id: string): Promise<StoreRow | undefined> =>
    (await store.queries.stores([site])).find(({ store_id }) => store_id === id);
  const save = async (site: string, row: StoreRow): Promise<void> => {
    await store.write((tx) => tx.saveStore(store.sites().find((candidate) => candidate.site === site)?.site_pk ?? -1, row));
    onChange();
  };

  endpoint(
    'GET /v1/stores',
    { scope: 'read', summary: 'The stores', query: { site }, answers: { 200: z.strictObject({ stores: z.array(ShownStore) }) } },
    async ({ query, access }) => ({ stores: (await store.queries.stores(siteFor(access, query.site))).map(shown) }),
  );

  endpoint(
    'POST /v1/stores',
    { scope: 'write', summary: 'Adds a store', body: StoreBody, answers: { 201: ShownStore } },
    async ({ body, access }) => {
      const site = oneSite(store, siteFor(access, body.site));
      if (await find(site, body.id)) throw new Problem(409, `The store ${body.id} is there already`, { field: 'id' });
      const row = { store_id: body.id, name: body.name ?? body.id, gln: body.gln };
      await save(site, row);
      return shown({ site, ...row });
    },
  );

  endpoint(
    'PATCH /v1/stores/:id',
    {
      scope: 'write',
      summary: 'Renames a store, or gives it a GLN',
      query: { site: theSite },
      body: StoreEdit,
      answers: { 200: ShownStore },
    },
    async ({ params, query, body, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const known = await find(site, params.id);
      if (!known) throw new Problem(404, `No such store: ${params.id}`);
      const { store_id } = known;
      const row = { store_id, name: body.name ?? known.name, gln: body.gln === undefined ? known.gln : body.gln };
      await save(site, row);
      return shown({ ...row, site });
    },
  );
}

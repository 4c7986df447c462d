/** What the demo starts with: a site, its stores, and a code for each shelf of the demo shop. */
import { existsSync, readFileSync } from 'node:fs';
import { SITE_DEFAULTS } from '../domain/site.ts';
import type { Store } from '../store/store.ts';

interface Seed {
  stores: { id: string; name: string; gln: string }[];
  codes: { code: string; target: string; label: string; store_id: string; placement: string; product: { sku: string; gtin: string } }[];
}

/** Seeds what is missing; a second start changes nothing but the address, where that moved. */
export async function seedDemo(
  store: Store,
  { file, url, port, now }: { file: string; url: string; port: number; now: number },
): Promise<void> {
  const origins = [...new Set([new URL(url).origin, `http://localhost:${port}`, `http://127.0.0.1:${port}`])];
  const known = store.sites().find(({ site }) => site === 'demo');
  const base = new URL('/demo/', url);
  if (known && origins.every((origin) => known.origins.includes(origin))) return;
  const seed: Seed = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Seed) : { stores: [], codes: [] };
  await store.write(async (tx) => {
    const { site_pk } = await tx.saveSite({ ...SITE_DEFAULTS, site: 'demo', name: 'Demo shop', origins });
    for (const { id, name, gln } of seed.stores) await tx.saveStore(site_pk, { store_id: id, name, gln });
    for (const { code, target, label, store_id, placement, product } of seed.codes)
      await tx.saveCode({
        ...{ code, site_pk, label, store_id, placement, ...product },
        target: new URL(target, base).href,
        kind: 'product',
        customer_id: null,
        single_use: false,
        campaign: null,
        valid_from: null,
        valid_until: null,
        fallback: base.href,
        active: true,
        created_at: now,
        updated_at: now,
      });
  });
}

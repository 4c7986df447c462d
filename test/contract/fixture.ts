/** Real stores for the contract suite, each in a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Site } from '../../collector/domain/site.ts';
import { SITE_DEFAULTS } from '../../collector/domain/site.ts';
import { openSqlite } from '../../collector/store/sqlite.ts';
import type { Store } from '../../collector/store/store.ts';

export interface StoreFixture {
  name: string;
  /** Opens a new, empty store. */
  open(): Promise<Store>;
  /** Opens again what `store` wrote, as after a crash: without closing it first. */
  reopen(store: Store): Promise<Store>;
  cleanup(): Promise<void>;
}

export const DEMO_SITE: Site = { ...SITE_DEFAULTS, site: 'demo', name: 'Demo', origins: ['http://localhost:8080'] };

export function sqliteFixture(): StoreFixture {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-'));
  const files = new Map<Store, string>();
  let count = 0;
  const openAt = (file: string): Store => {
    const store = openSqlite(file);
    files.set(store, file);
    return store;
  };
  return {
    name: 'sqlite',
    async open() {
      count += 1;
      const store = openAt(join(folder, `${count}.db`));
      await store.write((tx) => tx.saveSite(DEMO_SITE));
      return store;
    },
    async reopen(store) {
      return openAt(files.get(store) ?? '');
    },
    async cleanup() {
      for (const store of files.keys()) await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

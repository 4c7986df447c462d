/** What an edit begins from, read in its own transaction: on every store, two edits at once both stand. */
import { sql } from 'kysely';
import { SITE_DEFAULTS, type Site } from '../domain/site.ts';
import { codeQueries, type ShownCode } from './queries-codes.ts';
import type { Tx } from './store.ts';

export async function siteIn(tx: Pick<Tx, 'run'>, site: string): Promise<Site | undefined> {
  const [row] = await tx.run(sql<{ config: string }>`SELECT config FROM sites WHERE site = ${site}`);
  return row && { ...SITE_DEFAULTS, ...(JSON.parse(row.config) as Site) };
}

export async function codeIn(tx: Pick<Tx, 'run'>, site: string, code: string): Promise<ShownCode | undefined> {
  const [row] = await codeQueries((query) => tx.run(query)).codes({ sites: [site], code });
  return row;
}

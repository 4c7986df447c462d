/** What can be read of codes, their edits, stores and GS1 targets, written once for every SQL store. */
import { type RawBuilder, sql } from 'kysely';
import type { CodeEdit, CodeRow, Gs1TargetRow, StoreRow } from './store.ts';

export interface CodeFilter {
  sites: readonly string[] | null;
  code?: string;
  store?: string;
  placement?: string;
  campaign?: string;
  customer_id?: string;
  kind?: CodeRow['kind'];
  /** Codes after this one, in their order. */
  after?: string;
  limit?: number;
}

export type ShownCode = CodeRow & { site: string; store: StoreRow | null };

type Rows = <T>(query: RawBuilder<T>) => Promise<T[]>;

export function codeQueries(rows: Rows) {
  return {
    async codes({ sites, code, store, placement, campaign, customer_id, kind, after, limit }: CodeFilter): Promise<ShownCode[]> {
      const found = await rows(sql<CodeColumns>`
        SELECT c.*, st.site, x.name AS store_name, x.gln AS store_gln FROM codes c JOIN sites st USING (site_pk)
          LEFT JOIN stores x ON x.site_pk = c.site_pk AND x.store_id = c.store_id
        WHERE 1 = 1 ${sites ? sql`AND st.site IN (${sql.join([...sites, ''])})` : sql``}
          ${code === undefined ? sql`` : sql`AND c.code = ${code}`} ${store === undefined ? sql`` : sql`AND c.store_id = ${store}`}
          ${placement === undefined ? sql`` : sql`AND c.placement = ${placement}`}
          ${campaign === undefined ? sql`` : sql`AND c.campaign = ${campaign}`}
          ${customer_id === undefined ? sql`` : sql`AND c.customer_id = ${customer_id}`}
          ${kind === undefined ? sql`` : sql`AND c.kind = ${kind}`} ${after === undefined ? sql`` : sql`AND c.code > ${after}`}
        ORDER BY c.code LIMIT ${limit ?? 1_000_000}`);
      return found.map(({ store_name, store_gln, single_use, active, ...row }) => ({
        ...row,
        single_use: single_use === 1,
        active: active === 1,
        store: row.store_id === null ? null : { store_id: row.store_id, name: store_name ?? row.store_id, gln: store_gln },
      }));
    },

    /** Edits of a code, newest first. */
    async codeEdits(code: string): Promise<Omit<CodeEdit, 'code'>[]> {
      const found = await rows(sql<{ edited_at: number; author: string; old: string; new: string }>`
        SELECT edited_at, author, old, new FROM code_edits WHERE code = ${code} ORDER BY edit_pk DESC LIMIT 1000`);
      return found.map((row) => ({ ...row, old: JSON.parse(row.old) as Partial<CodeRow>, new: JSON.parse(row.new) as Partial<CodeRow> }));
    },

    stores: (sites: readonly string[] | null) =>
      rows(sql<StoreRow & { site: string }>`SELECT st.site, x.store_id, x.name, x.gln FROM stores x JOIN sites st USING (site_pk)
        WHERE 1 = 1 ${sites ? sql`AND st.site IN (${sql.join([...sites, ''])})` : sql``} ORDER BY st.site, x.store_id`),

    /** GS1 targets of these anchors: whole ones, and prefixes. */
    gs1TargetsOf: (anchors: readonly string[], prefixes: readonly string[]) =>
      rows(sql<Gs1Columns>`
        SELECT t.*, st.site FROM gs1_targets t JOIN sites st USING (site_pk)
        WHERE (t.prefix = 0 AND t.anchor IN (${sql.join([...anchors])})) OR (t.prefix = 1 AND t.anchor IN (${sql.join([...prefixes])}))`).then(
        (found) => found.map(gs1Target),
      ),

    gs1Targets: (sites: readonly string[] | null, after: string, limit: number) =>
      rows(sql<Gs1Columns>`
        SELECT t.*, st.site FROM gs1_targets t JOIN sites st USING (site_pk)
        WHERE t.anchor > ${after} ${sites ? sql`AND st.site IN (${sql.join([...sites, ''])})` : sql``}
        ORDER BY t.anchor, t.prefix, t.link_type, t.lang LIMIT ${limit}`).then((found) => found.map(gs1Target)),
  };
}

interface CodeColumns extends Omit<CodeRow, 'single_use' | 'active'> {
  site: string;
  single_use: number;
  active: number;
  store_name: string | null;
  store_gln: string | null;
}

type Gs1Columns = Omit<Gs1TargetRow, 'prefix'> & { prefix: number; site: string };

function gs1Target({ prefix, ...row }: Gs1Columns): Gs1TargetRow & { site: string } {
  return { ...row, prefix: prefix === 1 };
}

/** What the read queries of every SQL store share: how rows are asked for, and conditions. */
import { type RawBuilder, sql } from 'kysely';

export type Rows = <T>(query: RawBuilder<T>) => Promise<T[]>;

export type Condition = RawBuilder<unknown>;

export function and(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql`1 = 1` : sql.join([...conditions], sql` AND `);
}

export function ofSites(sites: readonly string[] | null | undefined): Condition[] {
  return sites ? [sql`st.site IN (${sql.join([...sites, ''])})`] : [];
}

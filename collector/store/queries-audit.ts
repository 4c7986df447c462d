/** Reading the audit log: who read whose data, and who decided what. */
import { sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import { and, ofSites, type Rows } from './queries-sql.ts';
import type { AuditEntry } from './store.ts';

export interface AuditFilter {
  sites: readonly string[] | null;
  token_id?: string | undefined;
  action?: string | undefined;
  /** Entries about one of these, as they are kept. */
  subjects?: readonly string[] | undefined;
  from?: Millis | undefined;
  to?: Millis | undefined;
}

export function auditQueries(rows: Rows) {
  return {
    /** Newest first, before this row. */
    async auditEntries(filter: AuditFilter, before: number, limit: number): Promise<(AuditEntry & { audit_pk: number })[]> {
      const { sites, token_id, action, subjects, from, to } = filter;
      const found = await rows(sql<Omit<AuditEntry, 'fields'> & { audit_pk: number; fields: string }>`
        SELECT * FROM audit_log st WHERE audit_pk < ${before} AND ${and([
          ...ofSites(sites),
          ...(token_id === undefined ? [] : [sql`token_id = ${token_id}`]),
          ...(action === undefined ? [] : [sql`action = ${action}`]),
          ...(subjects === undefined ? [] : [sql`subject IN (${sql.join([...subjects])})`]),
          ...(from === undefined ? [] : [sql`at >= ${from}`]),
          ...(to === undefined ? [] : [sql`at < ${to}`]),
        ])} ORDER BY audit_pk DESC LIMIT ${limit}`);
      return found.map(({ fields, ...row }) => ({ ...row, fields: fields === '' ? [] : fields.split(',') }));
    },
  };
}

/** What can be read, written once with Kysely for every SQL store. Reads see whole transactions only, and never block a write. */
import { type RawBuilder, sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import { auditQueries } from './queries-audit.ts';
import { codeQueries } from './queries-codes.ts';
import { customerQueries } from './queries-customers.ts';
import { eventQueries } from './queries-events.ts';
import { healthQueries } from './queries-health.ts';
import { identityQueries } from './queries-identity.ts';
import { linkQueries } from './queries-links.ts';
import { reportQueries } from './queries-reports.ts';
import { reviewQueries } from './queries-review.ts';
import { scanQueries } from './queries-scans.ts';
import type { Rows } from './queries-sql.ts';
import { streamQueries } from './queries-stream.ts';
import type { Scope, TokenRow } from './store.ts';

/** Kysely only makes the statements, which name their tables themselves. */
export type Tables = Record<string, never>;

export type Queries = ReturnType<typeof createQueries>;

export function createQueries(rows: Rows) {
  const first = async <T>(query: RawBuilder<T>): Promise<T | null> => (await rows(query))[0] ?? null;

  return {
    ...linkQueries(rows),
    ...eventQueries(rows),
    ...healthQueries(rows),
    ...identityQueries(rows),
    ...codeQueries(rows),
    ...customerQueries(rows),
    ...scanQueries(rows),
    ...reportQueries(rows),
    ...reviewQueries(rows),
    ...streamQueries(rows),
    ...auditQueries(rows),

    async tokens(): Promise<TokenRow[]> {
      const found = await rows(
        sql<Omit<TokenRow, 'scopes' | 'sites'> & { scopes: string; sites: string | null }>`SELECT * FROM tokens ORDER BY created_at`,
      );
      return found.map((row) => ({
        ...row,
        scopes: row.scopes.split(' ') as Scope[],
        sites: row.sites === null ? null : (JSON.parse(row.sites) as string[]),
      }));
    },

    /** Changes whenever events, links or persons did. */
    async storeMark(): Promise<string> {
      const row = await first(sql<{ events: number | null; changes: number | null }>`
        SELECT (SELECT max(event_pk) FROM events) AS events, (SELECT max(position) FROM change_log) AS changes`);
      return `${row?.events ?? 0}.${row?.changes ?? 0}`;
    },

    async relinksWaiting(): Promise<number> {
      return (await first(sql<{ waiting: number }>`SELECT count(*) AS waiting FROM relink_queue`))?.waiting ?? 0;
    },

    /** The last refused event's key, 0 without any. */
    async lastFailed(): Promise<number> {
      return (await first(sql<{ last: number | null }>`SELECT max(failed_pk) AS last FROM failed_events`))?.last ?? 0;
    },

    /** Of these sites; null: all, and those of none. */
    failed: (after: number, limit: number, sites: readonly string[] | null = null) =>
      rows(sql<{
        failed_pk: number;
        site: string;
        event_id: string | null;
        reason: string;
        field: string | null;
        received_at: Millis;
        raw: Buffer;
      }>`
        SELECT * FROM failed_events WHERE failed_pk > ${after}
          AND ${sites ? sql`site IN (${sql.join([...sites])})` : sql`1 = 1`} ORDER BY failed_pk LIMIT ${limit}`),
  };
}

/** What shows whether a site's events can be trusted: late, by machines, without a browser, refused. */
import { sql } from 'kysely';
import { DAY, HOUR, type Millis } from '../../protocol/event.ts';
import type { Rows } from './queries-sql.ts';

/** An event that arrives later than this after it occurred was kept by a tag or a backend. */
export const LATE = HOUR;

/** Events received on one day (UTC), of a portion. */
export interface HealthCount {
  /** Days since 1970. */
  day: number;
  received: number;
  late: number;
  bots: number;
  /** They name no browser: consent was refused, or a backend told of them. */
  without_browser: number;
  consents: number;
  /** Of those, refusals. */
  refusals: number;
}

export function healthQueries(rows: Rows) {
  return {
    healthCounts: (site_pk: number, since: Millis, after: number, last: number) =>
      rows(sql<HealthCount>`
        SELECT e.received_at / ${sql.lit(DAY)} AS day, count(*) AS received,
          sum(CASE WHEN e.received_at - e.occurred_at > ${sql.lit(LATE)} THEN 1 ELSE 0 END) AS late, sum(d.bot) AS bots,
          sum(CASE WHEN e.session_pk IS NULL AND e.browser_pk IS NULL THEN 1 ELSE 0 END) AS without_browser,
          sum(CASE WHEN e.type = 'consent' THEN 1 ELSE 0 END) AS consents,
          sum(CASE WHEN e.type = 'consent' AND EXISTS (SELECT 1 FROM barriers r WHERE r.barrier = 'hard' AND r.event_id = e.event_id
            AND r.time = e.time AND r.browser_pk = coalesce(s.browser_pk, e.browser_pk)) THEN 1 ELSE 0 END) AS refusals
        FROM events e JOIN devices d ON d.device_pk = e.device_pk LEFT JOIN sessions s ON s.session_pk = e.session_pk
        WHERE e.event_pk > ${after} AND e.event_pk <= ${last} AND e.site_pk = ${site_pk} AND e.received_at >= ${since}
        GROUP BY e.received_at / ${sql.lit(DAY)}`),

    /** Refused events that are still kept, by reason. */
    failedByReason: (site: string) =>
      rows(sql<{ reason: string; events: number; last_at: Millis }>`
        SELECT reason, count(*) AS events, max(received_at) AS last_at FROM failed_events WHERE site = ${site}
        GROUP BY reason ORDER BY count(*) DESC, reason`),
  };
}

/** How far the store has come: what a stream may read up to. */
import { sql } from 'kysely';
import type { Rows } from './queries-sql.ts';

/** A place in both feeds: the change feed's position, and the order in which events were stored. */
export interface StreamPlace {
  position: number;
  event_pk: number;
}

export function streamQueries(rows: Rows) {
  return {
    /** The newest place: nothing at or before it is added later. */
    async frontier(): Promise<StreamPlace> {
      const [newest] = await rows(sql<{ position: number | null; event_pk: number | null }>`
        SELECT (SELECT max(position) FROM change_log) AS position, (SELECT max(event_pk) FROM events) AS event_pk`);
      return { position: newest?.position ?? 0, event_pk: newest?.event_pk ?? 0 };
    },
  };
}

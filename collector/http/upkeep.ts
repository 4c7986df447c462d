/** `POST /v1/backup`, and the events that were refused: listed, and tried again. */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import type { Intake } from '../intake/intake.ts';
import type { Retention } from '../intake/retention.ts';
import { retryFailed } from '../intake/retry.ts';
import type { Metrics } from '../metrics.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { cursor, cursorOf, limit, nextCursor, site } from './fields.ts';

export interface UpkeepOptions {
  store: Store;
  intake: Intake;
  api: Api;
  metrics: Metrics;
  retention: Retention | null;
  /** Where a backup stands until it is sent. */
  data_dir: string;
  now: () => Millis;
}

/** A backup that a crash left behind. */
export const BACKUP_PART = /^backup-[\w-]+\.part$/;

const Failed = z.strictObject({
  ...{ failed_pk: z.int(), site: z.string(), event_id: z.string().nullable(), reason: z.string(), field: z.string().nullable() },
  ...{ received_at: z.int(), raw: z.string() },
});
const Retried = z.strictObject({ tried: z.int(), stored: z.int(), duplicate: z.int(), failed: z.int() });

export function upkeepRoutes({ api: { endpoint }, store, intake, metrics, retention, data_dir, now }: UpkeepOptions): void {
  // The copy is made whole before the first byte is sent, and is not kept here.
  endpoint(
    'POST /v1/backup',
    {
      scope: 'admin',
      reads: 'selection',
      every_site: true,
      summary: 'A whole copy of the data, as of one moment',
      answers: {},
      media: ['application/vnd.sqlite3'],
    },
    async ({ res }) => {
      const file = join(data_dir, `backup-${nanoid(12)}.part`);
      try {
        const bytes = await store.backup(file);
        res.set({ 'content-length': String(bytes), 'content-type': 'application/vnd.sqlite3' });
        await pipeline(createReadStream(file), res);
      } catch (error) {
        // A reader that went away is nobody's fault.
        if (!res.headersSent) throw error;
      } finally {
        await rm(file, { force: true });
      }
      return undefined;
    },
  );

  endpoint(
    'GET /v1/failed',
    {
      ...{
        scope: 'read',
        reads: 'selection',
        summary: 'Refused events of the token’s sites, as they came',
        query: { site, limit: limit(), cursor: cursor(1) },
      },
      answers: { 200: z.strictObject({ failed: z.array(Failed), next_cursor: nextCursor }) },
    },
    async ({ query, access }) => {
      const failed = await store.queries.failed(query.cursor?.[0] ?? 0, query.limit, siteFor(access, query.site));
      const last = failed.at(-1);
      return {
        failed: failed.map(({ raw, ...row }) => ({ ...row, raw: raw.toString() })),
        next_cursor: failed.length === query.limit && last ? cursorOf(last.failed_pk) : null,
      };
    },
  );

  endpoint(
    'POST /v1/failed/retry',
    { scope: 'admin', every_site: true, summary: 'Decodes refused events again', answers: { 200: Retried } },
    async () =>
      retryFailed({
        ...{ store, intake, retention, now },
        count: (fate) => metrics.events.inc({ fate }),
        drop: (reason) => metrics.dropped.inc({ reason }),
      }),
  );
}

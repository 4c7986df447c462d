/** `POST /v1/backup`, and the events that were refused: listed, and tried again. */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Router } from 'express';
import { nanoid } from 'nanoid';
import type { Millis } from '../../protocol/event.ts';
import type { Intake } from '../intake/intake.ts';
import type { Retention } from '../intake/retention.ts';
import { retryFailed } from '../intake/retry.ts';
import type { Metrics } from '../metrics.ts';
import type { Store } from '../store/store.ts';
import { type Auth, requireScope } from './auth.ts';
import { cursor, cursorOf, limit } from './params.ts';

export interface UpkeepOptions {
  store: Store;
  intake: Intake;
  auth: Auth;
  metrics: Metrics;
  retention: Retention | null;
  /** Where a backup stands until it is sent. */
  data_dir: string;
  now: () => Millis;
}

/** A backup that a crash left behind. */
export const BACKUP_PART = /^backup-[\w-]+\.part$/;

export function upkeepRoutes({ store, intake, auth, metrics, retention, data_dir, now }: UpkeepOptions): Router {
  const router = Router();
  const admin = requireScope(auth, 'admin', now);

  /** The copy is made whole before the first byte is sent, and is not kept here. */
  router.post('/v1/backup', admin, async (_req, res) => {
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
  });

  router.get('/v1/failed', admin, async (req, res) => {
    const size = limit(req);
    const [after = 0] = cursor(req, 'cursor', 1) ?? [];
    const failed = await store.queries.failed(after, size);
    const last = failed.at(-1);
    res.json({
      failed: failed.map(({ raw, ...row }) => ({ ...row, raw: raw.toString() })),
      next_cursor: failed.length === size && last ? cursorOf(last.failed_pk) : null,
    });
  });

  router.post('/v1/failed/retry', admin, async (_req, res) => {
    res.json(
      await retryFailed({
        store,
        intake,
        retention,
        now,
        count: (fate) => metrics.events.inc({ fate }),
        drop: (reason) => metrics.dropped.inc({ reason }),
      }),
    );
  });
  return router;
}

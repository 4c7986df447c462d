/** Makes a scan durable before its redirect: in the store, or while that fails in the spool, from where it is replayed. */
import { SECOND } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { StoreUnavailable } from '../errors.ts';
import type { Intake } from '../intake/intake.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { Spool } from './spool.ts';

export interface Recorder {
  /** True: on stable storage. False: nowhere, which is counted; the visitor is sent on all the same. Never rejects. */
  record(event: AcceptedEvent): Promise<boolean>;
  /** Tries to hand over what the spool keeps. */
  replay(): Promise<void>;
  close(): Promise<void>;
}

export interface RecorderOptions {
  intake: Intake;
  spool: Spool;
  metrics: Metrics;
  log: Logger;
  /** How long a visitor waits for the store. */
  patience?: number;
  /** Time between two attempts to replay. */
  pause?: number;
}

export function createRecorder({ intake, spool, metrics, log, patience = 2 * SECOND, pause = 5 * SECOND }: RecorderOptions): Recorder {
  let replaying: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;

  async function inStore(events: readonly AcceptedEvent[]): Promise<void> {
    const bySite = new Map<string, AcceptedEvent[]>();
    for (const event of events) bySite.set(event.site, [...(bySite.get(event.site) ?? []), event]);
    for (const [site, ofSite] of bySite) await intake.submit({ site, events: ofSite, refused: [] });
  }

  function replay(): Promise<void> {
    if (timer) clearTimeout(timer);
    timer = null;
    replaying ??= spool
      .replay(inStore)
      .then((count) => void (count > 0 && log.info({ scans: count }, 'spooled scans were stored')))
      .catch((error: unknown) => {
        if (!(error instanceof StoreUnavailable)) log.error({ err: error }, 'spooled scans could not be stored');
      })
      .finally(() => {
        replaying = null;
        later();
      });
    return replaying;
  }

  function later(): void {
    if (!spool.waiting || timer) return;
    timer = setTimeout(() => void replay(), pause);
    timer.unref();
  }

  return {
    async record(event) {
      try {
        await within(inStore([event]), patience);
        return true;
      } catch (error) {
        log.error({ err: error instanceof Error ? (error.cause ?? error) : error }, 'the store did not take a scan');
      }
      try {
        await spool.append(event);
        later();
        return true;
      } catch (error) {
        metrics.dropped.inc({ reason: 'scan_not_stored' });
        log.error({ err: error }, 'a scan was not stored');
        return false;
      }
    },
    replay,
    async close() {
      if (timer) clearTimeout(timer);
      await replaying;
      if (timer) clearTimeout(timer);
      await spool.close();
    },
  };
}

/** A store that hangs is one that fails; should it take the scan after all, the replay is a duplicate. */
function within(work: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StoreUnavailable('down', { cause: new Error(`no answer within ${ms} ms`) })), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

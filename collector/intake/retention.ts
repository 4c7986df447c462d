/** Retention: events older than it lose their content, and none as old is taken any more. Claims, barriers, keys and links stay. */
import { DAY, MINUTE, type Millis } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { RefusedEvent } from './decode.ts';

export interface Retention {
  /** Refuses what is too old to be kept; what is stored already goes on, to be told a duplicate. */
  sift(site: string, events: AcceptedEvent[]): Promise<{ events: AcceptedEvent[]; refused: RefusedEvent[] }>;
  /** Drops what is too old, in portions. Answers how many events and refused events that were. */
  drop(): Promise<{ events: number; failed: number }>;
  close(): Promise<void>;
}

/** Events of one transaction. */
const PORTION = 1_000;
const EVERY = 10 * MINUTE;

export function createRetention(store: Store, { days, now, log }: { days: number; now: () => Millis; log: Logger }): Retention {
  const before = (): Millis => now() - days * DAY;
  let closed = false;
  let running: Promise<unknown> | null = null;

  async function drop(): Promise<{ events: number; failed: number }> {
    const sum = { events: 0, failed: 0 };
    for (let done = false; !done && !closed; ) {
      const part = await store.write((tx) => tx.dropOld(before(), PORTION));
      sum.events += part.events;
      sum.failed += part.failed;
      done = part.done;
      await new Promise((next) => setImmediate(next));
    }
    return sum;
  }
  const tick = (): void => {
    running ??= drop()
      .then((sum) => sum.events + sum.failed > 0 && log.info(sum, 'dropped what RETENTION_DAYS does not keep'))
      .catch((error: unknown) => log.warn({ err: error }, 'retention did not run'))
      .finally(() => {
        running = null;
      });
  };
  const timer = setInterval(tick, EVERY).unref();
  tick();

  return {
    async sift(site, events) {
      const oldest = before();
      const old = events.filter(({ occurred_at }) => occurred_at < oldest);
      if (old.length === 0) return { events, refused: [] };
      const known = await store.queries.knownIds(
        site,
        old.map(({ event_id }) => event_id),
      );
      const refused = new Set(old.filter(({ event_id }) => !known.has(event_id)));
      return {
        events: events.filter((event) => !refused.has(event)),
        refused: [...refused].map(({ event_id, type, time }) => ({
          event_id,
          reason: 'too_old',
          // Its content is what is not to be kept.
          raw: JSON.stringify({ event_id, type, time }),
        })),
      };
    },
    drop,
    async close() {
      closed = true;
      clearInterval(timer);
      await running;
    },
  };
}

/** The scale-out shape put together: what a collector publishes with, what a linker applies with, or both in one process. */
import type { Registry } from 'prom-client';
import { type Millis, SECOND } from '../../protocol/event.ts';
import { StoreUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { Intake } from './intake.ts';
import { type JetstreamIntake, jetstreamIntake } from './jetstream.ts';
import { startLinker } from './jetstream-linker.ts';
import { createStreamMetrics } from './jetstream-metrics.ts';
import { openStream, type StreamSettings } from './jetstream-stream.ts';

export interface JetstreamShape {
  intake: JetstreamIntake;
  /** Rejects with StoreUnavailable where the stream cannot be asked. */
  probe(): Promise<void>;
  /** True once linkers have applied all groups that were there; false if they have not in this time. Rejects with StoreUnavailable. */
  emptied(within: Millis): Promise<boolean>;
  close(): Promise<void>;
}

export interface ShapeOptions {
  settings: StreamSettings;
  role: 'all' | 'collector' | 'linker';
  store: Store;
  /** Applies to the store. */
  direct: Intake;
  registry: Registry;
  /** Told what became of an event that a linker applied. */
  count(fate: string): void;
  log: Logger;
  now: () => Millis;
}

/** How long an event of a site that this process has not heard of waits for the news. */
const SITE_PATIENCE = 15 * SECOND;
/** How often it is looked at whether groups are gone. */
const LOOK_MS = 100;

/** Throws StartupError. */
export async function openJetstream({ settings, role, store, direct, registry, count, log, now }: ShapeOptions): Promise<JetstreamShape> {
  const stream = await openStream(settings, log);
  const metrics = createStreamMetrics(registry, stream);
  const intake = jetstreamIntake({ stream, metrics, log, relink: direct.relink });

  const known = (site: string): boolean => store.sites().some((record) => record.site === site);
  async function untilKnown(site: string): Promise<void> {
    for (const until = Date.now() + SITE_PATIENCE; !known(site) && Date.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, SECOND / 4));
  }
  const applier = {
    async apply(submission: Parameters<Intake['submit']>[0]): Promise<void> {
      if (!known(submission.site)) await untilKnown(submission.site);
      for (const fate of await direct.submit(submission)) count(fate);
    },
    async refuse(raw: string): Promise<void> {
      await store.write((tx) => tx.saveFailed('', [{ event_id: null, reason: 'bad_event', raw }], now()));
    },
  };
  const state = (): ReturnType<typeof stream.state> =>
    stream.state().catch((cause: unknown) => {
      throw new StoreUnavailable('down', { cause });
    });
  const linker = role === 'collector' ? null : startLinker({ stream, applier, metrics, log });
  return {
    intake,
    async probe() {
      if (role !== 'linker') return intake.probe();
      await state();
    },
    async emptied(within) {
      const { last_seq } = await state();
      for (const until = performance.now() + within; ; await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
        if ((await state()).first_seq > last_seq) return true;
        if (performance.now() > until) return false;
      }
    },
    async close() {
      await intake.drain();
      await linker?.close();
      await stream.close();
    },
  };
}

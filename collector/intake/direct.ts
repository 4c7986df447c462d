/** Direct intake: group commit. The next transaction takes whatever arrived during the last one; nothing waits on a timer. */
import type { Millis } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { StoreUnavailable } from '../errors.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { Store } from '../store/store.ts';
import { type ApplyContext, applyBatch, type Fate } from './apply.ts';
import type { Intake, Submission } from './intake.ts';
import { relinkQueued } from './relink.ts';
import { tombstoneOf } from './tombstone.ts';

/** Events of one transaction, at most: bounds how long a commit holds up the next. */
const GROUP_EVENTS = 1_000;

interface Pending {
  submission: Submission;
  resolve(fates: (Fate | 'not_stored')[]): void;
  reject(error: unknown): void;
}

export interface DirectOptions {
  store: Store;
  policy: LinkingPolicy;
  now: () => Millis;
  /** Told of each commit: events, and milliseconds. */
  onCommit?: (events: number, ms: number) => void;
}

export function directIntake({ store, policy, now, onCommit = () => undefined }: DirectOptions): Intake {
  /** What waits, by site; the site at the front has the next turn. */
  const pending = new Map<string, Pending[]>();
  let waiting = 0;
  let running: Promise<void> | null = null;
  // What a crash left in the queue goes on at the start.
  let relinked = false;
  /** How often somebody asked for the queue to be worked off, and those who wait for it. */
  let asked = 0;
  const waiters: (() => void)[] = [];

  const context = (): ApplyContext => {
    const sites = new Map(store.sites().map((record) => [record.site, record]));
    const tombstone = (site: string, event_id: string): string | null => {
      const record = sites.get(site);
      return record ? tombstoneOf(event_id, record.email_key) : null;
    };
    return { policy, now: now(), sitePk: (site) => sites.get(site)?.site_pk ?? -1, tombstone };
  };

  /** One submission a site in turn, so that no site waits behind another's flood. */
  function takeGroup(): Pending[] {
    const group: Pending[] = [];
    let events = 0;
    for (const [site, queue] of pending) {
      // Alone, a site goes on until the group is full; the loop comes round to what was put back at the end.
      const alone = pending.size === 1;
      let taken = 0;
      do {
        const next = queue[taken];
        if (!next) break;
        events += next.submission.events.length;
        if (events > GROUP_EVENTS && group.length > 0) break;
        group.push(next);
        taken += 1;
      } while (alone);
      queue.splice(0, taken);
      if (taken === 0) break;
      pending.delete(site);
      if (queue.length > 0) pending.set(site, queue);
    }
    return group;
  }

  async function run(): Promise<void> {
    while (pending.size > 0 || !relinked) {
      const group = takeGroup();
      const started = performance.now();
      try {
        await commit(group);
        onCommit(
          group.reduce((sum, { submission }) => sum + submission.events.length, 0),
          performance.now() - started,
        );
      } catch (error) {
        await isolate(group, error);
        // Only judging again failed: the queue is kept, and the next submission goes on with it.
        if (group.length === 0) break;
      }
      waiting -= group.length;
      // Requests come in between two portions of judging again.
      if (!relinked) await new Promise((next) => setImmediate(next));
    }
    running = null;
    release();
  }

  function release(): void {
    for (const resolve of waiters.splice(0)) resolve();
  }

  /** One transaction for the whole group; submissions are answered only after it. */
  async function commit(group: readonly Pending[]): Promise<void> {
    const events = group.flatMap(({ submission }) => submission.events);
    // What is queued while this transaction runs, it need not have seen.
    const before = asked;
    const applied = await store.write(async (tx) => {
      for (const { submission } of group)
        if (submission.refused.length > 0) await tx.saveFailed(submission.site, submission.refused, now());
      return events.length > 0 ? applyBatch(tx, events, context()) : { fates: [], relinked: await relinkQueued(tx, policy, now()) };
    });
    const { fates } = applied;
    relinked = applied.relinked && asked === before;
    if (relinked) release();
    let at = 0;
    for (const { submission, resolve } of group) {
      resolve(fates.slice(at, at + submission.events.length));
      at += submission.events.length;
    }
  }

  /** A group that failed is tried submission by submission, then event by event, so that one poison event sinks nothing else. */
  async function isolate(group: readonly Pending[], error: unknown): Promise<void> {
    if (error instanceof StoreUnavailable) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const item of group) {
      if (group.length > 1) await commit([item]).catch((cause: unknown) => isolate([item], cause));
      else await eventByEvent(item).catch(item.reject);
    }
  }

  async function eventByEvent({ submission, resolve }: Pending): Promise<void> {
    const fates: (Fate | 'not_stored')[] = [];
    for (const event of submission.events) fates.push(await alone(submission.site, event));
    if (submission.refused.length > 0) await store.write((tx) => tx.saveFailed(submission.site, submission.refused, now()));
    resolve(fates);
  }

  async function alone(site: string, event: AcceptedEvent): Promise<Fate | 'not_stored'> {
    try {
      const applied = await store.write((tx) => applyBatch(tx, [event], context()));
      return applied.fates[0] ?? 'not_stored';
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      const raw = JSON.stringify({ ...event, facts: undefined });
      await store.write((tx) => tx.saveFailed(site, [{ event_id: event.event_id, reason: 'not_stored', raw }], now()));
      return 'not_stored';
    }
  }

  function start(): void {
    // After this turn of the event loop: what came in with it shares the commit.
    running ??= new Promise((done) => setImmediate(done)).then(run);
  }
  start();

  return {
    submit(submission) {
      return new Promise((resolve, reject) => {
        waiting += 1;
        const queue = pending.get(submission.site);
        if (queue) queue.push({ submission, resolve, reject });
        else pending.set(submission.site, [{ submission, resolve, reject }]);
        start();
      });
    },
    relink() {
      return new Promise((resolve) => {
        asked += 1;
        relinked = false;
        waiters.push(resolve);
        start();
      });
    },
    waiting: () => waiting,
    async drain() {
      while (running) await running;
    },
  };
}

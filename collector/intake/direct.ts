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
import { createTurns } from './turns.ts';

/** Events of one transaction, at most: bounds how long a commit holds up the next. */
const GROUP_EVENTS = 1_000;
/** Events that must wait for a second transaction to set out beside the first: each costs something, whatever it holds. */
const SECOND_EVENTS = 400;

interface Pending {
  submission: Submission;
  /** Whose events these are; looked at only where two transactions may be on their way. */
  browsers: readonly string[];
  resolve(fates: (Fate | 'not_stored')[]): void;
  reject(error: unknown): void;
}

export interface DirectOptions {
  store: Store;
  policy: LinkingPolicy;
  now: () => Millis;
  /** Transactions on their way at once, where enough waits: 2 if the store works while this process does. */
  transactions?: 1 | 2;
  /** Told of each commit: events, and milliseconds. */
  onCommit?: (events: number, ms: number) => void;
}

export function directIntake({ store, policy, now, transactions = 1, onCommit = () => undefined }: DirectOptions): Intake {
  const pending = createTurns<Pending>(({ submission: { events } }) => Math.max(events.length, 1));
  let waiting = 0;
  let first: Promise<void> | null = null;
  let second: Promise<void> | null = null;
  /** Browsers of groups on their way: a transaction beside them would only wait for their rows. */
  const busy = new Set<string>();
  // What a crash left in the queue goes on at the start.
  let relinked = false;
  /** How often the queue was to be worked off: somebody asked, or a group left it so; and those who wait for it. */
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

  /** Commits what waits, group by group. The first goes on while something is to be judged again. */
  async function run(isFirst: boolean): Promise<void> {
    await new Promise((next) => setImmediate(next));
    while (isFirst ? pending.size() > 0 || !relinked : pending.size() >= SECOND_EVENTS) {
      const group = pending.take(GROUP_EVENTS, busy.size === 0 ? undefined : behind(busy));
      // All that waits is of browsers that the other has on its way.
      if (group.length === 0 && (!isFirst || relinked)) break;
      for (const { browsers } of group) for (const one of browsers) busy.add(one);
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
      } finally {
        for (const { browsers } of group) for (const one of browsers) busy.delete(one);
      }
      waiting -= group.length;
      // Requests come in between two portions of judging again.
      if (!relinked) await new Promise((next) => setImmediate(next));
    }
    if (isFirst) {
      first = null;
      release();
      if (pending.size() > 0 && !second) start();
    } else {
      second = null;
      if (!first && (pending.size() > 0 || !relinked)) start();
    }
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
    if (!applied.relinked) asked += 1;
    relinked = asked === before;
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

  /** After this turn of the event loop: what came in with it shares the commit. */
  function start(): void {
    first ??= run(true);
    if (transactions > 1 && pending.size() >= SECOND_EVENTS) second ??= run(false);
  }
  start();

  return {
    submit(submission) {
      return new Promise((resolve, reject) => {
        waiting += 1;
        const browsers = transactions === 1 ? [] : browsersOf(submission);
        pending.push(submission.site, { submission, browsers, resolve, reject });
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
      while (first ?? second) await (first ?? second);
    },
  };
}

/** Mostly one: a tag's batch is one browser's. */
function browsersOf({ events }: Submission): string[] {
  const browsers: string[] = [];
  for (const { anonymous_id } of events) if (anonymous_id !== null && !browsers.includes(anonymous_id)) browsers.push(anonymous_id);
  return browsers;
}

/** What must wait for these browsers, or for something that waits for them: a browser's events keep their order. */
function behind(busy: ReadonlySet<string>): (item: Pending) => boolean {
  const blocked = new Set(busy);
  return ({ browsers }) => {
    const waits = browsers.some((one) => blocked.has(one));
    if (waits) for (const one of browsers) blocked.add(one);
    return waits;
  };
}

/**
 * Journaled intake: a submission is acknowledged once the store's journal has it, and applied right after. The journal takes little
 * work and waits for no lock, so what is acknowledged may run ahead of what is applied, and more is applied together.
 */
import { type Millis, SECOND } from '../../protocol/event.ts';
import { StoreUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Journal } from '../store/store.ts';
import type { Intake, Outcome, Submission } from './intake.ts';
import { decodeSubmissions, encodeSubmissions } from './submission-json.ts';
import { createTurns } from './turns.ts';

export interface JournaledIntake extends Intake {
  /** Resolves when what this process acknowledged by now is applied, or after `settle_ms`. */
  settled(): Promise<void>;
  /** Bytes that are acknowledged and not applied yet. */
  ahead(): number;
  /** Applies what it acknowledged. What the store does not take now stays in the journal. */
  close(): Promise<void>;
}

export interface JournaledOptions {
  journal: Journal;
  /** Applies to the store. */
  direct: Intake;
  /** Those that this process knows. */
  sites(): readonly { site: string }[];
  /** Told what became of an event that was applied. */
  count(fate: Outcome): void;
  log: Logger;
  /** How long a reader waits for what was acknowledged before it asked. */
  settle_ms: Millis;
}

/** Events of one entry, at most; a larger submission is one alone. */
const ENTRY_EVENTS = 500;
/** Bytes that may be ahead: bounds memory, and how late links are. */
const AHEAD_BYTES = 2 * 1024 * 1024;
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5 * SECOND;
/** Times that an entry is tried which fails though the store works. */
const ATTEMPTS = 5;
/** How often applied entries are removed. */
const REMOVE_MS = 100;
/** An entry that is as old belonged to a collector that died: one that lives has applied it, or does no harm applying it as well. */
const ABANDONED = 10 * SECOND;
const LOOK_MS = 5 * SECOND;

interface Waiting {
  submission: Submission;
  resolve(outcomes: Outcome[]): void;
  reject(error: unknown): void;
}

/** Applies first what an earlier life, or a collector that died, left in the journal. */
export async function openJournaled(options: JournaledOptions): Promise<JournaledIntake> {
  const { journal, direct, count, log } = options;
  const turns = createTurns<Waiting>(({ submission }) => submission.events.length);
  let waiting = 0;
  let ahead = 0;
  let appending: Promise<void> | null = null;
  let closing = false;
  const applying = new Set<Promise<void>>();
  let applied: number[] = [];

  function start(): void {
    appending ??= run();
  }

  /** The next entry is whatever arrived while the last one was on its way; nothing waits on a timer. */
  async function run(): Promise<void> {
    // After this turn of the event loop: what came in with it shares the entry.
    await new Promise((next) => setImmediate(next));
    while (turns.size() > 0 && ahead < AHEAD_BYTES) await append(turns.take(ENTRY_EVENTS));
    appending = null;
  }

  /** Never rejects. */
  async function append(group: readonly Waiting[]): Promise<void> {
    const submissions = group.map(({ submission }) => submission);
    const text = encodeSubmissions(submissions);
    ahead += text.length;
    try {
      const entry = await journal.append(text);
      const work = apply(entry, submissions).finally(() => {
        applying.delete(work);
        ahead -= text.length;
        start();
      });
      applying.add(work);
      for (const { submission, resolve } of group) resolve(submission.events.map(() => 'journaled' as const));
    } catch (error) {
      ahead -= text.length;
      for (const { reject } of group) reject(error);
    }
    waiting -= group.length;
  }

  async function apply(entry: number, submissions: readonly Submission[]): Promise<void> {
    let left = submissions;
    for (let pause = FIRST_PAUSE, failures = 0; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      const { failed, error } = await submitAll(left, direct, count);
      if (failed.length === 0) {
        applied.push(entry);
        return;
      }
      left = failed;
      if (error instanceof StoreUnavailable) {
        // Nothing more can be acknowledged before the store is back.
        if (closing || ahead >= AHEAD_BYTES) rejectWaiting(error);
      } else {
        failures += 1;
        log.error({ err: error, entry }, 'an entry of the journal could not be applied');
        // It stays there, and is tried again as one that was left behind.
        if (failures === ATTEMPTS) return;
      }
      if (closing) return;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  function rejectWaiting(error: unknown): void {
    const rejected = turns.take(Number.POSITIVE_INFINITY);
    waiting -= rejected.length;
    for (const { reject } of rejected) reject(error);
  }

  function removeApplied(): Promise<void> {
    const entries = applied;
    applied = [];
    if (entries.length === 0) return Promise.resolve();
    return journal.remove(entries).catch((error: unknown) => {
      applied.push(...entries);
      if (!(error instanceof StoreUnavailable)) log.warn({ err: error }, 'applied entries were not removed from the journal');
    });
  }

  async function drain(): Promise<void> {
    // None on its way, though some wait: as much is ahead as may be.
    while (waiting > 0) await (appending ?? Promise.race(applying));
  }

  await applyAbandoned(options, 0);
  let looking: Promise<void> | null = null;
  let removing: Promise<void> | null = null;
  const timers = [
    setInterval(() => {
      removing ??= removeApplied().finally(() => {
        removing = null;
      });
    }, REMOVE_MS),
    setInterval(() => {
      looking ??= applyAbandoned(options, ABANDONED).finally(() => {
        looking = null;
      });
    }, LOOK_MS),
  ];

  return {
    submit(submission) {
      if (submission.events.length + submission.refused.length === 0) return Promise.resolve([]);
      // Events count once however often an entry is applied; what is kept of refused ones does not.
      if (submission.refused.length > 0) return direct.submit(submission);
      waiting += 1;
      return new Promise((resolve, reject) => {
        turns.push(submission.site, { submission, resolve, reject });
        start();
      });
    },
    relink: direct.relink,
    waiting: () => waiting,
    ahead: () => ahead,
    drain,
    async settled() {
      if (applying.size === 0) return;
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => {
        timer = setTimeout(resolve, options.settle_ms);
      });
      await Promise.race([Promise.all(applying), late]);
      clearTimeout(timer);
    },
    async close() {
      closing = true;
      for (const timer of timers) clearInterval(timer);
      await drain();
      await Promise.all([...applying, looking, removing]);
      await removeApplied();
    },
  };
}

/**
 * Applies entries of at least this age (milliseconds). What of them cannot be read is kept as a refused event. Never rejects: what fails is
 * logged and stays, for the next time.
 */
export async function applyAbandoned({ journal, direct, count, sites, log }: JournaledOptions, age: number): Promise<void> {
  const begun = performance.now();
  const applyEntries = async (entries: readonly string[]): Promise<void> => {
    const submissions = entries.flatMap(
      (text) => decodeSubmissions(text) ?? { site: '', events: [], refused: [{ event_id: null, reason: 'bad_event' as const, raw: text }] },
    );
    const known = new Set(sites().map(({ site }) => site)).add('');
    const stranger = submissions.find(({ site }) => !known.has(site));
    if (stranger) throw new Error(`the site ${stranger.site} is not known here yet`);
    const { failed, error } = await submitAll(submissions, direct, count);
    if (failed.length > 0) throw error;
  };
  try {
    for (;;) {
      // Not those that came since: beside a busy collector it would never end.
      const entries = await journal.takeOver(age + performance.now() - begun, applyEntries);
      if (entries === 0) return;
      log.info({ entries }, 'applied what was left in the journal');
    }
  } catch (error) {
    log.warn({ err: error }, 'what was left in the journal could not be applied; it is tried again');
  }
}

async function submitAll(
  submissions: readonly Submission[],
  direct: Intake,
  count: JournaledOptions['count'],
): Promise<{ failed: Submission[]; error: unknown }> {
  const failed: Submission[] = [];
  let error: unknown;
  const results = await Promise.allSettled(submissions.map((submission) => direct.submit(submission)));
  for (const [at, result] of results.entries()) {
    if (result.status === 'fulfilled') result.value.forEach(count);
    else {
      failed.push(submissions[at] as Submission);
      error = result.reason;
    }
  }
  return { failed, error };
}

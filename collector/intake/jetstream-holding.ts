/** One partition in a linker's hands: groups in the order of the stream, applied, and acknowledged after the commit. */
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { SECOND } from '../../protocol/event.ts';
import { StoreUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Submission } from './intake.ts';
import { decodeGroup, type Group } from './jetstream-message.ts';
import type { StreamMetrics } from './jetstream-metrics.ts';
import type { Stream } from './jetstream-stream.ts';

export interface Applier {
  /** Resolves once all of it is in the store, what is poison in `failed_events`. Rejects with StoreUnavailable. */
  apply(submission: Submission): Promise<unknown>;
  /** Keeps what cannot be applied at all in `failed_events`. */
  refuse(raw: string): Promise<void>;
}

export interface Holding {
  /** Nothing is in hand, and nothing was put aside for later. */
  idle(): boolean;
  /** Groups delivered so far. */
  received(): number;
  /** The consumer is gone: another linker has the partition. */
  lost(): boolean;
  /** Later groups were delivered, and this one neither is in hand nor was put aside. */
  passedOver(sequence: number): boolean;
  /** Applies a group that was not delivered. False: it fails though the store works, and may stay. Rejects with StoreUnavailable. */
  salvage(text: string, sequence: number): Promise<boolean>;
  /** Lets go at once; what is being applied may go through, which harms nothing. */
  abandon(): void;
  /** Resolves when what it was applying is applied and acknowledged. */
  finish(): Promise<void>;
}

export interface HoldingOptions {
  stream: Stream;
  partition: number;
  consumer: string;
  applier: Applier;
  metrics: StreamMetrics;
  log: Logger;
}

/** Groups applied together, at most. */
const TOGETHER = 64;
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5 * SECOND;
/** Times that a group is tried which fails though the store works. */
const ATTEMPTS = 5;
/** A delivery that was lost with a server's connection is repeated long before. */
const LATE = 120 * SECOND;

export async function hold({ stream, partition, consumer, applier, metrics, log }: HoldingOptions): Promise<Holding> {
  let queue: JsMsg[] = [];
  /** Sequence numbers in the queue or being applied: what is delivered again meanwhile is the same. */
  const inHand = new Set<number>();
  /** Those that failed alone, until they come again. */
  const aside = new Set<number>();
  let highest = 0;
  /** Of each publisher, the number of its last group seen. */
  const seen = new Map<string, number>();
  /** Groups that are known to be in the stream and did not come in their turn, and since when. */
  const missing = new Map<string, number>();
  let received = 0;
  let stopped = false;
  let gone = false;
  let running: Promise<void> | null = null;
  let wake: (() => void) | null = null;

  const source = await stream.js.consumers.get(stream.name, consumer);
  /** Groups that were there before: some between them may have been applied by whoever had the partition then. */
  let backlog = (await source.info(true)).num_pending;
  const messages = await source.consume({
    max_messages: 128,
    // After a server was lost it is asked again within this time.
    expires: 5 * SECOND,
    abort_on_missing_resource: true,
    callback(message) {
      if (stopped) return;
      received += 1;
      if (message.info.deliveryCount > 1) metrics.redeliveries.inc();
      if (inHand.has(message.seq)) return;
      inHand.add(message.seq);
      aside.delete(message.seq);
      highest = Math.max(highest, message.seq);
      queue.push(message);
      running ??= new Promise((done) => setImmediate(done)).then(run);
    },
  });
  watch(messages);

  function watch(consumed: ConsumerMessages): void {
    void consumed.closed().then((error) => {
      if (stopped) return;
      if (error) log.info({ partition }, 'the partition is another linker’s now');
      stop();
      gone = true;
    });
  }

  function stop(): void {
    stopped = true;
    queue = [];
    wake?.();
    messages.stop();
  }

  async function run(): Promise<void> {
    while (queue.length > 0 && !stopped) await applyTogether(queue.splice(0, TOGETHER));
    running = null;
  }

  async function applyTogether(together: readonly JsMsg[]): Promise<void> {
    const groups = together
      .map((message) => ({ message, text: message.string() }))
      .map(({ message, text }) => ({ message, text, group: decodeGroup(text) }));
    for (const { group, message } of groups) {
      if (backlog > 0) backlog -= message.info.deliveryCount === 1 ? 1 : 0;
      else if (group) audit(group);
    }
    for (let pause = FIRST_PAUSE, failures = 0; !stopped; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await Promise.all(groups.map(({ group, text }) => (group ? applyGroup(group) : applier.refuse(text))));
        for (const { message } of groups) done(message);
        return;
      } catch (error) {
        if (error instanceof StoreUnavailable) metrics.waits.inc();
        else {
          failures += 1;
          log.error({ err: error, partition }, 'groups could not be applied');
          if (failures >= ATTEMPTS) return oneByOne(groups);
        }
        await sleep(pause);
      }
    }
  }

  /** What fails alone as well stays in the stream, and costs nothing else its turn. */
  async function oneByOne(groups: readonly { message: JsMsg; text: string; group: Group | null }[]): Promise<void> {
    for (const { message, text, group } of groups) {
      if (stopped) return;
      if (await applied(group, text, message.seq).catch(() => false)) done(message);
      else {
        inHand.delete(message.seq);
        aside.add(message.seq);
        message.nak(60 * SECOND);
      }
    }
  }

  async function applied(group: Group | null, text: string, sequence: number): Promise<boolean> {
    try {
      await (group ? applyGroup(group) : applier.refuse(text));
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      log.error({ err: error, partition, sequence }, 'a group stays in the stream: it cannot be applied');
      return false;
    }
  }

  async function applyGroup({ submissions }: Group): Promise<void> {
    await Promise.all(submissions.filter(({ site }) => site !== '').map((submission) => applier.apply(submission)));
  }

  function done(message: JsMsg): void {
    inHand.delete(message.seq);
    // Lost on its way, it comes again, and the store knows it.
    message.ack();
    metrics.groups.inc();
  }

  /** A publisher's group that it was told is stored must have come before the one that says so, or come again soon. */
  function audit({ from, n, prev }: Group): void {
    const last = seen.get(from);
    missing.delete(`${from} ${n}`);
    if (last !== undefined && prev > last) missing.set(`${from} ${prev}`, performance.now());
    seen.set(from, Math.max(n, last ?? 0));
    for (const [group, since] of missing) {
      if (performance.now() - since < LATE) break;
      missing.delete(group);
      metrics.gaps.inc();
      log.error({ partition, group }, 'the stream acknowledged a group and did not deliver it');
    }
  }

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    idle: () => inHand.size + aside.size === 0,
    passedOver: (sequence) => sequence < highest && !inHand.has(sequence) && !aside.has(sequence),
    received: () => received,
    lost: () => gone,
    async salvage(text, sequence) {
      // Delivered meanwhile, it is the same.
      inHand.add(sequence);
      const group = decodeGroup(text);
      // It did come, if not by the consumer.
      if (group) missing.delete(`${group.from} ${group.n}`);
      return applied(group, text, sequence).finally(() => inHand.delete(sequence));
    },
    abandon: stop,
    async finish() {
      const current = running;
      stop();
      await current;
    },
  };
}

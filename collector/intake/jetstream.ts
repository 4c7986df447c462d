/** JetStream intake: a submission is acknowledged once the replicated stream has it. Group publish, one group a partition at a time. */
import { nanoid } from 'nanoid';
import { SECOND } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { StoreUnavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { RefusedEvent } from './decode.ts';
import type { Intake } from './intake.ts';
import { encodeGroup, GROUP_BYTES, partitionOf } from './jetstream-message.ts';
import type { StreamMetrics } from './jetstream-metrics.ts';
import { codeOf, type Stream } from './jetstream-stream.ts';
import { encodeEvent, encodeSubmission } from './submission-json.ts';

export interface JetstreamOptions {
  stream: Stream;
  metrics: StreamMetrics;
  log: Logger;
  /** Carries out what decisions queued: they go to the store, not through the stream. */
  relink: Intake['relink'];
}

/** Time for an answer, and time in all: a stream that lost its leader has a new one after some seconds. */
const ANSWER = 2 * SECOND;
const PATIENCE = 10 * SECOND;
/** While the last thing known is that it does not answer, requests do not pile up behind it. */
const SHORT_PATIENCE = 1 * SECOND;
const PAUSE = 100;

/** Part of a submission that goes to one partition. */
interface Part {
  json: string;
  events: number;
  resolve(): void;
  reject(error: unknown): void;
}

interface Partition {
  queue: Part[];
  running: Promise<void> | null;
  /** Number of the last group, and of the last one acknowledged. */
  n: number;
  acknowledged: number;
}

export interface JetstreamIntake extends Intake {
  /** Publishes a group of nothing. Rejects with StoreUnavailable where nothing could be acknowledged now. */
  probe(): Promise<void>;
}

export function jetstreamIntake({ stream, metrics, log, relink }: JetstreamOptions): JetstreamIntake {
  const from = nanoid(12);
  const partitions = Array.from({ length: stream.partitions }, (): Partition => ({ queue: [], running: null, n: 0, acknowledged: 0 }));
  let waiting = 0;
  let answers = true;
  let reconnected_at = 0;

  function enqueue(partition: number, parts: readonly string[], events: number): Promise<void> {
    const own = partitions[partition] as Partition;
    const stored = parts.map(
      (json, at) => new Promise<void>((resolve, reject) => own.queue.push({ json, events: at === 0 ? events : 0, resolve, reject })),
    );
    // After this turn of the event loop: what came in with it shares the group.
    own.running ??= new Promise((done) => setImmediate(done)).then(() => run(own, partition));
    return stored.length === 1 ? (stored[0] as Promise<void>) : Promise.all(stored).then(() => undefined);
  }

  /** The next group is whatever arrived while the last one was on its way; nothing waits on a timer. */
  async function run(own: Partition, partition: number): Promise<void> {
    while (own.queue.length > 0) {
      const group = takeGroup(own.queue);
      try {
        await publish(own, partition, group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        // What waits behind it would wait as long for the same answer.
        for (const { reject } of [...group, ...own.queue.splice(0)]) reject(error);
      }
    }
    own.running = null;
  }

  /**
   * The same group until the stream has it, or patience ends. Each attempt has an id of its own: a leader that has lost its
   * followers answers a repeated id as a duplicate, though what it proposed first may never be agreed on (seen on 2.9: acknowledged
   * events lost). A group that is in the stream twice is harmless, the store knows its events.
   */
  async function publish(own: Partition, partition: number, group: readonly Part[]): Promise<void> {
    own.n += 1;
    const { n } = own;
    const data = encodeGroup(
      { from, n, prev: own.acknowledged },
      group.map(({ json }) => json),
    );
    const started = performance.now();
    const until = started + (answers ? PATIENCE : SHORT_PATIENCE);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const options = { msgID: `${from}-${partition}-${n}-${attempt}`, timeout: ANSWER, expect: { streamName: stream.name } };
        const { duplicate } = await stream.js.publish(stream.subject(partition), Buffer.from(data), options);
        if (duplicate) throw new Error('the stream took the group for another');
        answers = true;
        own.acknowledged = n;
        metrics.publishes.observe((performance.now() - started) / 1_000);
        metrics.publishedEvents.observe(group.reduce((sum, { events }) => sum + events, 0));
        return;
      } catch (error) {
        if (isFull(error)) {
          metrics.refusals.inc({ reason: 'full' });
          throw new StoreUnavailable('full', { cause: new Error('the stream is full: linkers are behind', { cause: error }) });
        }
        if (performance.now() > until) {
          metrics.refusals.inc({ reason: 'unavailable' });
          if (answers) void explain(error);
          answers = false;
          throw new StoreUnavailable('down', { cause: error });
        }
        metrics.retries.inc();
        if (error instanceof Error && error.name === 'TimeoutError') reconnect();
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  }

  /** A server that hangs keeps its connections open: another one is tried before the pings find that out. */
  function reconnect(): void {
    const moment = performance.now();
    if (moment - reconnected_at < 2 * ANSWER || stream.nc.isClosed()) return;
    reconnected_at = moment;
    stream.nc.reconnect().catch(() => undefined);
  }

  /** Says once what is wrong, in the operator's words. */
  async function explain(error: unknown): Promise<void> {
    const why = await stream.jsm.streams.info(stream.name).then(
      () => 'the stream does not acknowledge: too few of its servers are up',
      (cause: unknown) =>
        codeOf(cause) === 10059 ? `the stream ${stream.name} is gone; it is not made again by itself` : 'NATS does not answer',
    );
    log.error({ err: error }, why);
  }

  return {
    async submit({ site, events, refused }) {
      if (events.length + refused.length === 0) return [];
      waiting += 1;
      try {
        const first = events[0];
        const one = first ? partitionOf(first, stream.partitions) : 0;
        // A tag's batch is one browser's.
        if (events.every((event) => event.anonymous_id === first?.anonymous_id && event.anonymous_id !== null))
          await enqueue(one, partsOf(site, events, refused), events.length);
        else await apart(site, events, refused);
      } finally {
        waiting -= 1;
      }
      return events.map(() => 'published' as const);
    },
    relink,
    waiting: () => waiting,
    async drain() {
      for (const { running } of partitions) await running;
    },
    async probe() {
      await enqueue(0, [encodeSubmission('', [], [])], 0);
    },
  };

  async function apart(site: string, events: readonly AcceptedEvent[], refused: readonly RefusedEvent[]): Promise<void> {
    const byPartition = new Map<number, AcceptedEvent[]>();
    for (const event of events) {
      const partition = partitionOf(event, stream.partitions);
      const own = byPartition.get(partition);
      if (own) own.push(event);
      else byPartition.set(partition, [event]);
    }
    const [holder] = byPartition.keys();
    if (refused.length > 0 && holder === undefined) byPartition.set(0, []);
    await Promise.all(
      [...byPartition].map(([partition, own]) =>
        enqueue(partition, partsOf(site, own, partition === (holder ?? 0) ? refused : []), own.length),
      ),
    );
  }
}

/** As many as fit a group; the first always does. */
function takeGroup(queue: Part[]): Part[] {
  let bytes = 0;
  let taken = 0;
  for (const { json } of queue) {
    bytes += Buffer.byteLength(json);
    if (taken > 0 && bytes > GROUP_BYTES) break;
    taken += 1;
  }
  return queue.splice(0, taken);
}

/** A submission in pieces of which each fits a group, as almost every one does whole. */
function partsOf(site: string, events: readonly AcceptedEvent[], refused: readonly RefusedEvent[]): string[] {
  const [shared] = events;
  const encoded = events.map((event) => encodeEvent(event, shared as AcceptedEvent));
  const whole = encodeSubmission(site, encoded, refused, shared);
  if (whole.length * 3 < GROUP_BYTES || Buffer.byteLength(whole) < GROUP_BYTES) return [whole];
  const parts: string[] = [];
  let at = 0;
  while (at < encoded.length) {
    let bytes = 0;
    let end = at;
    while (end < encoded.length && (end === at || bytes + Buffer.byteLength(encoded[end] ?? '') < GROUP_BYTES / 2)) {
      bytes += Buffer.byteLength(encoded[end] ?? '');
      end += 1;
    }
    parts.push(encodeSubmission(site, encoded.slice(at, end), [], shared));
    at = end;
  }
  return [...parts, ...refused.map((one) => encodeSubmission(site, [], [one]))];
}

/** The stream's own limit, or the servers' storage. */
function isFull(error: unknown): boolean {
  const code = codeOf(error);
  return code === 10023 || code === 10047 || (code === 10077 && /maximum (?:bytes|messages)|no space/i.test((error as Error).message));
}

/**
 * A linker: applies the partitions that are its share, each in order. Linkers hear each other's beats and reckon the shares from
 * who is alive; a partition's one consumer in the stream is its lease, so that two that disagree never both have it.
 */
import { nanoid } from 'nanoid';
import { SECOND } from '../../protocol/event.ts';
import type { Logger } from '../log.ts';
import { type Applier, type Holding, hold } from './jetstream-holding.ts';
import type { StreamMetrics } from './jetstream-metrics.ts';
import { codeOf, consumerOf, type Stream } from './jetstream-stream.ts';

export interface Linker {
  /** Hands its partitions over, after what it is applying. */
  close(): Promise<void>;
}

export interface LinkerOptions {
  stream: Stream;
  applier: Applier;
  metrics: StreamMetrics;
  log: Logger;
}

const BEAT = 1 * SECOND;
/** Silence after which a linker's partitions are taken. One that slept as long lets go of them by itself when it wakes. */
const SILENCE = 6 * SECOND;
/** Who has just begun to hear (its own beats come back to it) first listens this long for the others. */
const LISTEN = 2 * BEAT;

/** How often it is looked at whether the stream keeps something that nobody is given. */
const SWEEP = 5 * SECOND;
/** Groups looked at then, the oldest first, and for how long: what else there is to do waits. */
const SALVAGE = 1_000;
const SALVAGE_MS = 2 * SECOND;

const CONSUMER_NOT_FOUND = 10014;
const NOT_UNIQUE = 10100;
const NOT_DELETED = 10057;

interface Beat {
  id: string;
  leaving?: boolean;
}

export function startLinker({ stream, applier, metrics, log }: LinkerOptions): Linker {
  const { nc, jsm, name, partitions } = stream;
  const id = nanoid(10).replaceAll(/[^A-Za-z0-9]/g, 'x');
  const subject = `${name}.linkers`;
  /** The others, and when each was last heard. */
  const others = new Map<string, number>();
  const held = new Map<number, Holding>();
  /** Consumers of ours in the stream, perhaps, that nobody here reads: in the way of whoever has the partition now. */
  const leftovers = new Set<number>();
  let beaten = performance.now();
  let heard = Number.NEGATIVE_INFINITY;
  let hears_since = 0;
  let swept = performance.now();
  /** Of partitions with groups in the stream and none in hand at the last look: how many were received by then. */
  let idle = new Map<number, number>();
  /** The oldest group in the stream at the last look. */
  let first = 0;
  let closing = false;
  let complained = false;
  let reconciling: Promise<void> | null = null;

  const subscription = nc.subscribe(subject, {
    callback(error, message) {
      if (error) return;
      const { id: other, leaving } = message.json<Beat>();
      const now = performance.now();
      if (other === id) {
        if (now - heard > 2 * BEAT) hears_since = now;
        heard = now;
      } else if (leaving) others.delete(other);
      else others.set(other, now);
    },
  });

  function beat(leaving = false): void {
    const now = performance.now();
    if (now - beaten > SILENCE) {
      log.warn({ ms: Math.round(now - beaten) }, 'this linker stood still; it lets go of its partitions');
      for (const [partition, holding] of held) {
        holding.abandon();
        leftovers.add(partition);
      }
      held.clear();
    }
    beaten = now;
    if (!nc.isClosed()) nc.publish(subject, JSON.stringify({ id, ...(leaving && { leaving }) } satisfies Beat));
  }

  const alive = (): string[] => {
    const now = performance.now();
    for (const [other, last] of others) if (now - last > SILENCE) others.delete(other);
    return [...others.keys(), id].sort();
  };

  /** The same for every linker that hears the same others. */
  function share(): Set<number> {
    const linkers = alive();
    return new Set(Array.from({ length: partitions }, (_, p) => p).filter((p) => linkers[p % linkers.length] === id));
  }

  async function reconcile(): Promise<void> {
    for (const partition of leftovers) await drop(partition, id);
    if (performance.now() - swept > SWEEP) await sweep();
    const mine = share();
    for (const [partition, holding] of held) {
      if (holding.lost()) {
        held.delete(partition);
        leftovers.add(partition);
      } else if (!mine.has(partition)) await handOver(partition, holding);
    }
    const wanted = [...mine].filter((partition) => !held.has(partition));
    if (wanted.length > 0) {
      const holders = await holdersNow();
      // The cluster elects a leader for each consumer: a few at a time.
      for (let at = 0; at < wanted.length; at += 8)
        await Promise.all(wanted.slice(at, at + 8).map((partition) => take(partition, holders.get(partition))));
    }
    metrics.partitions.set(held.size);
  }

  /**
   * After servers were lost, a consumer may be without a leader, or know nothing of groups that the stream still has (seen on 2.9).
   * Those are fetched from the stream itself; a partition that is given nothing at all gets a new consumer besides.
   */
  async function sweep(): Promise<void> {
    swept = performance.now();
    const { state } = await jsm.streams.info(name, { subjects_filter: stream.subject('*') });
    const now = new Map<number, number>();
    const stuck = new Map<number, Holding>();
    for (const [partition, holding] of held) {
      if (!state.subjects?.[stream.subject(partition)] || !holding.idle()) continue;
      const received = holding.received();
      if (idle.get(partition) === received) stuck.set(partition, holding);
      else now.set(partition, received);
    }
    idle = now;
    const stands = state.messages > 0 && state.first_seq === first;
    first = state.first_seq;
    try {
      if (stuck.size > 0 || stands) await salvage(stuck);
    } finally {
      for (const [partition, holding] of stuck) if (held.get(partition) === holding) await handOver(partition, holding);
    }
  }

  /** Reads over all subjects: a server that lost track of a group does not find it by its own, nor does any consumer (seen on 2.9). */
  async function salvage(stuck: ReadonlyMap<number, Holding>): Promise<void> {
    const bySubject = new Map([...held].map(([partition, holding]) => [stream.subject(partition), { partition, holding }]));
    const until = performance.now() + SALVAGE_MS;
    for (let seq = 1, looked = 0, salvaged = 0; looked < SALVAGE && performance.now() < until && !closing; looked += 1) {
      // Servers know this form since 2.9, the client's type only for direct reads, which a replica may answer.
      const next = { seq, next_by_subj: '>' };
      const message = await jsm.streams.getMessage(name, next);
      if (!message) return;
      seq = message.seq + 1;
      const { partition = -1, holding } = bySubject.get(message.subject) ?? {};
      if (!holding || held.get(partition) !== holding) continue;
      if (!stuck.has(partition) && !holding.passedOver(message.seq)) {
        // It is in hand, as when the store is away: so is what comes after it.
        if (stuck.size === 0) return;
        continue;
      }
      if (!(await holding.salvage(message.string(), message.seq))) continue;
      try {
        await jsm.streams.deleteMessage(name, message.seq, false);
      } catch (error) {
        // Acknowledged meanwhile: it was delivered. Else it is found again.
        if (codeOf(error) === NOT_DELETED) continue;
        throw error;
      }
      metrics.salvaged.inc();
      salvaged += 1;
      if (salvaged === 1) log.warn({ partition }, 'the stream keeps groups that it does not deliver; they are fetched');
    }
  }

  /** Who has the consumer of each partition, as the stream says. */
  async function holdersNow(): Promise<Map<number, string>> {
    const holders = new Map<number, string>();
    for await (const consumer of jsm.consumers.list(name)) {
      const [, partition, linker = ''] = /^p(\d+)-(\w+)$/.exec(consumer.name) ?? [];
      if (partition !== undefined) holders.set(Number(partition), linker);
    }
    return holders;
  }

  async function take(partition: number, holder: string | undefined): Promise<void> {
    if (closing) return;
    // It will hand it over; should it be too slow even to beat, it is silent.
    if (holder !== undefined && holder !== id && others.has(holder)) return;
    try {
      if (holder !== undefined) {
        await drop(partition, holder);
        if (holder !== id) {
          metrics.takeovers.inc();
          log.info({ partition }, 'took over a partition of a linker that fell silent');
        }
      }
      const own = consumerName(partition, id);
      leftovers.add(partition);
      await jsm.consumers.add(name, consumerOf(stream, partition, own));
      held.set(partition, await hold({ stream, partition, consumer: own, applier, metrics, log }));
      leftovers.delete(partition);
    } catch (error) {
      // Somebody else was first.
      if (codeOf(error) !== NOT_UNIQUE) throw error;
      leftovers.delete(partition);
    }
  }

  async function handOver(partition: number, holding: Holding): Promise<void> {
    held.delete(partition);
    leftovers.add(partition);
    await holding.finish();
    await drop(partition, id);
  }

  async function drop(partition: number, holder: string): Promise<void> {
    await jsm.consumers.delete(name, consumerName(partition, holder)).catch((error: unknown) => {
      if (codeOf(error) !== CONSUMER_NOT_FOUND) throw error;
    });
    if (holder === id) leftovers.delete(partition);
  }

  const consumerName = (partition: number, linker: string): string => `p${partition}-${linker}`;

  const timer = setInterval(() => {
    beat();
    const now = performance.now();
    // Who hears nothing cannot tell who is silent.
    if (closing || now - heard > 2 * BEAT || now - hears_since < LISTEN) return;
    reconciling ??= reconcile()
      .then(() => {
        complained = false;
      })
      .catch((error: unknown) => {
        if (!complained) log.warn({ err: error }, 'the partitions could not be shared out; it is tried again every second');
        complained = true;
      })
      .finally(() => {
        reconciling = null;
      });
  }, BEAT);
  beat();

  return {
    async close() {
      closing = true;
      clearInterval(timer);
      await reconciling;
      await Promise.all([...held].map(([partition, holding]) => handOver(partition, holding).catch(() => undefined)));
      beat(true);
      subscription.unsubscribe();
      await nc.flush().catch(() => undefined);
    },
  };
}

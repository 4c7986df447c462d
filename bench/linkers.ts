/** What linkers apply: a backlog of events in the stream, drained into PostgreSQL by one linker, then by two. */
import { jetstreamManager } from '@nats-io/jetstream';
import { startCluster } from '../test/postgres.ts';
import { batch, pageView } from './harness/bodies.ts';
import { median } from './harness/load.ts';
import { startNats } from './harness/nats.ts';
import { type BenchServer, machine, startProcess } from './harness/servers.ts';

interface Drained {
  linkers: number;
  events_per_s: number;
  /** CPU of all linkers. */
  cpu_us_per_event: number;
}

const EVENTS = 60_000;
/** The default. */
const PARTITIONS = 32;
const EVENTS_PER_REQUEST = 5;
const BROWSERS = 4_000;
const ROUNDS = 3;

export async function run(): Promise<{ scenario: string; one: Drained; two: Drained; ratio: number; rounds: number; machine: object }> {
  const rounds: Record<1 | 2, Drained[]> = { 1: [], 2: [] };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const linkers of round % 2 === 0 ? ([1, 2] as const) : ([2, 1] as const)) rounds[linkers].push(await drain(linkers, round));
  const ratios = rounds[2].map(({ events_per_s }, n) => events_per_s / (rounds[1][n]?.events_per_s ?? 1));
  const middle = (of: readonly Drained[]): Drained => ({
    linkers: of[0]?.linkers ?? 0,
    events_per_s: median(of.map(({ events_per_s }) => events_per_s)),
    cpu_us_per_event: median(of.map(({ cpu_us_per_event }) => cpu_us_per_event)),
  });
  return {
    scenario: 'linkers',
    ...{ one: middle(rounds[1]), two: middle(rounds[2]), ratio: Math.round(median(ratios) * 100) / 100, rounds: ROUNDS },
    machine: machine(),
  };
}

/** New servers for each round: the database is empty and warm alike. */
async function drain(linkers: 1 | 2, round: number): Promise<Drained> {
  const [nats, postgres] = await Promise.all([startNats(), startCluster({ fsync: true })]);
  const env = { NATS_URL: nats.url, DATABASE_URL: postgres.url };
  const collector = await startProcess('ours', undefined, { ...env, ROLE: 'collector' });
  let made = round * EVENTS;
  const send = async (): Promise<void> => {
    for (let request = 0; request < EVENTS / EVENTS_PER_REQUEST / 16; request += 1) {
      const browser = Math.floor(Math.random() * BROWSERS);
      const events = Array.from({ length: EVENTS_PER_REQUEST }, () => pageView(made++, browser));
      const { status } = await fetch(`${collector.url}/e`, { method: 'POST', body: batch(events) });
      if (status !== 204) throw new Error(`the collector answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, send));
  await collector.stop();
  const nc = await nats.connect();
  const jsm = await jetstreamManager(nc);
  const groupsLeft = async (): Promise<number> => (await jsm.streams.info('footfall')).state.messages;

  const published = await groupsLeft();
  const started: BenchServer[] = await Promise.all(
    Array.from({ length: linkers }, () => startProcess('ours', undefined, { ...env, ROLE: 'linker' })),
  );
  // From the moment at which each has its share: not the seconds in which linkers listen for each other and share out.
  while (!(await Promise.all(started.map(partitionsOf))).every((count) => count === PARTITIONS / linkers)) await pause();
  const all = await groupsLeft();
  const used = (): number => started.reduce((sum, server) => sum + server.cpu(), 0);
  const [begun, cpu] = [performance.now(), used()];
  while ((await groupsLeft()) > 0) await pause();
  const took = (performance.now() - begun) / 1_000;
  const events = (EVENTS * all) / published;
  const spent = used() - cpu;
  for (const server of started) await server.stop();
  await nc.close();
  await nats.stop();
  await postgres.stop();
  return { linkers, events_per_s: Math.round(events / took), cpu_us_per_event: Math.round((spent * 1e6) / events) };
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

async function partitionsOf({ url }: BenchServer): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^footfall_linker_partitions (\d+)/m.exec(text)?.[1] ?? 0);
}

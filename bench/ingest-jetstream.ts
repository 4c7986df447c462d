/** The scale-out shape: acknowledged events a second of one collector beside a bare publisher of the same groups, in turn. */
import { jetstreamManager } from '@nats-io/jetstream';
import { startCluster } from '../test/postgres.ts';
import { batch, pageView } from './harness/bodies.ts';
import { type Figures, median, medians } from './harness/load.ts';
import { type NatsCluster, startNats } from './harness/nats.ts';
import { machine, startProcess } from './harness/servers.ts';
import { type Compared, sendWarm } from './ingest.ts';

const ROUNDS = 5;
const BODIES = 250_000;
const SCENARIOS = [
  { name: 'ingest-jetstream: returning browsers', events_per_request: 1 },
  { name: 'ingest-jetstream: returning browsers, 10 events a request', events_per_request: 10 },
];

const STREAM = { ours: 'footfall', 'floor-jetstream': 'floor' } as const;
type Side = keyof typeof STREAM;

export async function run(): Promise<Compared & { scenarios: Compared[]; nats_servers: number; machine: object }> {
  const [nats, postgres] = await Promise.all([startNats(), startCluster({ fsync: true })]);
  const env = { NATS_URL: nats.url, DATABASE_URL: postgres.url, ROLE: 'collector' };
  const scenarios: Compared[] = [];
  for (const { name, events_per_request } of SCENARIOS) {
    const bodies = Array.from({ length: Math.ceil(BODIES / events_per_request) }, (_, n) =>
      batch(Array.from({ length: events_per_request }, (_each, i) => pageView(n * events_per_request + i, n % 5_000))),
    );
    const rounds: Record<Side, Figures[]> = { 'floor-jetstream': [], ours: [] };
    for (let n = 0; n < ROUNDS; n += 1)
      for (const side of n % 2 === 0 ? (['floor-jetstream', 'ours'] as const) : (['ours', 'floor-jetstream'] as const)) {
        const server = await startProcess(side, undefined, env);
        rounds[side].push(await sendWarm(server, { events_per_request }, bodies));
        await server.stop();
        await remove(nats, STREAM[side]);
      }
    const ratios = rounds.ours.map(({ events_per_s }, n) => events_per_s / (rounds['floor-jetstream'][n]?.events_per_s ?? 1));
    const [ours, floor] = [medians(rounds.ours), medians(rounds['floor-jetstream'])];
    scenarios.push({ scenario: name, ours, floor, ratio: Math.round(median(ratios) * 1_000) / 1_000, rounds: ROUNDS });
  }
  await nats.stop();
  await postgres.stop();
  const [main] = scenarios as [Compared];
  return { ...main, scenarios, nats_servers: 3, machine: machine() };
}

/** Each round begins with an empty stream. */
async function remove(nats: NatsCluster, stream: string): Promise<void> {
  const nc = await nats.connect();
  await (await jetstreamManager(nc)).streams.delete(stream);
  await nc.close();
}

/** The shared shape: acknowledged events a second of one collector on PostgreSQL beside its floor, in turn, each round on a new database. */
import pg from 'pg';
import { startCluster } from '../test/postgres.ts';
import { type Figures, median, medians } from './harness/load.ts';
import { machine, startProcess } from './harness/servers.ts';
import { type Compared, SCENARIOS, type Scenario, sendWarm } from './ingest.ts';

const ROUNDS = 5;
type Side = 'ours' | 'floor-postgres';

export async function run(): Promise<Compared & { scenarios: Compared[]; machine: object }> {
  const scenarios: Compared[] = [];
  for (const scenario of SCENARIOS) scenarios.push(await compare(scenario));
  const [main = scenarios[0] as Compared] = scenarios.filter(({ scenario }) => scenario.endsWith('realistic mix'));
  return { ...main, scenarios, machine: machine() };
}

async function compare(scenario: Scenario): Promise<Compared> {
  const bodies = scenario.bodies();
  const rounds: Record<Side, Figures[]> = { 'floor-postgres': [], ours: [] };
  for (let n = 0; n < ROUNDS; n += 1)
    for (const side of n % 2 === 0 ? (['floor-postgres', 'ours'] as const) : (['ours', 'floor-postgres'] as const))
      rounds[side].push(await round(side, scenario, bodies));
  const ratios = rounds.ours.map(({ events_per_s }, n) => events_per_s / (rounds['floor-postgres'][n]?.events_per_s ?? 1));
  const [ours, floor] = [medians(rounds.ours), medians(rounds['floor-postgres'])];
  return { scenario: `postgres: ${scenario.name}`, ours, floor, ratio: Math.round(median(ratios) * 1_000) / 1_000, rounds: ROUNDS };
}

/** A server of its own each time, so that no round pays for what another left to be written. */
async function round(side: Side, scenario: Scenario, bodies: readonly string[]): Promise<Figures> {
  const cluster = await startCluster({ fsync: true });
  const admin = new pg.Client({ connectionString: cluster.url });
  await admin.connect();
  await admin.query('CREATE DATABASE bench');
  await admin.end();
  const server = await startProcess(side, undefined, { DATABASE_URL: cluster.url.replace(/postgres$/, 'bench') });
  const figures = await sendWarm(server, scenario, bodies);
  await server.stop();
  await cluster.stop();
  return figures;
}

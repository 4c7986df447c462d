/** Durable scan redirects beside the floor of ingest: one page view a request, parsed and fsynced. */
import { batch, pageView } from './harness/bodies.ts';
import { type Figures, median, medians, sendLoad } from './harness/load.ts';
import { type Kind, machine, startProcess } from './harness/servers.ts';

const ROUNDS = 3;
const SECONDS = 4;
const WARM_UP_SECONDS = 2;
/** Bodies of the floor's warm-up, none of which is sent again. */
const WARM_UP = 100_000;
/** More than the floor is sent in a round. */
const BODIES = 300_000;

async function round(kind: Kind): Promise<Figures> {
  const server = await startProcess(kind);
  const bodies = kind === 'floor' ? Array.from({ length: BODIES }, (_, n) => batch([pageView(n, n % 5_000)])) : [];
  const load = { path: '/q/TV55AA', events_per_request: 1 };
  await sendLoad(server, { ...load, bodies: bodies.slice(0, WARM_UP), seconds: WARM_UP_SECONDS });
  const figures = await sendLoad(server, { ...load, bodies: bodies.slice(WARM_UP), seconds: SECONDS });
  await server.stop();
  return figures;
}

export async function run(): Promise<{ scenario: string; ours: Figures; floor: Figures; ratio: number; rounds: number; machine: object }> {
  const rounds: Record<'ours' | 'floor', Figures[]> = { floor: [], ours: [] };
  for (let n = 0; n < ROUNDS; n += 1)
    for (const kind of n % 2 === 0 ? (['floor', 'ours'] as const) : (['ours', 'floor'] as const)) rounds[kind].push(await round(kind));
  const ratios = rounds.ours.map(({ events_per_s }, n) => events_per_s / (rounds.floor[n]?.events_per_s ?? 1));
  const ratio = Math.round(median(ratios) * 1_000) / 1_000;
  return { scenario: 'scan', ours: medians(rounds.ours), floor: medians(rounds.floor), ratio, rounds: ROUNDS, machine: machine() };
}

export function table({ ours, floor, ratio }: Awaited<ReturnType<typeof run>>): string {
  const line = (name: string, of: Figures): string =>
    `| ${name} | ${of.requests_per_s} | ${of.p50_ms} | ${of.p99_ms} | ${of.cpu_us_per_event} |`;
  return [
    '| | scans/s | p50 ms | p99 ms | µs CPU/scan |',
    '| --- | --- | --- | --- | --- |',
    line('ours', ours),
    line('floor', floor),
    '',
    `Ratio ${ratio}.`,
  ].join('\n');
}

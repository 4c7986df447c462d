/** Acknowledged, durable events: ours beside the floor, in turn, for new and returning browsers and a realistic mix. */
import { simulate } from '../collector/simulate/simulate.ts';
import { batch, pageView } from './harness/bodies.ts';
import { type Figures, median, medians, sendLoad } from './harness/load.ts';
import { type BenchServer, type Kind, machine, startProcess } from './harness/servers.ts';

export interface Scenario {
  name: string;
  events_per_request: number;
  bodies: () => string[];
}

export interface Compared {
  scenario: string;
  ours: Figures;
  floor: Figures;
  ratio: number;
  rounds: number;
}

const ROUNDS = 3;
const SECONDS = 4;
/** Sent before, for so long that what the compiler makes of the code is settled; more than either can take in that time. */
const WARM_UP_SECONDS = 2;
const WARM_UP = 90_000;
/** More than any round sends, so that none is sent twice. */
const BODIES = 170_000;

/** Bodies of a simulated shop's events in their order of arrival, 0.5 % of them sent twice. */
function mix(size: number): string[] {
  // Ten in one are taken at a third of the rate, at most.
  const count = size === 1 ? WARM_UP + BODIES : Math.floor((WARM_UP + BODIES) / 3);
  const events: object[] = [];
  for (const day of simulate({ preset: 'base', people: 40_000, days: 30 }).days) {
    for (const { event } of day.events) {
      const { site: _site, ...wire } = event as { site?: string };
      events.push(wire);
      if (events.length % 200 === 0) events.push(wire);
    }
    if (events.length >= count * size) break;
  }
  const bodies: string[] = [];
  for (let at = 0; at < events.length && bodies.length < count; at += size) bodies.push(batch(events.slice(at, at + size)));
  return bodies;
}

const many = (make: (n: number) => string, count = WARM_UP + BODIES): string[] => Array.from({ length: count }, (_, n) => make(n));

export const SCENARIOS: readonly Scenario[] = [
  { name: 'new browsers', events_per_request: 1, bodies: () => many((n) => batch([pageView(n, n)])) },
  { name: 'returning browsers', events_per_request: 1, bodies: () => many((n) => batch([pageView(n, n % 5_000)])) },
  { name: 'realistic mix', events_per_request: 1, bodies: () => mix(1) },
  {
    name: 'realistic mix, 10 events a request',
    events_per_request: 10,
    bodies: () => mix(10),
  },
];

/** The last of the bodies warm up: of the same kind, and none of those that are measured. */
export async function sendWarm(
  server: BenchServer,
  { events_per_request }: Pick<Scenario, 'events_per_request'>,
  bodies: readonly string[],
): Promise<Figures> {
  const measured = bodies.length - Math.min(WARM_UP, bodies.length >> 2);
  await sendLoad(server, { bodies: bodies.slice(measured), path: '', events_per_request, seconds: WARM_UP_SECONDS });
  return sendLoad(server, { bodies: bodies.slice(0, measured), path: '', events_per_request, seconds: SECONDS });
}

async function round(kind: Kind, scenario: Scenario, bodies: readonly string[]): Promise<Figures> {
  const server = await startProcess(kind);
  const figures = await sendWarm(server, scenario, bodies);
  await server.stop();
  return figures;
}

async function compare(scenario: Scenario): Promise<Compared> {
  const bodies = scenario.bodies();
  const rounds: Record<'ours' | 'floor', Figures[]> = { floor: [], ours: [] };
  for (let n = 0; n < ROUNDS; n += 1)
    for (const kind of n % 2 === 0 ? (['floor', 'ours'] as const) : (['ours', 'floor'] as const))
      rounds[kind].push(await round(kind, scenario, bodies));
  const ratios = rounds.ours.map(({ events_per_s }, n) => events_per_s / (rounds.floor[n]?.events_per_s ?? 1));
  const ratio = Math.round(median(ratios) * 1_000) / 1_000;
  return { scenario: scenario.name, ours: medians(rounds.ours), floor: medians(rounds.floor), ratio, rounds: ROUNDS };
}

export async function run(): Promise<Compared & { scenarios: Compared[]; machine: object }> {
  const scenarios: Compared[] = [];
  for (const scenario of SCENARIOS) scenarios.push(await compare(scenario));
  const [main = scenarios[0] as Compared] = scenarios.filter(({ scenario }) => scenario === 'realistic mix');
  return { ...main, scenarios, machine: machine() };
}

export function table({ scenarios }: Awaited<ReturnType<typeof run>>): string {
  const line = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const figures = (f: Figures): (string | number)[] => [f.events_per_s, f.p50_ms, f.p99_ms, f.cpu_us_per_event];
  return [
    line(['scenario', 'ours events/s', 'p50 ms', 'p99 ms', 'µs CPU/event', 'floor events/s', 'p50 ms', 'p99 ms', 'µs CPU/event', 'ratio']),
    line(Array.from({ length: 10 }, () => '---')),
    ...scenarios.map(({ scenario, ours, floor, ratio }) => line([scenario, ...figures(ours), ...figures(floor), ratio])),
  ].join('\n');
}

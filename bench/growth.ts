/** What a full store costs: throughput at N stored events beside that of an empty one, memory, and bytes on disk an event. */
import { batch, pageView } from './harness/bodies.ts';
import { fill, shops } from './harness/fill.ts';
import { type Figures, median, medians, sendLoad } from './harness/load.ts';
import { type BenchServer, machine, startProcess } from './harness/servers.ts';

/** Stored events at which it is measured; `GROWTH_EVENTS` names others, e.g. 1000000. */
const LEVELS = (process.env['GROWTH_EVENTS'] ?? '1000000,5000000').split(',').map(Number);
const ROUNDS = 4;
const SECONDS = 5;
/** More than any round sends, so that none is sent twice. */
const WARM_UP = 80_000;
const BODIES = 150_000;
const BROWSERS = 20_000;

interface Level {
  stored: number;
  ours: Figures;
  /** The same load on an empty store. */
  floor: Figures;
  ratio: number;
  /** Memory after storing them, and after the load. */
  filled_rss_mb: number;
  rss_mb: number;
  bytes_per_event: number;
}

export async function run(): Promise<{
  scenario: string;
  ours: Figures;
  floor: Figures;
  ratio: number;
  rounds: number;
  levels: Level[];
  machine: object;
}> {
  const server = await startProcess('ours');
  const events = shops();
  const levels: Level[] = [];
  let stored = 0;
  for (const level of LEVELS) {
    const before = server.bytes();
    const started = performance.now();
    await fill(server, events, level - stored);
    const bytes_per_event = Math.round((server.bytes() - before) / (level - stored));
    console.log(`${level} events stored, the last ${level - stored} at ${perSecond(level - stored, started)} events/s`);
    stored = level;
    const filled_rss_mb = Math.round(server.rss());
    const rounds: { ours: Figures; floor: Figures }[] = [];
    // An empty store beside it in each round, by turns before and after it, so that what else the machine does strikes both.
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = round % 2 === 0 ? await measureEmpty(round) : null;
      const ours = await measure(server, level + round);
      rounds.push({ ours, floor: before ?? (await measureEmpty(round)) });
    }
    levels.push({
      stored,
      ours: medians(rounds.map(({ ours }) => ours)),
      floor: medians(rounds.map(({ floor }) => floor)),
      ratio: rounded(median(rounds.map(({ ours, floor }) => ours.events_per_s / floor.events_per_s))),
      filled_rss_mb,
      rss_mb: Math.round(server.rss()),
      bytes_per_event,
    });
  }
  await server.stop();
  const last = levels.at(-1) as Level;
  return { scenario: 'growth', ours: last.ours, floor: last.floor, ratio: last.ratio, rounds: ROUNDS, levels, machine: machine() };
}

async function measureEmpty(seed: number): Promise<Figures> {
  const empty = await startProcess('ours');
  const figures = await measure(empty, seed);
  await empty.stop();
  return figures;
}

/** Page views of 20,000 browsers that come again and again, none of them seen before: the same work whatever is stored. */
async function measure(server: BenchServer, seed: number): Promise<Figures> {
  const at = seed * (WARM_UP + BODIES);
  const views = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, n) => batch([pageView(at + from + n, seed * BROWSERS + ((from + n) % BROWSERS))]));
  await sendLoad(server, { bodies: views(0, WARM_UP), path: '', events_per_request: 1, seconds: 2 });
  return sendLoad(server, { bodies: views(WARM_UP, BODIES), path: '', events_per_request: 1, seconds: SECONDS });
}

const perSecond = (count: number, since: number): number => Math.round((count / (performance.now() - since)) * 1_000);
const rounded = (ratio: number): number => Math.round(ratio * 1_000) / 1_000;

export function table({ levels }: Awaited<ReturnType<typeof run>>): string {
  return [
    '| stored events | events/s | p99 ms | an empty store beside it: events/s | p99 ms | ratio | RSS MB | bytes an event |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...levels.map(
      ({ stored, ours, floor, ratio, rss_mb, bytes_per_event }) =>
        `| ${stored.toLocaleString('en')} | ${ours.events_per_s} | ${ours.p99_ms} | ${floor.events_per_s} | ${floor.p99_ms} | ${ratio} | ${rss_mb} | ${bytes_per_event} |`,
    ),
  ].join('\n');
}

/** What a full store costs: throughput at N stored events beside that of an empty one, memory, and bytes on disk an event. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulate } from '../collector/simulate/simulate.ts';
import { batch, pageView } from './harness/bodies.ts';
import { type Figures, median, sendLoad } from './harness/load.ts';
import { type BenchServer, machine, startProcess } from './harness/servers.ts';

/** Stored events at which it is measured; `GROWTH_EVENTS` names others, e.g. 1000000. */
const LEVELS = (process.env['GROWTH_EVENTS'] ?? '1000000,5000000').split(',').map(Number);
const ROUNDS = 3;
const SECONDS = 5;
const LINES = 5_000;

interface Level {
  stored: number;
  ours: Figures;
  ratio: number;
  rss_mb: number;
  bytes_per_event: number;
}

/** Events of one simulated shop after another, for ever. */
function* shops(): Generator<object> {
  for (let seed = 1; ; seed += 1)
    for (const day of simulate({ preset: 'mid-size', seed }).days) for (const { event } of day.events) yield event;
}

async function fill(server: BenchServer, events: Generator<object>, count: number): Promise<void> {
  const token = readFileSync(join(server.data_dir, 'admin-token'), 'utf8').trim();
  for (let left = count; left > 0; left -= LINES) {
    const lines = Array.from({ length: Math.min(left, LINES) }, () => JSON.stringify(events.next().value));
    const response = await fetch(`${server.url}/v1/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: lines.join('\n'),
    });
    if (!response.ok) throw new Error(`import: ${response.status} ${await response.text()}`);
  }
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
  let sent = 0;
  const measure = async (): Promise<Figures> => {
    const rounds: Figures[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const bodies = Array.from({ length: 150_000 }, (_, n) => batch([pageView(sent + n, (sent + n) % 20_000)]));
      sent += bodies.length;
      rounds.push(await sendLoad(server, { bodies, path: '', events_per_request: 1, seconds: SECONDS }));
    }
    return rounds.sort((a, b) => a.events_per_s - b.events_per_s)[ROUNDS >> 1] as Figures;
  };
  await measure();
  const empty = await measure();
  let stored = 0;
  for (const level of LEVELS) {
    const before = server.bytes();
    await fill(server, events, level - stored);
    const bytes_per_event = Math.round((server.bytes() - before) / (level - stored));
    stored = level;
    const ours = await measure();
    levels.push({
      stored,
      ours,
      ratio: Math.round((ours.events_per_s / empty.events_per_s) * 1_000) / 1_000,
      rss_mb: Math.round(server.rss()),
      bytes_per_event,
    });
  }
  await server.stop();
  const last = levels.at(-1) as Level;
  return { scenario: 'growth', ours: last.ours, floor: empty, ratio: median([last.ratio]), rounds: ROUNDS, levels, machine: machine() };
}

export function table({ floor, levels }: Awaited<ReturnType<typeof run>>): string {
  return [
    '| stored events | events/s | p99 ms | of an empty store | RSS MB | bytes an event |',
    '| --- | --- | --- | --- | --- | --- |',
    `| 0 | ${floor.events_per_s} | ${floor.p99_ms} | 1 | | |`,
    ...levels.map(
      ({ stored, ours, ratio, rss_mb, bytes_per_event }) =>
        `| ${stored} | ${ours.events_per_s} | ${ours.p99_ms} | ${ratio} | ${rss_mb} | ${bytes_per_event} |`,
    ),
  ].join('\n');
}

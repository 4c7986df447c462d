/** Fills a running collector with simulated shops, by the import that a retailer would use. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulate } from '../../collector/simulate/simulate.ts';
import type { BenchServer } from './servers.ts';

const LINES = 5_000;

/** Events of one simulated shop after another, for ever. */
export function* shops(): Generator<object> {
  for (let seed = 1; ; seed += 1)
    for (const day of simulate({ preset: 'mid-size', seed }).days) for (const { event } of day.events) yield event;
}

export async function fill(server: BenchServer, events: Generator<object>, count: number): Promise<void> {
  for (let left = count; left > 0; left -= LINES) {
    const lines = Array.from({ length: Math.min(left, LINES) }, () => JSON.stringify(events.next().value));
    const headers = { authorization: `Bearer ${tokenOf(server)}` };
    const response = await fetch(`${server.url}/v1/import`, { method: 'POST', headers, body: lines.join('\n') });
    if (!response.ok) throw new Error(`import: ${response.status} ${await response.text()}`);
  }
}

export function tokenOf(server: BenchServer): string {
  return readFileSync(join(server.data_dir, 'admin-token'), 'utf8').trim();
}

/** Writes a simulated retailer into a folder, as `footfall import` and whoever judges its links read it. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type SimulateOptions, simulate } from './simulate.ts';

export interface Written {
  events: number;
  sessions: number;
  people: number;
  days: number;
}

/**
 * `events.ndjson` (one wire event a line, in order of arrival, with its site), `truth.ndjson` (who was in which session) and
 * `people.ndjson` (which customers' names are whose). The same options write the same bytes. `onDay` is told how far it is.
 */
export function writeSimulation(
  out: string,
  options: SimulateOptions,
  onDay: (done: number, days: number) => void = () => undefined,
): Written {
  const { parameters, days, people } = simulate(options);
  mkdirSync(out, { recursive: true });
  const events = openSync(join(out, 'events.ndjson'), 'w');
  const truth = openSync(join(out, 'truth.ndjson'), 'w');
  const written: Written = { events: 0, sessions: 0, people: people.length, days: parameters.days };
  const sessions = new Set<string>();
  try {
    let done = 0;
    for (const day of days) {
      writeLines(events, day.events, ({ event }) => event);
      writeLines(truth, day.truth, (row) => row);
      written.events += day.events.length;
      // A session that two share has two rows, both of one day.
      sessions.clear();
      for (const { anonymous_id, session_id } of day.truth) sessions.add(`${anonymous_id} ${session_id}`);
      written.sessions += sessions.size;
      done += 1;
      onDay(Math.min(done, parameters.days), parameters.days);
    }
  } finally {
    closeSync(events);
    closeSync(truth);
  }
  const names = openSync(join(out, 'people.ndjson'), 'w');
  writeLines(names, people, ({ person, customer_ids, email_sha256 }) => ({ person, customer_ids, email_sha256 }));
  closeSync(names);
  return written;
}

function writeLines<T>(file: number, items: readonly T[], lineOf: (item: T) => unknown): void {
  for (let at = 0; at < items.length; at += LINES_AT_ONCE) {
    const lines = items.slice(at, at + LINES_AT_ONCE).map((item) => `${JSON.stringify(lineOf(item))}\n`);
    writeSync(file, lines.join(''));
  }
}

const LINES_AT_ONCE = 1_000;

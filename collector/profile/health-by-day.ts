/** What arrived at a site, day by day, and how much of it was late, made by machines or without consent. */
import { DAY, type Millis } from '../../protocol/event.ts';
import type { Queries } from '../store/queries.ts';
import type { HealthCount } from '../store/queries-health.ts';

export interface HealthOfDay extends Omit<HealthCount, 'day'> {
  /** `2026-11-20`, UTC. */
  day: string;
}

/** Events of one portion. */
const PORTION = 20_000;

/** Days since `since`, the ones without an event left out. */
export async function healthByDay(queries: Queries, { site_pk, since }: { site_pk: number; since: Millis }): Promise<HealthOfDay[]> {
  const days = new Map<number, HealthOfDay>();
  const last = await queries.lastEventPk();
  for (let after = await queries.eventBefore(since); after < last; after += PORTION) {
    for (const { day, ...counts } of await queries.healthCounts(site_pk, since, after, after + PORTION)) {
      const sum = days.get(day) ?? emptyDay(day);
      for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name];
      days.set(day, sum);
    }
    await new Promise((next) => setImmediate(next));
  }
  return [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
}

function emptyDay(day: number): HealthOfDay {
  const name = new Date(day * DAY).toISOString().slice(0, 10);
  return { day: name, received: 0, late: 0, bots: 0, without_browser: 0, consents: 0, refusals: 0 };
}

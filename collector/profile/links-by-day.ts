/** How much of a site is linked, day by day on its own clock, and by which rule. */
import type { Millis } from '../../protocol/event.ts';
import { localHours } from '../domain/local-time.ts';
import type { Rule, Status } from '../linking/outcome.ts';
import type { Queries } from '../store/queries.ts';
import { QUARTER } from '../store/queries-reports.ts';

export interface LinksOfDay extends Record<Status, number> {
  /** `2026-11-20`. */
  day: string;
  sessions: number;
  segments: number;
  /** Of the segments; null on a day without any. */
  linked_share: number | null;
  by_rule: Record<Rule, number>;
}

/** Sessions of one portion. */
const PORTION = 5_000;

/** Days without a session are left out. */
export async function linksByDay(
  queries: Queries,
  { site_pk, timezone, from, to }: { site_pk: number; timezone: string; from: Millis; to: Millis },
): Promise<LinksOfDay[]> {
  const hourOf = localHours(timezone);
  const days = new Map<string, LinksOfDay>();
  const dayOf = new Map<number, LinksOfDay>();
  const last = await queries.lastSessionPk();
  for (let after = 0; after < last; after += PORTION) {
    for (const { quarter, status, rule, segments, sessions } of await queries.linkCounts(site_pk, from, to, after, after + PORTION)) {
      let day = dayOf.get(quarter);
      if (!day) {
        const name = hourOf(quarter * QUARTER).slice(0, 10);
        day = days.get(name) ?? emptyDay(name);
        days.set(name, day);
        dayOf.set(quarter, day);
      }
      day.sessions += sessions;
      day.segments += segments;
      day[status] += segments;
      if (rule !== null) day.by_rule[rule] += segments;
    }
    await new Promise((next) => setImmediate(next));
  }
  for (const day of days.values()) day.linked_share = Number((day.linked / day.segments).toFixed(4));
  return [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
}

function emptyDay(day: string): LinksOfDay {
  const by_rule = { session: 0, device_between: 0, device_after: 0, device_after_logout: 0, device_before: 0 };
  return {
    ...{ day, sessions: 0, segments: 0, linked: 0, ambiguous: 0, anonymous: 0, logged_out: 0, kiosk: 0, linked_share: null },
    by_rule,
  };
}

/** Moments on a site's own clock. */
import type { Millis } from '../../protocol/event.ts';

/** Tells the hour of a moment in an IANA time zone: `2026-11-20T09`. */
export function localHours(timezone: string): (time: Millis) => string {
  const parts = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', hourCycle: 'h23' } as const;
  const format = new Intl.DateTimeFormat('en-CA', { ...parts, timeZone: timezone });
  return (time) => format.format(time).replace(', ', 'T');
}

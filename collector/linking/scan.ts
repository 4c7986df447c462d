/** R11: which event claims a scan, of all that carried its token. */
import { MINUTE, type Millis } from '../../protocol/event.ts';

/** How long before and after a scan its token may turn up, edges included. */
const FROM = -5 * MINUTE;
const UNTIL = 30 * MINUTE;

/** The first in time to carry the token, then by event id: one browser's, and any other's is a shared link. */
export function claimerOf<T extends { occurred_at: Millis; event_id: string }>(
  scan: { occurred_at: Millis },
  carriers: readonly T[],
): T | null {
  let first: T | null = null;
  for (const carrier of carriers) {
    const after = carrier.occurred_at - scan.occurred_at;
    if (after >= FROM && after <= UNTIL && (!first || isSooner(carrier, first))) first = carrier;
  }
  return first;
}

function isSooner(a: { occurred_at: Millis; event_id: string }, b: { occurred_at: Millis; event_id: string }): boolean {
  return a.occurred_at < b.occurred_at || (a.occurred_at === b.occurred_at && a.event_id < b.event_id);
}

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

/**
 * Of the claimed scans of one single-use code, those that came too late to claim anybody: all but the one claimed first. Which one
 * that is does not depend on revoked claims: a use that was taken back stays used.
 */
export function spentScans<T extends { claimer: { occurred_at: Millis; event_id: string } }>(claimed: readonly T[]): T[] {
  let first: T | null = null;
  for (const scan of claimed) if (!first || isSooner(scan.claimer, first.claimer)) first = scan;
  return claimed.filter((scan) => scan !== first);
}

function isSooner(a: { occurred_at: Millis; event_id: string }, b: { occurred_at: Millis; event_id: string }): boolean {
  return a.occurred_at < b.occurred_at || (a.occurred_at === b.occurred_at && a.event_id < b.event_id);
}

/** What became of a session's rows in the links table: which to write, which links changed, which segments are gone. */
import { DAY, type Millis } from '../../protocol/event.ts';
import type { SegmentState, SessionState, StoredLink } from './browser.ts';
import { compareKeys } from './order.ts';
import { type Outcome, sameLink, sameOutcome } from './outcome.ts';

export interface RowWrite {
  segment: number;
  content: SegmentState;
  link_version: number;
  /** Present where the link itself changed, so that consumers must be told; `old` is null for a new segment. */
  change: { old: Outcome | null } | null;
  /** The row only took in more events: same outcome, same beginning, same day of its end (by which links are looked up). */
  grown: boolean;
}

export interface SessionChanges {
  writes: RowWrite[];
  /** Segments that are no more, with what they were. */
  gone: { segment: number; old: Outcome }[];
}

/** Compares a session with what is stored of it, and takes the result as stored. */
export function takeChanges(session: SessionState): SessionChanges {
  const { segments, stored } = session;
  const writes: RowWrite[] = [];
  segments.forEach((content, segment) => {
    const row = stored[segment];
    if (row?.segment === content && !content.dirty) return;
    const grown = row?.segment === content && sameSpan(row, content) && sameOutcome(row.outcome, content.outcome);
    const change = row && sameLink(row.outcome, content.outcome) ? null : { old: row?.outcome ?? null };
    const link_version = (row?.link_version ?? 0) + (change ? 1 : 0);
    writes.push({ segment, content, link_version, change, grown });
    stored[segment] = { segment: content, first: content.first, last: content.last, outcome: content.outcome, link_version };
    content.dirty = false;
  });
  const gone = stored.splice(segments.length).map(({ outcome }, index) => ({ segment: segments.length + index, old: outcome }));
  return { writes, gone };
}

/** The UTC day of a time. */
export function dayOf(time: Millis): number {
  return Math.floor(time / DAY);
}

function sameSpan(row: StoredLink, { first, last }: SegmentState): boolean {
  return compareKeys(row.first, first) === 0 && dayOf(row.last.time) === dayOf(last.time);
}

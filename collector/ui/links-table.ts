/** The links that the page shows, and what a change makes of them. Pure. */
import type { Millis } from '../../protocol/event.ts';
import type { LinkChange, LinkRow, Outcome } from './types.ts';

/** A row that changed before the reader's eyes: when, and how it stood before (null where it is new). */
export interface Fresh {
  at: Millis;
  was: Outcome | null;
}

export interface LinksTable {
  rows: ReadonlyMap<string, LinkRow>;
  fresh: ReadonlyMap<string, Fresh>;
}

export interface Summary {
  sessions: number;
  segments: number;
  linked: number;
  outcomes: { outcome: Outcome; count: number }[];
}

/** The most rows kept: beyond, those that changed longest ago go. */
const MOST_ROWS = 2_000;

export function rowKey(row: Pick<LinkRow, 'site' | 'anonymous_id' | 'session_id' | 'segment'>): string {
  return `${row.site} ${row.anonymous_id} ${row.session_id} ${row.segment}`;
}

export function outcomeOf(row: Pick<LinkRow, 'status' | 'rule'>): Outcome {
  return row.status === 'linked' ? (row.rule ?? 'session') : row.status;
}

export function tableOf(rows: readonly LinkRow[]): LinksTable {
  return { rows: new Map(rows.map((row) => [rowKey(row), row])), fresh: new Map() };
}

/** Applies changes in their order. Applying one again changes nothing but its freshness. */
export function applyChanges(table: LinksTable, changes: readonly LinkChange[], now: Millis, most = MOST_ROWS): LinksTable {
  const rows = new Map(table.rows);
  const fresh = new Map(table.fresh);
  for (const change of changes) {
    if (change.type === 'person') {
      renamePerson(rows, change.customer_id ?? change.link?.customer_id, change.person_id ?? change.link?.person_id);
      continue;
    }
    const gone = change.type === 'delete' || change.link === null || Boolean(change.link.bot);
    const row = change.link ?? change.old;
    if (row === null) continue;
    const key = rowKey(row);
    if (gone) {
      rows.delete(key);
      fresh.delete(key);
    } else {
      const before = change.old ?? rows.get(key) ?? null;
      rows.set(key, row);
      fresh.set(key, { at: now, was: before && outcomeOf(before) });
    }
  }
  return { rows: keepNewest(rows, most), fresh };
}

/** Forgets the marks of rows that changed longer than `age` ago; the same table where there are none. */
export function fadeFresh(table: LinksTable, now: Millis, age: Millis): LinksTable {
  const kept = [...table.fresh].filter(([, mark]) => now - mark.at < age);
  return kept.length === table.fresh.size ? table : { rows: table.rows, fresh: new Map(kept) };
}

/** What was decided last stands first. */
export function newestFirst(rows: Iterable<LinkRow>): LinkRow[] {
  return [...rows].sort((a, b) => b.changed_at - a.changed_at || b.started_at - a.started_at || (rowKey(a) < rowKey(b) ? -1 : 1));
}

export function summarise(rows: Iterable<LinkRow>): Summary {
  const sessions = new Set<string>();
  const counts = new Map<Outcome, number>(OUTCOMES.map((outcome) => [outcome, 0]));
  let segments = 0;
  let linked = 0;
  for (const row of rows) {
    segments += 1;
    sessions.add(rowKey({ ...row, segment: 0 }));
    if (row.status === 'linked') linked += 1;
    const outcome = outcomeOf(row);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  const outcomes = [...counts].map(([outcome, count]) => ({ outcome, count })).filter(({ count }) => count > 0);
  return { sessions: sessions.size, segments, linked, outcomes };
}

const OUTCOMES: readonly Outcome[] = [
  'session',
  'device_before',
  'device_between',
  'device_after',
  'device_after_logout',
  'ambiguous',
  'logged_out',
  'kiosk',
  'anonymous',
];

function renamePerson(rows: Map<string, LinkRow>, customerId: string | null | undefined, personId: string | null | undefined): void {
  if (!customerId || !personId) return;
  for (const [key, row] of rows) if (row.customer_id === customerId) rows.set(key, { ...row, person_id: personId });
}

function keepNewest(rows: Map<string, LinkRow>, most: number): Map<string, LinkRow> {
  if (rows.size <= most) return rows;
  return tableOf(newestFirst(rows.values()).slice(0, most)).rows as Map<string, LinkRow>;
}

/** Keeps the newest links up to date: one page of them, then every change after it. */
import { type Signal, signal } from '@preact/signals';
import type { Api, Failure } from './api.ts';
import { applyChanges, fadeFresh, type LinksTable, tableOf } from './links-table.ts';
import { type IsHidden, isTabHidden, startPolling } from './poll.ts';
import type { ChangesPage, LinkChange, LinksPage } from './types.ts';

export interface LinksFeed {
  table: Signal<LinksTable>;
  /** Null until the first page is there. */
  loaded: Signal<'no' | 'all' | 'newest'>;
  failure: Signal<Failure | null>;
  paused: Signal<boolean>;
  /** Hears of changes after they were applied. Returns what ends it. */
  listen: (listener: (changes: readonly LinkChange[]) => void) => () => void;
  stop: () => void;
}

/** How long a changed row says how it stood before. */
const FRESH_FOR = 60_000;

export function followLinks(api: Api, site: string, interval = 1_000, isHidden: IsHidden = isTabHidden): LinksFeed {
  const table = signal(tableOf([]));
  const loaded = signal<'no' | 'all' | 'newest'>('no');
  const failure = signal<Failure | null>(null);
  const paused = signal(false);
  const listeners = new Set<(changes: readonly LinkChange[]) => void>();
  let cursor: string | null = null;

  async function readPage(): Promise<void> {
    const page = await api.get<LinksPage>('/v1/links', { site, order: 'desc', limit: FIRST_PAGE });
    table.value = tableOf(page.links);
    loaded.value = page.next_cursor === null ? 'all' : 'newest';
    cursor = page.changes_cursor;
  }

  async function readChanges(since: string): Promise<boolean> {
    const page = await api.get<ChangesPage>('/v1/links/changes', { site, since, limit: CHANGES_PAGE });
    cursor = page.next_cursor;
    const now = Date.now();
    const before = fadeFresh(table.value, now, FRESH_FOR);
    table.value = page.changes.length === 0 ? before : applyChanges(before, page.changes, now);
    if (page.changes.length > 0) for (const listener of listeners) listener(page.changes);
    return page.changes.length >= CHANGES_PAGE;
  }

  const stop = startPolling({
    interval,
    isHidden,
    read: async () => {
      if (paused.value) return false;
      if (cursor !== null) return readChanges(cursor);
      await readPage();
      return false;
    },
    report: (now) => {
      failure.value = now;
      // A cursor that the collector no longer knows (its data was replaced): begin anew.
      if (now !== null && STALE.has(now.status)) cursor = null;
    },
  });

  function listen(listener: (changes: readonly LinkChange[]) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
  return { table, loaded, failure, paused, listen, stop };
}

const FIRST_PAGE = 1_000;
const CHANGES_PAGE = 500;
const STALE: ReadonlySet<number> = new Set([400, 404, 410]);

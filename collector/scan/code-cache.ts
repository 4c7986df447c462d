/** Codes in memory, so that a scan needs no read, and is still sent on while the store fails. */
import { LRUCache } from 'lru-cache';
import type { Millis } from '../../protocol/event.ts';
import type { CodeRow } from '../store/store.ts';

export type SiteCode = CodeRow & { site: string };

export interface CodeCache {
  /** Null: there is no such code. Rejects only where the store fails and the code was never read. */
  get(code: string): Promise<SiteCode | null>;
  /** An edit was stored: the next scan reads it. */
  forget(code: string): void;
  /** Reads codes before they are asked for. */
  warm(codes: Iterable<SiteCode>): void;
}

/** Codes kept, and how long one is taken as it was read: another process may have edited it. */
const CODES = 100_000;
const FRESH = 10_000;

export function codeCache(read: (code: string) => Promise<SiteCode | null>, now: () => Millis): CodeCache {
  const known = new LRUCache<string, { row: SiteCode; read_at: Millis }>({ max: CODES });
  // Of each code being read, how often it was edited meanwhile: a row read before an edit must not be kept after it.
  const reading = new Map<string, { edited: boolean }>();

  return {
    async get(code) {
      const cached = known.get(code);
      if (cached && Math.abs(now() - cached.read_at) < FRESH) return cached.row;
      const turn = { edited: false };
      reading.set(code, turn);
      try {
        const row = await read(code);
        if (row && !turn.edited) known.set(code, { row, read_at: now() });
        else if (!row) known.delete(code);
        return row;
      } catch (error) {
        if (cached) return cached.row;
        throw error;
      } finally {
        if (reading.get(code) === turn) reading.delete(code);
      }
    },
    forget(code) {
      const turn = reading.get(code);
      if (turn) turn.edited = true;
      // Stale is better than nothing should the store fail right now.
      const cached = known.get(code);
      if (cached) known.set(code, { ...cached, read_at: Number.NEGATIVE_INFINITY });
    },
    warm(codes) {
      for (const row of codes) if (known.size < CODES) known.set(row.code, { row, read_at: now() });
    },
  };
}

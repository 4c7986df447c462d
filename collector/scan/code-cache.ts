/** Codes in memory, so that a scan needs no read, and is still sent on while the store fails. */
import { LRUCache } from 'lru-cache';
import type { Millis } from '../../protocol/event.ts';

export interface CodeCache<T extends object> {
  /** Null: there is no such code. Rejects only where the store fails and the code was never read. */
  get(code: string): Promise<T | null>;
  /** An edit was stored: the next scan reads it. */
  forget(code: string): void;
  /** Any of them may have changed. */
  forgetAll(): void;
  /** Takes codes in before they are asked for; those known already stay. */
  warm(codes: Iterable<readonly [code: string, row: T]>): void;
}

/** Codes kept, and how long one is taken as it was read: another process may have edited it. */
const CODES = 100_000;
const FRESH = 10_000;

export function codeCache<T extends object>(read: (code: string) => Promise<T | null>, now: () => Millis): CodeCache<T> {
  const known = new LRUCache<string, { row: T; read_at: Millis }>({ max: CODES });
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
    forgetAll() {
      for (const turn of reading.values()) turn.edited = true;
      for (const [code, cached] of [...known.entries()]) known.set(code, { ...cached, read_at: Number.NEGATIVE_INFINITY });
    },
    warm(codes) {
      for (const [code, row] of codes) if (known.size < CODES && !known.has(code)) known.set(code, { row, read_at: now() });
    },
  };
}

/** A token bucket a key: so many requests at once, then so many a second. Keys are kept in memory only. */
import { LRUCache } from 'lru-cache';
import { type Millis, SECOND } from '../../protocol/event.ts';

export interface RateLimit {
  /** Takes one; answers 0, or how many whole seconds to wait. */
  take(key: string, now: Millis): number;
}

/** `perSecond` 0: no limit. */
export function rateLimit(perSecond: number, burst: number): RateLimit {
  if (perSecond === 0) return { take: () => 0 };
  const buckets = new LRUCache<string, { left: number; at: Millis }>({ max: 100_000 });
  return {
    take(key, now) {
      const bucket = buckets.get(key) ?? { left: burst, at: now };
      bucket.left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / SECOND) * perSecond);
      bucket.at = now;
      buckets.set(key, bucket);
      if (bucket.left < 1) return Math.max(1, Math.ceil((1 - bucket.left) / perSecond));
      bucket.left -= 1;
      return 0;
    },
  };
}

/** R3, the order of what happened on one browser: (time, rank, event_id), a claimed scan right before its claimer. */
import type { Millis } from '../../protocol/event.ts';
import type { LinkEvent } from './event.ts';

export interface Key {
  time: Millis;
  /** 0 barrier, 1 claim, 2 other. */
  rank: 0 | 1 | 2;
  event_id: string;
  /** 0 for a scan that stands before the event of this id, 1 for the event itself. */
  sub: 0 | 1;
}

export function compareKeys(a: Key, b: Key): number {
  return a.time - b.time || a.rank - b.rank || (a.event_id < b.event_id ? -1 : a.event_id > b.event_id ? 1 : a.sub - b.sub);
}

export function keyOf(event: Pick<LinkEvent, 'time' | 'event_id' | 'barrier' | 'claim'>): Key {
  return { time: event.time, rank: event.barrier ? 0 : event.claim ? 1 : 2, event_id: event.event_id, sub: 1 };
}

/** The key of a scan that the event with this key claimed (R11). */
export function keyBefore(claimer: Key): Key {
  return { ...claimer, sub: 0 };
}

/** Index of the first element of a sorted array whose key is not below `key` (`after`: is above it). */
export function lowerBound<T extends { key: Key }>(sorted: readonly T[], key: Key, after = false): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compareKeys((sorted[middle] as T).key, key);
    if (order < 0 || (after && order === 0)) low = middle + 1;
    else high = middle;
  }
  return low;
}

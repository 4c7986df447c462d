/** How events reach the collector: soon, out of order, hours late, or twice. */
import { HOUR, MINUTE, type Millis, SECOND } from '../../protocol/event.ts';
import type { Parameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Captured } from './tag.ts';

export interface Delivered extends Captured {
  received_at: Millis;
}

/** Delivers what one visit captured. */
export function deliver(captured: readonly Captured[], random: Random, { late, late_hours, duplicates }: Parameters): Delivered[] {
  const offline_from = random.chance(late) ? random.int(captured.length) : captured.length;
  const delay = Math.min(LATEST, random.exponential(late_hours) * HOUR);
  return captured.flatMap((item, index) => {
    const received_at = Math.floor(item.event.time + 50 + random.exponential(400) + (index >= offline_from ? delay : 0));
    const first = { ...item, received_at };
    if (!random.chance(duplicates)) return [first];
    return [first, { ...item, received_at: received_at + Math.floor(random.between(2 * SECOND, 10 * MINUTE)) }];
  });
}

/** The tag's queue keeps longer, but few phones stay offline for more than three days. */
const LATEST = 72 * HOUR;

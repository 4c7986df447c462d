/** The tag's only look at the clock. */
import type { Millis } from '../protocol/event.ts';

export function now(): Millis {
  return Date.now();
}

/** The keys of erased events: what keeps a copy of one from coming back, and says nothing itself. */
import { createHmac } from 'node:crypto';

/** Type of an erased event's row, and of the claim that stays as an owner without a name. */
export const ERASED_TYPE = 'erased';

/** A tag's ids and scans' are a time and random characters: they tell of nobody, and stay. */
const RANDOM = /^[0-9a-z]{8}-[\w-]{16}(?:[\w-]{6})?$/;

/** Others may be made of order or customer numbers: they become a keyed hash. Null: the id stays as it is. */
export function tombstoneOf(event_id: string, key: Buffer): string | null {
  if (RANDOM.test(event_id)) return null;
  return `erased:${createHmac('sha256', key).update(`erased event ${event_id}`).digest('base64url')}`;
}

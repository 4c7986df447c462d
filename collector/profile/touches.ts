/** First and last touch of an order: where the person came from before it, over all their browsers. */
import { DAY, type Millis } from '../../protocol/event.ts';
import type { Visit } from '../store/queries-customers.ts';

export type Touch = Pick<
  Visit,
  'session_id' | 'anonymous_id' | 'channel' | 'source' | 'medium' | 'campaign' | 'click_id' | 'landing_page' | 'referrer'
> & { at: Millis };

export interface Touches {
  first_touch: Touch | null;
  last_touch: Touch | null;
}

/** How long before an order a visit may lie to count for it. */
const LOOKBACK = 90 * DAY;

/**
 * Of the person's visits that began within 90 days before the order: the first, and the last that did not come directly (the last
 * of all where all did). `visits` are sorted by their beginning.
 */
export function touchesOf({ occurred_at }: { occurred_at: Millis }, visits: readonly Visit[]): Touches {
  const before = visits.filter(({ started_at }) => started_at <= occurred_at && started_at >= occurred_at - LOOKBACK);
  const [first] = before;
  const last = before.findLast(({ channel }) => channel !== null && channel !== 'direct') ?? before.at(-1);
  return { first_touch: first ? touch(first) : null, last_touch: last ? touch(last) : null };
}

function touch({
  session_id,
  anonymous_id,
  channel,
  source,
  medium,
  campaign,
  click_id,
  landing_page,
  referrer,
  started_at,
}: Visit): Touch {
  return { session_id, anonymous_id, channel, source, medium, campaign, click_id, landing_page, referrer, at: started_at };
}

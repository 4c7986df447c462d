/** Events per second of the incremental engine alone: in memory, one event at a time, without a store. */
import { type Arrival, advance, type BrowserState, newBrowser, sessionsToRefold } from '../../collector/linking/browser.ts';
import { takeChanges } from '../../collector/linking/changes.ts';
import type { LinkEvent } from '../../collector/linking/event.ts';
import { keyOf } from '../../collector/linking/order.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';

/** `events` in order of arrival. */
export function engineSpeed(events: readonly LinkEvent[]): number {
  const browsers = new Map<string | null, { state: BrowserState; sessions: Map<string | null, Arrival[]> }>();
  const started = performance.now();
  for (const event of events) {
    let browser = browsers.get(event.anonymous_id);
    if (!browser) {
      browser = { state: newBrowser(), sessions: new Map() };
      browsers.set(event.anonymous_id, browser);
    }
    const { state, sessions } = browser;
    const arrival: Arrival = { event, key: keyOf(event), person: event.claim?.customer_id ?? '', hub: false };
    const kept = sessions.get(event.session_id);
    if (kept) kept.push(arrival);
    else sessions.set(event.session_id, [arrival]);
    const refolded = new Map([...sessionsToRefold(state, [arrival])].map((session_id) => [session_id, sessions.get(session_id) ?? []]));
    for (const session of advance(state, [arrival], refolded, DEFAULT_POLICY)) takeChanges(session);
  }
  return (events.length * 1_000) / (performance.now() - started);
}

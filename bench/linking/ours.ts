/** Footfall's own links, in the shape that methods are compared in. */
import type { LinkEvent } from '../../collector/linking/event.ts';
import { type Link, link } from '../../collector/linking/link.ts';
import { compareKeys, keyOf } from '../../collector/linking/order.ts';
import { DEFAULT_POLICY, type LinkingPolicy } from '../../collector/linking/policy.ts';
import type { Assignment, Named } from './measure.ts';

export function footfall(events: readonly LinkEvent[], policy: LinkingPolicy = DEFAULT_POLICY): Assignment {
  return assignmentOf(events, link(events, [], policy));
}

/** Each event has the name of the segment it lies in. */
function assignmentOf(events: readonly LinkEvent[], links: readonly Link[]): Assignment {
  const sessions = new Map<string, Link[]>();
  for (const row of links) {
    const key = `${row.anonymous_id} ${row.session_id}`;
    const rows = sessions.get(key);
    if (rows) rows.push(row);
    else sessions.set(key, [row]);
  }
  const assigned = new Map<string, Named>();
  for (const event of events) {
    const key = keyOf(event);
    const row = sessions.get(`${event.anonymous_id} ${event.session_id}`)?.find(({ last }) => compareKeys(key, last) <= 0);
    if (row?.customer_id != null && row.person_id !== null)
      assigned.set(event.event_id, { customer: row.customer_id, profile: row.person_id });
  }
  return assigned;
}

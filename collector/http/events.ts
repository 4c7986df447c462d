/** `GET /v1/events`: what was stored, in the order of storing. */
import { z } from 'zod';
import type { StoredEvent } from '../store/queries-events.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { cursor, cursorOf, given, limit, moment, nextCursor, site, text } from './fields.ts';
import { ShownEvent } from './profile-schema.ts';

export function eventRoutes({ api: { endpoint }, store }: { api: Api; store: Store }): void {
  endpoint(
    'GET /v1/events',
    {
      scope: 'read',
      reads: 'selection',
      summary: 'Events in the order of storing; a page may be shorter than its limit while there is more',
      query: {
        site,
        anonymous_id: text('Of this browser'),
        session_id: text('Of sessions with this id'),
        customer_id: text('Of this very customer: linked sessions, and claims without a session'),
        person_id: text('Of this person, under all ids'),
        event_id: text('This event'),
        type: text('Of this type'),
        from: moment('Occurred at or after'),
        to: moment('Occurred before'),
        limit: limit(),
        cursor: cursor(1),
      },
      answers: { 200: z.strictObject({ events: z.array(ShownEvent), next_cursor: nextCursor }) },
    },
    async ({ query: { site: named, limit: size, cursor: place, ...filter }, access }) => {
      const found = await store.queries.eventsPage({ ...given(filter), sites: siteFor(access, named) }, place?.[0] ?? 0, size);
      return { events: found.events.map(shownEvent), next_cursor: found.next === null ? null : cursorOf(found.next) };
    },
  );
}

/** Its content spread out, its place in the store left out. */
export function shownEvent<T extends StoredEvent>({ event_pk: _place, payload, ...event }: T) {
  const { url = null, referrer = null, title = null, props = {} } = payload;
  return { ...event, url, referrer, title, props };
}

/** `GET /v1/events`: what was stored, in the order of storing. */
import { type Request, Router } from 'express';
import type { Millis } from '../../protocol/event.ts';
import type { EventFilter, StoredEvent } from '../store/queries-events.ts';
import type { Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { cursor, cursorOf, limit, moment, text } from './params.ts';

const TEXT_FILTERS = ['site', 'anonymous_id', 'session_id', 'event_id', 'customer_id', 'type'] as const;

export function eventRoutes({ store, auth, now }: { store: Store; auth: Auth; now: () => Millis }): Router {
  const router = Router();
  router.get('/v1/events', requireScope(auth, 'read', now), async (req, res) => {
    const size = limit(req);
    const [after = 0] = cursor(req, 'cursor', 1) ?? [];
    const filter = { ...filterOf(req), sites: siteFor(accessOf(res), text(req, 'site')) };
    const { events, next } = await store.queries.eventsPage(filter, after, size);
    res.json({ events: events.map(shownEvent), next_cursor: next === null ? null : cursorOf(next) });
  });
  return router;
}

function filterOf(req: Request): EventFilter {
  const texts = TEXT_FILTERS.flatMap((name) => (text(req, name) === undefined ? [] : [[name, text(req, name)]]));
  const [from, to] = [moment(req, 'from'), moment(req, 'to')];
  return { ...(Object.fromEntries(texts) as EventFilter), ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

/** Its content spread out, its place in the store left out. */
export function shownEvent<T extends StoredEvent>({ event_pk: _place, payload, ...event }: T): object {
  const { url = null, referrer = null, title = null, props = {} } = payload;
  return { ...event, url, referrer, title, props };
}

/** Customers: everything that one person did, over all browsers, scans and channels. */
import { Router } from 'express';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import type { StoredEvent } from '../store/queries-events.ts';
import type { Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { cursor, cursorOf, limit, text } from './params.ts';

export function profileRoutes({ store, auth, now }: { store: Store; auth: Auth; now: () => Millis }): Router {
  const { queries } = store;
  const router = Router();
  router.use('/v1/customers', requireScope(auth, 'read', now));

  router.get('/v1/customers/:id/timeline', async (req, res) => {
    const site = oneSite(store, siteFor(accessOf(res), text(req, 'site')));
    const size = limit(req);
    // A cursor of this endpoint, or a moment.
    const moment = /^\d{10,}$/.test(text(req, 'before') ?? '') ? Number(text(req, 'before')) : null;
    const before = moment === null ? cursor(req, 'before', 2) : [moment, 0];
    const customers = await queries.customersOf(site, await queries.personOf(site, String(req.params.id)));
    if (!(await queries.knowsCustomer(site, customers))) throw new Problem(404, 'No such customer');
    const place = before && { occurred_at: before[0] ?? 0, event_pk: before[1] ?? 0 };
    const events = await queries.timeline(site, customers, place, size);
    const last = events.at(-1);
    res.json({
      events: events.map(shownEvent),
      next_before: events.length === size && last ? cursorOf(last.occurred_at, last.event_pk) : null,
    });
  });
  return router;
}

/** The site meant: the one named, or the only one there is. */
export function oneSite(store: Store, sites: readonly string[] | null): string {
  const known = store.sites().map(({ site }) => site);
  const meant = sites ?? known;
  const [site] = meant;
  if (site === undefined || meant.length > 1) throw badField('site', `expected one of ${known.join(', ')}`);
  if (!known.includes(site)) throw new Problem(404, `No such site: ${site}`, { field: 'site' });
  return site;
}

/** An event as the API shows it. */
export function shownEvent({ event_pk: _place, payload, ...event }: StoredEvent): object {
  const { url = null, referrer = null, title = null, props = {} } = payload;
  return { ...event, url, referrer, title, props };
}

/** Customers: the profile of the person, and everything that person did, over all browsers, scans and channels. */
import { createHash } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { LookupBody, personsFor } from '../profile/lookup.ts';
import { type Profile, profileOf } from '../profile/profile.ts';
import type { StandingsCache } from '../profile/standings.ts';
import type { Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { shownEvent } from './events.ts';
import { cursor, cursorOf, limit, text } from './params.ts';
import { parseBody } from './problem.ts';

export interface ProfilesOptions {
  store: Store;
  auth: Auth;
  standings: StandingsCache;
  now: () => Millis;
}

export function profileRoutes({ store, auth, standings, now }: ProfilesOptions): Router {
  const { queries } = store;
  const router = Router();
  router.use('/v1/customers', requireScope(auth, 'read', now));

  router.get('/v1/customers/:id', async (req, res) => {
    const site = oneSite(store, siteFor(accessOf(res), text(req, 'site')));
    const changes_cursor = cursorOf(await queries.lastPosition());
    const as_of = now();
    const site_pk = sitePk(store, site);
    const profile = await profileOf({
      ...{ queries, site, site_pk, customer_id: String(req.params.id), now: as_of },
      standings: await standings.of(site),
    });
    if (!profile) throw new Problem(404, 'No such customer');
    if (unchanged(req, res, profile)) return void res.status(304).end();
    res.json({ ...profile, as_of, changes_cursor });
  });

  // In the body, so that no id stands in a URL that somebody keeps.
  router.post('/v1/customers/lookup', async (req, res) => {
    const { site: named, ...wanted } = parseBody(LookupBody, req.body);
    const site = oneSite(store, siteFor(accessOf(res), named));
    const changes_cursor = cursorOf(await queries.lastPosition());
    const as_of = now();
    const record = store.sites().find((known) => known.site === site);
    if (!record) throw new Problem(404, 'No such site', { field: 'site' });
    const persons = await personsFor(queries, record, wanted);
    const source = { queries, site, site_pk: record.site_pk, standings: await standings.of(site), now: as_of };
    const profiles: Profile[] = [];
    for (const customer_id of persons) {
      const profile = await profileOf({ ...source, customer_id });
      if (profile) profiles.push(profile);
    }
    res.json({ profiles, as_of, changes_cursor });
  });

  router.get('/v1/customers/:id/timeline', async (req, res) => {
    const site = oneSite(store, siteFor(accessOf(res), text(req, 'site')));
    const changes_cursor = cursorOf(await queries.lastPosition());
    const as_of = now();
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
      as_of,
      changes_cursor,
    });
  });
  return router;
}

/** Sets the ETag of a profile; what only the moment of the answer changes is not in it. */
function unchanged(req: Request, res: Response, profile: Profile): boolean {
  const { rfm, ...rest } = profile;
  const content = JSON.stringify([rest, rfm && [rfm.recency, rfm.frequency, rfm.monetary]]);
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  res.set({ etag, 'cache-control': 'private, no-cache' });
  const known = req.headers['if-none-match'] ?? '';
  return known === '*' || known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

export function sitePk(store: Store, site: string): number {
  return store.sites().find((record) => record.site === site)?.site_pk ?? -1;
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

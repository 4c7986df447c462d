/** Customers: the profile of the person, who somebody is, and everything that person did, over all browsers, scans and channels. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { LookupBody, personsFor } from '../profile/lookup.ts';
import { type Profile, profileOf } from '../profile/profile.ts';
import type { StandingsCache } from '../profile/standings.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { unchanged } from './etag.ts';
import { shownEvent } from './events.ts';
import { cursorOf, limit, nextCursor, theSite, timeOf } from './fields.ts';
import { AS_OF, ShownEvent, ShownProfile } from './profile-schema.ts';

export interface ProfilesOptions {
  api: Api;
  store: Store;
  standings: StandingsCache;
  now: () => Millis;
}

export function profileRoutes({ api: { endpoint }, store, standings, now }: ProfilesOptions): void {
  const { queries } = store;
  /** Read before the rest: whoever goes on from here may see a change twice, but misses none. */
  const moment = async (): Promise<{ as_of: Millis; changes_cursor: string }> => {
    const changes_cursor = cursorOf(await queries.lastPosition());
    return { as_of: now(), changes_cursor };
  };

  // In the body, so that no id stands in a URL that somebody keeps.
  endpoint(
    'POST /v1/customers/lookup',
    {
      scope: 'read',
      reads: 'selection',
      summary: 'Who is this? Profiles by one of an id, an e-mail, an order, a session, a browser, a scan or a code; 20 at most',
      body: LookupBody,
      answers: { 200: z.strictObject({ profiles: z.array(ShownProfile), ...AS_OF }) },
    },
    async ({ body: { site: named, ...wanted }, access, res, noteRead }) => {
      res.status(200);
      const site = oneSite(store, siteFor(access, named));
      const told = await moment();
      const record = siteRecord(store, site);
      const source = { queries, site, site_pk: record.site_pk, standings: await standings.of(site), now: told.as_of };
      const profiles: Profile[] = [];
      for (const customer_id of await personsFor(queries, record, wanted)) {
        const profile = await profileOf({ ...source, customer_id });
        if (!profile) continue;
        noteRead('customer', customer_id);
        profiles.push(profile);
      }
      return { profiles, ...told };
    },
  );

  endpoint(
    'GET /v1/customers/:id',
    {
      scope: 'read',
      reads: 'customer',
      summary: 'The profile of the person that this customer is',
      query: { site: theSite },
      answers: { 200: ShownProfile.extend(AS_OF), 304: null },
    },
    async ({ params, query, access, req, res }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const told = await moment();
      const { site_pk } = siteRecord(store, site);
      const source = { queries, site, site_pk, standings: await standings.of(site), now: told.as_of };
      const profile = await profileOf({ ...source, customer_id: params.id });
      if (!profile) throw new Problem(404, 'No such customer');
      if (unchanged(req, res, contentOf(profile))) return void res.status(304).end();
      return { ...profile, ...told };
    },
  );

  endpoint(
    'GET /v1/customers/:id/timeline',
    {
      scope: 'read',
      reads: 'customer',
      summary: 'Everything that this person did, newest first',
      query: { site: theSite, before, limit: limit() },
      answers: { 200: z.strictObject({ events: z.array(ShownEvent), next_before: nextCursor, ...AS_OF }) },
    },
    async ({ params, query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const told = await moment();
      const customers = await queries.customersOf(site, await queries.personOf(site, params.id));
      if (!(await queries.knowsCustomer(site, customers))) throw new Problem(404, 'No such customer');
      const events = await queries.timeline(site, customers, query.before ?? null, query.limit);
      const last = events.at(-1);
      const next_before = events.length === query.limit && last ? cursorOf(last.occurred_at, last.event_pk) : null;
      return { events: events.map(shownEvent), next_before, ...told };
    },
  );
}

/** A place in a timeline: `next_before`, or a moment. */
const before = z
  .string()
  .max(512)
  .transform((value, context) => {
    const moment = /^\d{10,16}$|-/.test(value) ? timeOf(value) : null;
    if (moment !== null) return { occurred_at: moment, event_pk: 0 };
    const parts = /^(-?\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(value, 'base64url').toString());
    if (parts) return { occurred_at: Number(parts[1]), event_pk: Number(parts[2]) };
    context.addIssue({ code: 'custom', message: 'not a cursor of this endpoint, nor milliseconds, nor ISO 8601' });
    return z.NEVER;
  })
  .optional()
  .meta({ description: '`next_before` of the page before, or a moment: milliseconds since 1970, or ISO 8601' });

/** What an ETag of a profile is of: not what only the moment of the answer changes. */
function contentOf({ rfm, ...rest }: Profile): unknown {
  return [rest, rfm && [rfm.recency, rfm.frequency, rfm.monetary]];
}

export function siteRecord(store: Store, site: string) {
  const record = store.sites().find((known) => known.site === site);
  if (!record) throw new Problem(404, `No such site: ${site}`, { field: 'site' });
  return record;
}

/** The site meant: the one named, or the only one there is. */
export function oneSite(store: Store, sites: readonly string[] | null): string {
  const known = store.sites().map(({ site }) => site);
  // Of other sites, a token learns not even the names.
  const meant = sites ?? known;
  const [site] = meant;
  if (site === undefined || meant.length > 1) throw badField('site', `expected one of ${meant.join(', ')}`);
  if (!known.includes(site)) throw new Problem(404, `No such site: ${site}`, { field: 'site' });
  return site;
}

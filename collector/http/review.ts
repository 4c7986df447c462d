/** What is doubtful about who is who, for an operator to decide: customers who may be one person, and public browsers. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import { mergeSuggestions } from '../profile/merges.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { millis, theSite } from './fields.ts';
import { oneSite, siteRecord } from './profiles.ts';

const Suggestion = z
  .strictObject({
    persons: z.tuple([z.string(), z.string()]).meta({ description: 'The one who was named earlier stands first' }),
    evidence: z.array(z.enum(['email', 'browser'])),
    email_claims: z.int(),
    browsers: z.int().meta({ description: 'That both were named on within the window, and nobody else' }),
    anonymous_ids: z.array(z.string()).meta({ description: 'Some of those browsers' }),
    one_after_other: z.boolean().meta({ description: 'There, the one was named last before the other was first' }),
    last_at: millis,
  })
  .meta({ id: 'MergeSuggestion' });
const Kiosk = z
  .strictObject({
    anonymous_id: z.string(),
    declared: z.enum(['page', 'decision']).nullable(),
    segments: z.int(),
    owners: z.int().meta({ description: 'The most persons in one window' }),
    last_at: millis,
  })
  .meta({ id: 'Kiosk' });

/** Rows of one answer, and browsers of one portion. */
const MOST = 1_000;
const PORTION = 20_000;

export interface ReviewOptions {
  api: Api;
  store: Store;
  policy: LinkingPolicy;
  now: () => Millis;
}

export function reviewRoutes({ api: { endpoint }, store, policy, now }: ReviewOptions): void {
  const { queries } = store;

  endpoint(
    'GET /v1/reports/merges',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'Customers who may be one person, with the evidence; nothing is merged by itself' },
      query: { site: theSite },
      answers: { 200: z.strictObject({ site: z.string(), merges: z.array(Suggestion), as_of: millis }) },
    },
    async ({ query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const { site_pk } = siteRecord(store, site);
      const merges = await mergeSuggestions(queries, { site_pk, since: now() - policy.window, most: MOST });
      return { site, merges, as_of: now() };
    },
  );

  endpoint(
    'GET /v1/reports/kiosks',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'Public browsers: declared, or because too many people were named on them' },
      query: { site: theSite },
      answers: { 200: z.strictObject({ site: z.string(), kiosks: z.array(Kiosk), as_of: millis }) },
    },
    async ({ query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const { site_pk } = siteRecord(store, site);
      const found = [];
      const last = await queries.lastBrowserPk();
      for (let after = 0; after < last; after += PORTION) {
        found.push(...(await queries.kiosks(site_pk, after, after + PORTION)));
        await new Promise((next) => setImmediate(next));
      }
      const kiosks = found
        .sort((a, b) => b.last_at - a.last_at || a.browser_pk - b.browser_pk)
        .slice(0, MOST)
        .map(({ anonymous_id, declared, segments, owners, last_at }) => {
          const by = declared >= 2 ? ('decision' as const) : declared === 1 ? ('page' as const) : null;
          return { anonymous_id, declared: by, segments, owners, last_at };
        });
      return { site, kiosks, as_of: now() };
    },
  );
}

/** A session with its links, and why sessions are linked as they are: a session's, a browser's, a customer's. */
import { z } from 'zod';
import { DAY, type Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import type { HeavyReads } from '../export/export.ts';
import type { Queries } from '../store/queries.ts';
import type { LinkFilter } from '../store/queries-links.ts';
import type { Store } from '../store/store.ts';
import { type Access, siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { unchanged } from './etag.ts';
import { explainSession, historyEntry } from './explain.ts';
import { cursor, cursorOf, given, limit, nextCursor, site, text } from './fields.ts';
import { AS_OF } from './profile-schema.ts';
import { Link, Decision as ShownDecision, Why } from './shapes.ts';

const HistoryEntry = z.strictObject({
  ...{ segment: z.int(), type: z.enum(['upsert', 'delete']), changed_at: z.int(), cause: z.looseObject({}) },
  ...{ from: z.looseObject({}).nullable(), to: z.looseObject({}).nullable() },
});
const Boundary = z.strictObject({
  ...{ event_id: z.string(), type: z.string(), time: z.int(), occurred_at: z.int(), customer_id: z.string().nullable() },
  ...{ strength: z.string().nullable(), barrier: z.enum(['soft', 'hard']).nullable(), revoked: z.boolean() },
});
const ClaimedBrowser = z.strictObject({
  ...{ anonymous_id: z.string(), customer_id: z.string(), claims: z.int(), first_at: z.int(), last_at: z.int() },
});
const session = z.strictObject({ site: z.string(), anonymous_id: z.string(), session_id: z.string() });
const decisions = z.array(ShownDecision);
const truncated = z
  .array(z.enum(['history', 'boundaries', 'browsers']))
  .meta({ description: 'Lists that are longer than this answer shows them: 1000 entries' });
const ANSWER = { links: z.array(Link), why: z.array(Why), next_cursor: nextCursor, ...AS_OF };
const PAGED = { limit: limit(), cursor: cursor(2) };

/** Entries that a list beside the links has at most, and choices between things of one id. */
const MOST = 1_000;
const MOST_CHOICES = 100;
/** R7: a customer on more browsers than this within this time may be nobody's own. */
export const HUB_BROWSERS = 20;
export const HUB_WINDOW = 30 * DAY;

export interface ExplanationsOptions {
  api: Api;
  store: Store;
  reads: HeavyReads;
  now: () => Millis;
}

export function explanationRoutes({ api: { endpoint }, store: { queries }, reads, now }: ExplanationsOptions): void {
  /** Read before the rest: whoever goes on from here may see a change twice, but misses none. */
  const moment = async (): Promise<{ as_of: Millis; changes_cursor: string }> => {
    const changes_cursor = cursorOf(await queries.lastPosition());
    return { as_of: now(), changes_cursor };
  };

  async function page(from: Pick<HeavyReads, 'links'>, filter: LinkFilter, size: number, after: number[] | undefined) {
    const place = after ? { session_pk: after[0] ?? 0, segment: after[1] ?? 0 } : null;
    const found = await from.links({ ...filter, bots: true }, place, size);
    const last = found.length === size ? found.at(-1)?.place : undefined;
    return { links: found.map(({ link }) => link), next_cursor: last ? cursorOf(last.session_pk, last.segment) : null };
  }

  const which = { site, anonymous_id: text('Where several browsers have a session of this id') };
  const inPages = { limit: limit(1_000), cursor: cursor(2) };

  async function sessionOf(session_id: string, at: { site?: string | undefined; anonymous_id?: string | undefined }, access: Access) {
    const sites = siteFor(access, at.site);
    const found = await queries.sessions(session_id, { sites, ...given({ anonymous_id: at.anonymous_id }) }, MOST_CHOICES + 1);
    const [one] = found;
    if (!one) throw new Problem(404, 'No such session');
    if (found.length > 1)
      throw ambiguous(
        'More than one session has this id: say site and anonymous_id',
        found.map(({ site, anonymous_id }) => ({ site, anonymous_id })),
      );
    return { session_pk: one.session_pk, session: { site: one.site, anonymous_id: one.anonymous_id, session_id } };
  }

  endpoint(
    'GET /v1/sessions/:id',
    {
      ...{ scope: 'read', reads: 'session', summary: 'A session with its links', query: { ...which, ...inPages } },
      answers: { 200: z.strictObject({ session, links: z.array(Link), next_cursor: nextCursor }) },
    },
    async ({ params, query, access }) => {
      const { session } = await sessionOf(params.id, query, access);
      return { session, ...(await page(queries, session, query.limit, query.cursor)) };
    },
  );

  endpoint(
    'GET /v1/sessions/:id/explain',
    {
      ...{ scope: 'read', reads: 'session', summary: 'Why a session is linked as it is, and how that came about' },
      query: { ...which, ...inPages },
      answers: { 200: z.strictObject({ session, history: z.array(HistoryEntry), truncated, ...ANSWER }), 304: null },
    },
    async ({ params, query, access, req, res }) => {
      const told = await moment();
      const { session_pk, session } = await sessionOf(params.id, query, access);
      const found = await page(queries, session, query.limit, query.cursor);
      const [history, cut] = upTo(MOST, (await queries.sessionHistory(session_pk, MOST + 1)).map(historyEntry));
      const why = await explainSession(queries, found.links);
      const answer = { session, ...found, why, history, truncated: cut ? ['history' as const] : [] };
      return unchanged(req, res, answer) ? void res.status(304).end() : { ...answer, ...told };
    },
  );

  endpoint(
    'GET /v1/browsers/:id/explain',
    {
      ...{ scope: 'read', reads: 'browser', summary: 'Who was claimed on a browser, and what that made of its sessions' },
      query: { site: text('Where several sites have a browser of this id'), anonymous_id: text('The id itself, if at all'), ...PAGED },
      answers: {
        200: z.strictObject({
          browser: z.strictObject({ site: z.string(), anonymous_id: z.string() }),
          ...{ boundaries: z.array(Boundary), decisions, truncated, ...ANSWER },
        }),
        304: null,
      },
    },
    async ({ params: { id: anonymous_id }, query, access, req, res }) => {
      const told = await moment();
      const sites = await queries.sitesOfBrowser(anonymous_id, siteFor(access, query.site), MOST_CHOICES + 1);
      const site = onlyOne(query.anonymous_id === undefined || query.anonymous_id === anonymous_id ? sites : [], 'browser');
      const found = await page(reads, { site, anonymous_id }, query.limit, query.cursor);
      const [boundaries, cut] = upTo(MOST, await queries.boundaries(site, anonymous_id, MOST + 1));
      // A browser of which nothing is left but its key, which an erasure keeps.
      if (boundaries.length === 0 && found.links.length === 0 && !query.cursor) throw new Problem(404, 'No such browser');
      const decisions = (await decisionsNaming(queries, site, [anonymous_id])).filter(
        (said) => said.type === 'kiosk' && said.anonymous_id === anonymous_id,
      );
      const why = await explainSession(queries, found.links);
      const told_of = { browser: { site, anonymous_id }, boundaries, decisions, truncated: cut ? ['boundaries' as const] : [] };
      const answer = { ...told_of, ...found, why };
      return unchanged(req, res, answer) ? void res.status(304).end() : { ...answer, ...told };
    },
  );

  endpoint(
    'GET /v1/customers/:id/explain',
    {
      ...{ scope: 'read', reads: 'customer', summary: 'Why sessions are this customer’s' },
      query: {
        site: text('Where several sites have a customer of this id'),
        anonymous_id: text('Links on this browser only'),
        ...PAGED,
      },
      answers: {
        200: z.strictObject({
          ...{ site: z.string(), customer_id: z.string(), person_id: z.string(), customers: z.array(z.string()) },
          ...{ browsers: z.array(ClaimedBrowser), possible_hub: z.boolean(), decisions, truncated, ...ANSWER },
        }),
        304: null,
      },
    },
    async ({ params: { id: customer_id }, query, access, req, res }) => {
      const told = await moment();
      const site = onlyOne(await queries.sitesOfCustomer(customer_id, siteFor(access, query.site), MOST_CHOICES + 1), 'customer');
      const person_id = await queries.personOf(site, customer_id);
      const customers = await queries.customersOf(site, person_id);
      const [browsers, cut] = upTo(MOST, await queries.claimedBrowsers(site, customers, MOST + 1));
      const found = await page(reads, { site, person_id, ...given({ anonymous_id: query.anonymous_id }) }, query.limit, query.cursor);
      const decisions = (await decisionsNaming(queries, site, customers)).filter(
        (said) =>
          (said.type === 'merge' && said.customers.some((id) => customers.includes(id))) ||
          (said.type === 'hub' && customers.includes(said.customer_id)),
      );
      const possible_hub = browsers.filter(({ last_at }) => last_at >= now() - HUB_WINDOW).length > HUB_BROWSERS;
      const why = await explainSession(queries, found.links);
      const told_of = { site, customer_id, person_id, customers, browsers, possible_hub, decisions };
      const answer = { ...told_of, truncated: cut ? ['browsers' as const] : [], ...found, why };
      return unchanged(req, res, answer) ? void res.status(304).end() : { ...answer, ...told };
    },
  );
}

function onlyOne(sites: readonly string[], what: string): string {
  const [site] = sites;
  if (site === undefined) throw new Problem(404, `No such ${what}`);
  if (sites.length === 1) return site;
  throw ambiguous(
    `More than one site has a ${what} of this id: say site`,
    sites.map((site) => ({ site })),
  );
}

function ambiguous(title: string, found: readonly object[]): Problem {
  const [choices, more_choices] = upTo(MOST_CHOICES, found);
  return new Problem(409, title, { choices, more_choices });
}

/** The first of a list, and whether there are more. */
function upTo<T>(most: number, all: readonly T[]): [T[], boolean] {
  return [all.slice(0, most), all.length > most];
}

async function decisionsNaming(queries: Queries, site: string, ids: readonly string[]) {
  const found = new Map((await queries.decisionsNaming(site, ids)).map((said) => [said.decision_id, said]));
  return [...found.values()].sort((a, b) => (a.decision_id < b.decision_id ? -1 : 1));
}

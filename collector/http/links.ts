/** The analysts' feed: links of a selection, what changed since a cursor, and why a session is linked as it is. */
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { z } from 'zod';
import { DAY, MINUTE, type Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { EXPORT_FORMATS, type ExportFormat, type HeavyReads, type LinkExport } from '../export/export.ts';
import type { Queries } from '../store/queries.ts';
import type { DecisionRow } from '../store/queries-identity.ts';
import type { LinkFilter } from '../store/queries-links.ts';
import type { Store } from '../store/store.ts';
import { type Access, siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { explainSession, historyEntry } from './explain.ts';
import { cursor, cursorOf, given, limit, moment, nextCursor, site, text, theSite } from './fields.ts';
import { oneSite } from './profiles.ts';
import { Change, Link, RULES, Decision as ShownDecision, STATUSES, Why } from './shapes.ts';

const FILTERS = {
  ...{ site, customer_id: text('This very customer'), person_id: text('This person, under all ids'), anonymous_id: text('Browser') },
  ...{ session_id: text('Session'), code: text('With a scan of this code'), store: text('With a scan in this store') },
  ...{ status: z.enum(STATUSES).optional(), rule: z.enum(RULES).optional() },
  ...{ from: moment('Started at or after'), to: moment('Started before') },
  bots: z.enum(['include', 'exclude']).default('exclude').meta({ description: 'Machines' }),
};
const Place = { site: z.string(), anonymous_id: z.string(), session_id: z.string() };
const links = z.array(Link);
const why = z.array(Why);
const decisions = z.array(ShownDecision);
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
const PossibleHub = z.strictObject({ site: z.string(), customer_id: z.string(), browsers: z.int(), claims: z.int() });

/** R7: a customer on more browsers than this within this time may be nobody's own. */
const HUB_BROWSERS = 20;
const HUB_WINDOW = 30 * DAY;

export interface LinksOptions {
  api: Api;
  store: Store;
  reads: HeavyReads;
  now: () => Millis;
}

export function linkRoutes({ api: { endpoint }, store, reads, now }: LinksOptions): void {
  const { queries } = store;

  endpoint(
    'GET /v1/links',
    {
      ...{
        scope: 'read',
        reads: 'selection',
        summary: 'Which session belongs to which customer: pages in row order, or the whole selection as a file',
      },
      query: {
        ...FILTERS,
        format: z
          .enum(['json', ...EXPORT_FORMATS])
          .default('json')
          .meta({ description: 'All but json stream the whole selection' }),
        ...{ order: z.enum(['asc', 'desc']).default('asc'), limit: limit(), cursor: cursor(2) },
      },
      answers: { 200: z.strictObject({ links, next_cursor: nextCursor, changes_cursor: z.string() }) },
      media: Object.values(CONTENT_TYPES).map((type) => type.split(';')[0] ?? ''),
    },
    async ({ query: { site, code, format, order, limit, cursor, ...more }, access, res }) => {
      const sites = siteFor(access, site);
      const filter: LinkFilter = { ...given({ site, ...more, code: code?.toUpperCase() }), bots: more.bots === 'include', sites };
      if (format !== 'json') {
        await sendExport(res, format, await reads.exportLinks(filter, format));
        return undefined;
      }
      // Read before the rows: whoever goes on from here may see a change twice, but misses none.
      const changes_cursor = cursorOf(await queries.lastPosition());
      const after = cursor ? { session_pk: cursor[0] ?? 0, segment: cursor[1] ?? 0 } : null;
      const page = await (searches(filter, store.sites().length) ? reads : queries).links(filter, after, limit, order === 'desc');
      const last = page.at(-1);
      // For who shows how far an export has come: the share of all sessions that lies behind this page.
      if (last && order === 'asc') res.set('footfall-progress', (last.place.session_pk / (await queries.lastSession())).toFixed(3));
      return {
        links: page.map(({ link }) => link),
        next_cursor: page.length === limit && last ? cursorOf(last.place.session_pk, last.place.segment) : null,
        changes_cursor,
      };
    },
  );

  endpoint(
    'GET /v1/links/changes',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'What changed in the links since a cursor, in order' },
      query: { site, since: cursor(1, '`next_cursor` or `changes_cursor` of an answer before; else from the beginning'), limit: limit() },
      answers: { 200: z.strictObject({ changes: z.array(Change), next_cursor: z.string() }) },
    },
    async ({ query, access }) => {
      const [since = 0] = query.since ?? [];
      const last = await queries.lastPosition();
      if (since > last || since < 0) throw badField('since', 'not a cursor of this collector');
      const changes = await queries.changesSince(since, query.limit, siteFor(access, query.site));
      // A page that is not full has seen everything up to `last`, other sites' changes included.
      const reached = changes.at(-1)?.position ?? since;
      return { changes, next_cursor: cursorOf(changes.length < query.limit ? Math.max(reached, last) : reached) };
    },
  );

  const which = { site, anonymous_id: text('Where several browsers have a session of this id') };
  const session = z.strictObject(Place);

  async function sessionOf(
    session_id: string,
    { site, anonymous_id }: { site?: string | undefined; anonymous_id?: string | undefined },
    access: Access,
  ) {
    const found = await queries.sessions(session_id, { sites: siteFor(access, site), ...given({ anonymous_id }) });
    const [session, second] = found;
    if (!session) throw new Problem(404, 'No such session');
    if (second)
      throw new Problem(409, 'More than one session has this id: say site and anonymous_id', {
        choices: found.map((choice) => ({ site: choice.site, anonymous_id: choice.anonymous_id })),
      });
    const place = { site: session.site, anonymous_id: session.anonymous_id, session_id };
    return { session_pk: session.session_pk, answer: { session: place, links: await linksOf(place) } };
  }
  const linksOf = async (filter: LinkFilter) => (await queries.links({ ...filter, bots: true }, null, 1_000)).map(({ link }) => link);

  endpoint(
    'GET /v1/sessions/:id',
    {
      scope: 'read',
      reads: 'session',
      summary: 'A session with its links',
      query: which,
      answers: { 200: z.strictObject({ session, links }) },
    },
    async ({ params, query, access }) => (await sessionOf(params.id, query, access)).answer,
  );

  endpoint(
    'GET /v1/sessions/:id/explain',
    {
      ...{ scope: 'read', reads: 'session', summary: 'Why a session is linked as it is, and how that came about', query: which },
      answers: { 200: z.strictObject({ session, links, why, history: z.array(HistoryEntry) }) },
    },
    async ({ params, query, access }) => {
      const { session_pk, answer } = await sessionOf(params.id, query, access);
      const history = (await queries.sessionHistory(session_pk)).map(historyEntry);
      return { ...answer, why: await explainSession(queries, answer.links), history };
    },
  );

  endpoint(
    'GET /v1/browsers/:id/explain',
    {
      ...{
        scope: 'read',
        reads: 'browser',
        summary: 'Who was claimed on a browser, and what that made of its sessions',
        query: { site: theSite },
      },
      answers: {
        200: z.strictObject({
          browser: z.strictObject({ site: z.string(), anonymous_id: z.string() }),
          ...{ boundaries: z.array(Boundary), decisions, links, why },
        }),
      },
    },
    async ({ params: { id: anonymous_id }, query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const boundaries = await queries.boundaries(site, anonymous_id);
      const links = await linksOf({ site, anonymous_id });
      if (links.length === 0 && boundaries.length === 0) throw new Problem(404, 'No such browser');
      const decisions = (await decisionsAbout(queries, site)).filter((said) => said.type === 'kiosk' && said.anonymous_id === anonymous_id);
      return { browser: { site, anonymous_id }, boundaries, decisions, links, why: await explainSession(queries, links) };
    },
  );

  endpoint(
    'GET /v1/customers/:id/explain',
    {
      ...{ scope: 'read', reads: 'customer', summary: 'Why sessions are this customer’s', query: { site: theSite } },
      answers: {
        200: z.strictObject({
          ...{ customer_id: z.string(), person_id: z.string(), customers: z.array(z.string()), browsers: z.array(ClaimedBrowser) },
          ...{ possible_hub: z.boolean(), decisions, links, why },
        }),
      },
    },
    async ({ params: { id: customer_id }, query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const person_id = await queries.personOf(site, customer_id);
      const customers = await queries.customersOf(site, person_id);
      const browsers = await queries.claimedBrowsers(site, customers);
      const links = await linksOf({ site, person_id });
      if (browsers.length === 0 && !(await queries.knowsCustomer(site, customers))) throw new Problem(404, 'No such customer');
      const decisions = (await decisionsAbout(queries, site)).filter(
        (said) =>
          (said.type === 'merge' && said.customers.some((id) => customers.includes(id))) ||
          (said.type === 'hub' && customers.includes(said.customer_id)),
      );
      const possible_hub = browsers.filter(({ last_at }) => last_at >= now() - HUB_WINDOW).length > HUB_BROWSERS;
      return { customer_id, person_id, customers, browsers, possible_hub, decisions, links, why: await explainSession(queries, links) };
    },
  );

  endpoint(
    'GET /v1/review/hubs',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'Customers on so many browsers that they may be nobody’s own', query: { site } },
      answers: { 200: z.strictObject({ possible_hubs: z.array(PossibleHub) }) },
    },
    async ({ query, access }) => ({
      possible_hubs: await queries.possibleHubs(siteFor(access, query.site), now() - HUB_WINDOW, HUB_BROWSERS),
    }),
  );
}

/** Whether a page may have to look at far more rows than it holds: then it is read where that holds up nobody. */
function searches({ status, rule, code, store, from, to, sites }: LinkFilter, sitesStored: number): boolean {
  return [status, rule, code, store, from, to].some((value) => value !== undefined) || (sites !== null && sitesStored > 1);
}

const CONTENT_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};

/** Streams as fast as the consumer reads. One that goes away, or reads nothing for long, ends the export. */
async function sendExport(res: Response, format: ExportFormat, { position, body }: LinkExport): Promise<void> {
  res.set({
    'footfall-changes-cursor': cursorOf(position),
    'content-type': CONTENT_TYPES[format],
    'content-disposition': `attachment; filename="links.${format}"`,
  });
  res.setTimeout(STALLED_AFTER, () => res.destroy());
  await pipeline(body, res).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}

const STALLED_AFTER = 10 * MINUTE;

async function decisionsAbout(queries: Queries, site: string): Promise<DecisionRow[]> {
  return queries.decisions([site], '', 100_000);
}

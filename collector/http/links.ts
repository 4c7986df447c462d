/** The analysts' feed: links of a selection, and what changed since a cursor. */
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { z } from 'zod';
import { MINUTE, type Millis } from '../../protocol/event.ts';
import { badField } from '../errors.ts';
import { EXPORT_FORMATS, type ExportFormat, type HeavyReads, type LinkExport } from '../export/export.ts';
import type { LinkFilter } from '../store/queries-links.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { HUB_BROWSERS, HUB_WINDOW } from './explanations.ts';
import { cursor, cursorOf, given, limit, moment, nextCursor, site, text } from './fields.ts';
import { Change, Link, RULES, STATUSES } from './shapes.ts';

const FILTERS = {
  ...{ site, customer_id: text('This very customer'), person_id: text('This person, under all ids'), anonymous_id: text('Browser') },
  ...{ session_id: text('Session'), code: text('With a scan of this code'), store: text('With a scan in this store') },
  ...{ status: z.enum(STATUSES).optional(), rule: z.enum(RULES).optional() },
  ...{ from: moment('Started at or after'), to: moment('Started before') },
  bots: z.enum(['include', 'exclude']).default('exclude').meta({ description: 'Machines' }),
};
const links = z.array(Link);
const PossibleHub = z.strictObject({ site: z.string(), customer_id: z.string(), browsers: z.int(), claims: z.int() });

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
    async ({ query: { site, code, format, order, limit, cursor, ...more }, access, req, res }) => {
      const sites = siteFor(access, site);
      const filter: LinkFilter = { ...given({ site, ...more, code: code?.toUpperCase() }), bots: more.bots === 'include', sites };
      if (format !== 'json') {
        const paged = ['limit', 'cursor'].find((name) => (req.query[name] ?? '') !== '');
        if (paged !== undefined) throw badField(paged, 'a file is the whole selection: only json has pages');
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

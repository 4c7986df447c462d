/** Scans for analysts: one by one, added up by what they have in common, and codes that nobody scans. */
import { z } from 'zod';
import { DAY, type Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import { DIMENSIONS, type Dimension, REPORT_SCANS, scanReport } from '../scan/report.ts';
import type { ScanFilter } from '../store/queries-scans.ts';
import type { Store } from '../store/store.ts';
import { type Access, siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { cursor, cursorOf, given, limit, moment, nextCursor, number, site, text } from './fields.ts';
import { Scan } from './shapes.ts';

const BY = DIMENSIONS.map((name) => name as string);
const FILTERS = {
  ...{ site, code: text('A printed code, or a GS1 path'), store: text('Its id'), placement: text('As the code says') },
  ...{ scan_id: text('This scan'), customer_id: text('Joined to this very customer'), person_id: text('This person, under all ids') },
  ...{ sku: text('Product'), gtin: text('Product, 8 to 14 digits'), anonymous_id: text('Browser'), session_id: text('Session') },
  ...{ from: moment('Scanned at or after'), to: moment('Scanned before') },
  claimed: z.enum(['0', '1']).optional().meta({ description: '1: whose landing page was seen; 0: the others' }),
  flagged: z
    .enum(['include', 'exclude'])
    .default('include')
    .meta({ description: 'Machines, prefetches and previews: they are listed with their `flag`, and count in no report' }),
};
const days = (fallback: number) => number(1, 366, 'Days that count').default(fallback);
const dimensions = z
  .string()
  .default('code')
  .transform((value, context) =>
    value.split(',').map((name): Dimension => {
      const dimension = DIMENSIONS.find((known) => known === name.trim());
      if (dimension === undefined) context.addIssue({ code: 'custom', message: `expected some of ${BY.join(', ')}` });
      return dimension ?? 'code';
    }),
  )
  .meta({ description: `Some of ${BY.join(', ')}, joined by commas` });

const ReportRow = z.strictObject({
  by: z.partialRecord(z.enum(DIMENSIONS), z.string().nullable()),
  ...{ scans: z.int(), unclaimed: z.int(), shared: z.int(), browsers: z.int(), people: z.int(), known_share: z.number(), views: z.int() },
  ...{ carts: z.int(), purchases: z.int(), product_purchases: z.int(), orders: z.int(), revenue: z.record(z.string(), z.string()) },
});
const DeadCode = z.looseObject({ code: z.string() });

export function scanRoutes({ api: { endpoint }, store, now }: { api: Api; store: Store; now: () => Millis }): void {
  endpoint(
    'GET /v1/scans',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'Scans, in the order of storing, each with what became of it' },
      query: { ...FILTERS, limit: limit(), cursor: cursor(1) },
      answers: { 200: z.strictObject({ events: z.array(Scan), next_cursor: nextCursor }) },
    },
    async ({ query, access }) => {
      const found = await store.queries.scans(filterOf(query, access), query.cursor?.[0] ?? 0, query.limit);
      const last = found.at(-1);
      return { events: found.map(({ scan }) => scan), next_cursor: found.length === query.limit && last ? cursorOf(last.event_pk) : null };
    },
  );

  endpoint(
    'GET /v1/scans/report',
    {
      ...{ scope: 'read', summary: 'What scans led to, counted by person' },
      query: { ...FILTERS, by: dimensions, days: days(7) },
      answers: { 200: z.strictObject({ by: z.array(z.enum(DIMENSIONS)), days: z.int(), rows: z.array(ReportRow) }) },
    },
    async ({ query, access }) => {
      const { by, days } = query;
      const timezoneOf = (site: string): string => store.sites().find((known) => known.site === site)?.timezone ?? 'UTC';
      const rows = await scanReport(store.queries, { by, days, timezoneOf, filter: { ...filterOf(query, access), flagged: false } });
      if (rows === null) throw new Problem(413, `More than ${REPORT_SCANS} scans fit: narrow from and to`);
      return { by, days, rows };
    },
  );

  endpoint(
    'GET /v1/scans/dead',
    {
      ...{ scope: 'read', summary: 'Codes that nobody scanned' },
      query: { site, days: days(30), limit: limit(1_000, 10_000) },
      answers: { 200: z.strictObject({ days: z.int(), codes: z.array(DeadCode) }) },
    },
    async ({ query: { days, site, limit }, access }) => ({
      days,
      codes: await store.queries.deadCodes(siteFor(access, site), now() - days * DAY, now(), limit),
    }),
  );
}

function filterOf(query: z.output<z.ZodObject<typeof FILTERS>>, access: Access): ScanFilter {
  const { site, code, gtin, claimed, flagged, from, to, store, placement, sku } = query;
  const { scan_id, customer_id, person_id, anonymous_id, session_id } = query;
  return {
    ...given({ from, to, store, placement, sku, scan_id, customer_id, person_id, anonymous_id, session_id }),
    sites: siteFor(access, site),
    // A GS1 scan's code has a value in it, whose case counts.
    ...(code !== undefined && { code: code.includes('/') ? code : code.toUpperCase() }),
    ...(gtin !== undefined && { gtin: gtin.padStart(14, '0') }),
    ...(claimed !== undefined && { claimed: claimed === '1' }),
    flagged: flagged === 'include',
  };
}

/** Scans for analysts: one by one, added up by what they have in common, and codes that nobody scans. */
import { type Request, Router } from 'express';
import { DAY, type Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { DIMENSIONS, type Dimension, REPORT_SCANS, scanReport } from '../scan/report.ts';
import type { ScanFilter } from '../store/queries-scans.ts';
import type { Store } from '../store/store.ts';
import { type Access, type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { cursor, cursorOf, limit, moment, oneOf, text } from './params.ts';

const TEXT_FILTERS = ['store', 'placement', 'sku', 'anonymous_id', 'session_id'] as const;

export function scanRoutes({ store, auth, now }: { store: Store; auth: Auth; now: () => Millis }): Router {
  const router = Router();
  router.use('/v1/scans', requireScope(auth, 'read', now));

  router.get('/v1/scans', async (req, res) => {
    const size = limit(req);
    const [after = 0] = cursor(req, 'cursor', 1) ?? [];
    const found = await store.queries.scans(filterOf(req, accessOf(res)), after, size);
    const last = found.at(-1);
    res.json({ scans: found.map(({ scan }) => scan), next_cursor: found.length === size && last ? cursorOf(last.event_pk) : null });
  });

  router.get('/v1/scans/report', async (req, res) => {
    const by = (text(req, 'by') ?? 'code').split(',').map((name): Dimension => {
      const dimension = DIMENSIONS.find((known) => known === name.trim());
      if (dimension === undefined) throw badField('by', `expected some of ${DIMENSIONS.join(', ')}`);
      return dimension;
    });
    const days = daysOf(req, 7);
    const timezoneOf = (site: string): string => store.sites().find((known) => known.site === site)?.timezone ?? 'UTC';
    const rows = await scanReport(store.queries, { by, days, timezoneOf, filter: { ...filterOf(req, accessOf(res)), flagged: false } });
    if (rows === null) throw new Problem(413, `More than ${REPORT_SCANS} scans fit: narrow from and to`);
    res.json({ by, days, rows });
  });

  router.get('/v1/scans/dead', async (req, res) => {
    const days = daysOf(req, 30);
    const sites = siteFor(accessOf(res), text(req, 'site'));
    res.json({ days, codes: await store.queries.deadCodes(sites, now() - days * DAY, now(), limit(req, 1_000, 10_000)) });
  });
  return router;
}

function daysOf(req: Request, fallback: number): number {
  const days = Number(text(req, 'days') ?? fallback);
  if (!Number.isInteger(days) || days < 1 || days > 366) throw badField('days', 'expected a whole number from 1 to 366');
  return days;
}

function filterOf(req: Request, access: Access): ScanFilter {
  const texts = TEXT_FILTERS.flatMap((name) => (text(req, name) === undefined ? [] : [[name, text(req, name)]]));
  const [from, to, gtin, code] = [moment(req, 'from'), moment(req, 'to'), text(req, 'gtin'), text(req, 'code')];
  const claimed = oneOf(req, 'claimed', ['0', '1']);
  return {
    sites: siteFor(access, text(req, 'site')),
    ...(Object.fromEntries(texts) as object),
    // A GS1 scan's code has a value in it, whose case counts.
    ...(code !== undefined && { code: code.includes('/') ? code : code.toUpperCase() }),
    ...(gtin !== undefined && { gtin: gtin.padStart(14, '0') }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(claimed !== undefined && { claimed: claimed === '1' }),
    flagged: oneOf(req, 'flagged', ['include', 'exclude']) === 'include',
  };
}

/** The analysts' feed: links of a selection, what changed since a cursor, and why a session is linked as it is. */
import { pipeline } from 'node:stream/promises';
import { type Request, type Response, Router } from 'express';
import { DAY, MINUTE, type Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { EXPORT_FORMATS, type ExportFormat, type HeavyReads, type LinkExport } from '../export/export.ts';
import type { Queries } from '../store/queries.ts';
import type { DecisionRow } from '../store/queries-identity.ts';
import type { LinkFilter } from '../store/queries-links.ts';
import type { Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { explainSession, historyEntry } from './explain.ts';
import { cursor, cursorOf, limit, moment, oneOf, text } from './params.ts';
import { oneSite } from './profiles.ts';

const STATUSES = ['linked', 'ambiguous', 'anonymous', 'logged_out', 'kiosk'] as const;
const RULES = ['session', 'device_between', 'device_after', 'device_after_logout', 'device_before'] as const;
const TEXT_FILTERS = ['site', 'customer_id', 'person_id', 'anonymous_id', 'session_id', 'code', 'store'] as const;

/** R7: a customer on more browsers than this within this time may be nobody's own. */
const HUB_BROWSERS = 20;
const HUB_WINDOW = 30 * DAY;

export function linkRoutes({ store, reads, auth, now }: { store: Store; reads: HeavyReads; auth: Auth; now: () => Millis }): Router {
  const { queries } = store;
  const router = Router();
  router.use(['/v1/links', '/v1/sessions', '/v1/browsers', '/v1/customers', '/v1/review'], requireScope(auth, 'read', now));

  router.get('/v1/links', async (req, res) => {
    onlyThese(req, [...TEXT_FILTERS, 'status', 'rule', 'from', 'to', 'bots', 'format', 'limit', 'cursor', 'order']);
    const status = oneOf(req, 'status', STATUSES);
    const rule = oneOf(req, 'rule', RULES);
    const from = moment(req, 'from');
    const to = moment(req, 'to');
    const texts = TEXT_FILTERS.flatMap((name) => {
      const value = text(req, name);
      return value === undefined ? [] : [[name, name === 'code' ? value.toUpperCase() : value]];
    });
    const filter: LinkFilter = {
      ...(Object.fromEntries(texts) as LinkFilter),
      ...(status && { status }),
      ...(rule && { rule }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      bots: oneOf(req, 'bots', ['include', 'exclude']) === 'include',
      sites: siteFor(accessOf(res), text(req, 'site')),
    };
    const format = oneOf(req, 'format', ['json', ...EXPORT_FORMATS]) ?? 'json';
    if (format !== 'json') return sendExport(res, format, await reads.exportLinks(filter, format));
    // Read before the rows: whoever goes on from here may see a change twice, but misses none.
    const changes_cursor = cursorOf(await queries.lastPosition());
    const size = limit(req);
    const place = cursor(req, 'cursor', 2);
    const after = place && { session_pk: place[0] ?? 0, segment: place[1] ?? 0 };
    const newestFirst = oneOf(req, 'order', ['asc', 'desc']) === 'desc';
    const page = await (searches(filter, store.sites().length) ? reads : queries).links(filter, after, size, newestFirst);
    const last = page.at(-1);
    res.json({
      links: page.map(({ link }) => link),
      next_cursor: page.length === size && last ? cursorOf(last.place.session_pk, last.place.segment) : null,
      changes_cursor,
    });
  });

  router.get('/v1/links/changes', async (req, res) => {
    onlyThese(req, ['since', 'limit', 'site']);
    const [since = 0] = cursor(req, 'since', 1) ?? [];
    const size = limit(req);
    const last = await queries.lastPosition();
    if (since > last || since < 0) throw badField('since', 'not a cursor of this collector');
    const changes = await queries.changesSince(since, size, siteFor(accessOf(res), text(req, 'site')));
    // A page that is not full has seen everything up to `last`, other sites' changes included.
    const reached = changes.at(-1)?.position ?? since;
    res.json({ changes, next_cursor: cursorOf(changes.length < size ? Math.max(reached, last) : reached) });
  });

  router.get(['/v1/sessions/:id', '/v1/sessions/:id/explain'], async (req, res) => {
    const access = accessOf(res);
    const site = text(req, 'site');
    const anonymous_id = text(req, 'anonymous_id');
    const session_id = String(req.params['id']);
    const found = await queries.sessions(session_id, { sites: siteFor(access, site), ...(anonymous_id !== undefined && { anonymous_id }) });
    const [session, second] = found;
    if (!session) throw new Problem(404, 'No such session');
    if (second)
      throw new Problem(409, 'More than one session has this id: say site and anonymous_id', {
        choices: found.map((choice) => ({ site: choice.site, anonymous_id: choice.anonymous_id })),
      });
    const place = { site: session.site, anonymous_id: session.anonymous_id, session_id };
    const links = (await queries.links({ ...place, bots: true }, null, 1_000)).map(({ link }) => link);
    const answer = { session: place, links };
    if (!req.path.endsWith('/explain')) return void res.json(answer);
    const history = (await queries.sessionHistory(session.session_pk)).map(historyEntry);
    res.json({ ...answer, why: await explainSession(queries, links), history });
  });

  router.get('/v1/browsers/:id/explain', async (req, res) => {
    const site = oneSite(store, siteFor(accessOf(res), text(req, 'site')));
    const anonymous_id = String(req.params.id);
    const boundaries = await queries.boundaries(site, anonymous_id);
    const links = (await queries.links({ site, anonymous_id, bots: true }, null, 1_000)).map(({ link }) => link);
    if (links.length === 0 && boundaries.length === 0) throw new Problem(404, 'No such browser');
    const decisions = (await decisionsAbout(queries, site)).filter((said) => said.type === 'kiosk' && said.anonymous_id === anonymous_id);
    res.json({ browser: { site, anonymous_id }, boundaries, decisions, links, why: await explainSession(queries, links) });
  });

  router.get('/v1/customers/:id/explain', async (req, res) => {
    const site = oneSite(store, siteFor(accessOf(res), text(req, 'site')));
    const customer_id = String(req.params.id);
    const person_id = await queries.personOf(site, customer_id);
    const customers = await queries.customersOf(site, person_id);
    const browsers = await queries.claimedBrowsers(site, customers);
    const links = (await queries.links({ site, person_id, bots: true }, null, 1_000)).map(({ link }) => link);
    if (browsers.length === 0 && !(await queries.knowsCustomer(site, customers))) throw new Problem(404, 'No such customer');
    const decisions = (await decisionsAbout(queries, site)).filter(
      (said) =>
        (said.type === 'merge' && said.customers.some((id) => customers.includes(id))) ||
        (said.type === 'hub' && customers.includes(said.customer_id)),
    );
    const recent = browsers.filter(({ last_at }) => last_at >= now() - HUB_WINDOW).length;
    const answer = { customer_id, person_id, customers, browsers, possible_hub: recent > HUB_BROWSERS, decisions, links };
    res.json({ ...answer, why: await explainSession(queries, links) });
  });

  router.get('/v1/review/hubs', async (req, res) => {
    res.json({ possible_hubs: await queries.possibleHubs(siteFor(accessOf(res), text(req, 'site')), now() - HUB_WINDOW, HUB_BROWSERS) });
  });
  return router;
}

/** Whether a page may have to look at far more rows than it holds: then it is read where that holds up nobody. */
function searches({ status, rule, code, store, from, to, sites }: LinkFilter, sitesStored: number): boolean {
  return [status, rule, code, store, from, to].some((value) => value !== undefined) || (sites !== null && sitesStored > 1);
}

/** A name that means nothing here would silently select too much. */
function onlyThese(req: Request, names: readonly string[]): void {
  const unknown = Object.keys(req.query).find((name) => !names.includes(name));
  if (unknown !== undefined) throw badField(unknown, `not a parameter of this endpoint, which takes ${names.join(', ')}`);
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

/** The analysts' feed: links of a selection, what changed since a cursor, and why a session is linked as it is. */
import { pipeline } from 'node:stream/promises';
import { Router } from 'express';
import type { Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import { linksAsCsv } from '../export/csv.ts';
import { linksAsNdjson } from '../export/ndjson.ts';
import type { LinkFilter } from '../store/queries.ts';
import type { Store } from '../store/store.ts';
import { accessOf, type Auth, requireScope, siteFor } from './auth.ts';
import { explainSession } from './explain.ts';
import { cursor, cursorOf, limit, moment, oneOf, text } from './params.ts';

const STATUSES = ['linked', 'ambiguous', 'anonymous', 'logged_out', 'kiosk'] as const;
const RULES = ['session', 'device_between', 'device_after', 'device_after_logout', 'device_before'] as const;
const TEXT_FILTERS = ['site', 'customer_id', 'person_id', 'anonymous_id', 'session_id', 'code', 'store'] as const;

export function linkRoutes({ store, auth, now }: { store: Store; auth: Auth; now: () => Millis }): Router {
  const { queries } = store;
  const router = Router();
  router.use(['/v1/links', '/v1/sessions'], requireScope(auth, 'read', now));

  router.get('/v1/links', async (req, res) => {
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
    const format = oneOf(req, 'format', ['json', 'ndjson', 'csv']) ?? 'json';
    // Read before the rows: whoever goes on from here may see a change twice, but misses none.
    const changes_cursor = cursorOf(await queries.lastPosition());
    if (format !== 'json') {
      res.setHeader('footfall-changes-cursor', changes_cursor);
      res.setHeader('content-type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson');
      if (format === 'csv') res.setHeader('content-disposition', 'attachment; filename="links.csv"');
      const links = queries.allLinks(filter);
      await pipeline(format === 'csv' ? linksAsCsv(links) : linksAsNdjson(links), res);
      return;
    }
    const size = limit(req);
    const place = cursor(req, 'cursor', 2);
    const after = place && { session_pk: place[0] ?? 0, segment: place[1] ?? 0 };
    const page = await queries.links(filter, after, size, oneOf(req, 'order', ['asc', 'desc']) === 'desc');
    const last = page.at(-1);
    res.json({
      links: page.map(({ link }) => link),
      next_cursor: page.length === size && last ? cursorOf(last.place.session_pk, last.place.segment) : null,
      changes_cursor,
    });
  });

  router.get('/v1/links/changes', async (req, res) => {
    const [since = 0] = cursor(req, 'since', 1) ?? [];
    const changes = await queries.changesSince(since, limit(req), siteFor(accessOf(res), text(req, 'site')));
    res.json({ changes, next_cursor: cursorOf(changes.at(-1)?.position ?? since) });
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
    res.json(req.path.endsWith('/explain') ? { ...answer, why: await explainSession(queries, links) } : answer);
  });
  return router;
}

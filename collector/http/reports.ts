/** Reports over a site: how much of it is linked, day by day and rule by rule, and where people are lost on the way to a purchase. */
import { z } from 'zod';
import { DAY, type Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { ENTRIES, FUNNEL_SEGMENTS, funnelOf, UNITS } from '../profile/funnel.ts';
import { healthByDay } from '../profile/health-by-day.ts';
import { linksByDay } from '../profile/links-by-day.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { cursorOf, millis, moment, theSite } from './fields.ts';
import { AS_OF } from './profile-schema.ts';
import { oneSite, siteRecord } from './profiles.ts';

const RULES = ['session', 'device_between', 'device_after', 'device_after_logout', 'device_before'] as const;
/** The longest span, and the one where none is named. */
const LONGEST = 400 * DAY;
const USUAL = 30 * DAY;
/** An answer is given again for so long: reports read much. */
const KEPT = 15_000;

const count = z.int();
const share = z.number().min(0).max(1).nullable();
const Day = z
  .strictObject({
    day: z.string().meta({ description: 'On the site’s clock' }),
    ...{ sessions: count, segments: count, linked: count, ambiguous: count, anonymous: count, logged_out: count, kiosk: count },
    linked_share: share,
    by_rule: z.strictObject(Object.fromEntries(RULES.map((rule) => [rule, count])) as Record<(typeof RULES)[number], typeof count>),
  })
  .meta({ id: 'LinksOfDay' });
const HealthDay = z
  .strictObject({
    day: z.string().meta({ description: 'Of receipt, UTC' }),
    received: count,
    late: count.meta({ description: 'Arrived more than an hour after they occurred' }),
    bots: count,
    without_browser: count.meta({ description: 'Consent was refused, or a backend told of them' }),
    consents: count,
    refusals: count,
  })
  .meta({ id: 'HealthOfDay' });
const Span = { site: z.string(), from: millis, to: millis };

export interface ReportsOptions {
  api: Api;
  store: Store;
  now: () => Millis;
}

export function reportRoutes({ api: { endpoint }, store, now }: ReportsOptions): void {
  const { queries } = store;
  const kept = new Map<string, { at: Millis; report: Promise<unknown> }>();

  /** The same question asked again soon is answered from memory. */
  function remembered<T>(question: unknown, work: () => Promise<T>): Promise<T> {
    const at = now();
    for (const [key, entry] of kept) if (at - entry.at > KEPT || at < entry.at) kept.delete(key);
    const key = JSON.stringify(question);
    const known = kept.get(key)?.report as Promise<T> | undefined;
    if (known) return known;
    const report = work();
    kept.set(key, { at, report });
    report.catch(() => kept.delete(key));
    return report;
  }

  function span({ from, to }: { from?: Millis | undefined; to?: Millis | undefined }): { from: Millis; to: Millis } {
    const end = to ?? now() + 1;
    const start = from ?? end - USUAL;
    if (end <= start) throw badField('to', 'expected a moment after from');
    if (end - start > LONGEST) throw badField('from', 'at most 400 days before to');
    return { from: start, to: end };
  }

  const QUERY = { site: theSite, from: moment('Began at or after'), to: moment('Began before') };

  endpoint(
    'GET /v1/reports/links',
    {
      scope: 'read',
      summary: 'Links of people’s sessions by the day they began, and by rule; 30 days where no span is named',
      query: { ...QUERY, by: z.enum(['day']).default('day') },
      answers: { 200: z.strictObject({ ...Span, timezone: z.string(), days: z.array(Day), ...AS_OF }) },
    },
    async ({ query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const { site_pk, timezone } = siteRecord(store, site);
      const { from, to } = span(query);
      const changes_cursor = cursorOf(await queries.lastPosition());
      const question = ['links', site, query.from ?? null, query.to ?? null];
      const { days, as_of } = await remembered(question, async () => ({
        as_of: now(),
        days: await linksByDay(queries, { site_pk, timezone, from, to }),
      }));
      return { site, from, to, timezone, days, as_of, changes_cursor };
    },
  );

  endpoint(
    'GET /v1/reports/funnel',
    {
      scope: 'read',
      summary: 'How many came, viewed, filled a cart and bought, by how they came; by person, or by browser as other tools count',
      query: { ...QUERY, by: z.enum(UNITS).default('person') },
      answers: {
        200: z.strictObject({
          ...Span,
          by: z.enum(UNITS),
          rows: z.array(z.strictObject({ entry: z.enum(ENTRIES), entered: count, viewed: count, carted: count, purchased: count })),
          ...AS_OF,
        }),
      },
    },
    async ({ query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const { site_pk } = siteRecord(store, site);
      const { by } = query;
      const { from, to } = span(query);
      const changes_cursor = cursorOf(await queries.lastPosition());
      const question = ['funnel', site, by, query.from ?? null, query.to ?? null];
      const { rows, as_of } = await remembered(question, async () => ({
        as_of: now(),
        rows: await funnelOf(queries, { site_pk, by, from, to }),
      }));
      if (rows === null)
        throw new Problem(413, `More than ${FUNNEL_SEGMENTS} sessions are in the span: narrow from and to`, { field: 'from' });
      return { site, by, from, to, rows, as_of, changes_cursor };
    },
  );

  endpoint(
    'GET /v1/reports/health',
    {
      scope: 'read',
      summary: 'What arrived in the last days, how much of it was late, by machines or without consent, and what was refused and is kept',
      query: { site: theSite, days: z.coerce.number().int().min(1).max(400).default(14) },
      answers: {
        200: z.strictObject({
          site: z.string(),
          days: z.array(HealthDay),
          failed: z.array(z.strictObject({ reason: z.string(), events: count, last_at: millis })),
          as_of: millis,
        }),
      },
    },
    async ({ query, access }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const { site_pk } = siteRecord(store, site);
      return remembered(['health', site, query.days], async () => ({
        site,
        as_of: now(),
        days: await healthByDay(queries, { site_pk, since: now() - query.days * DAY }),
        failed: await queries.failedByReason(site),
      }));
    },
  );
}

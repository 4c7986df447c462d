/** A person's rights: erasure with a rehearsal and a report, and everything that is stored of them as one file. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { nanoid } from 'nanoid';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import { type Erased, erase } from '../intake/erase.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import { subjectLines } from '../profile/subject.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { flag, limit, millis, namedCursor, nextCursor, site as siteField, theSite } from './fields.ts';
import { oneSite, siteRecord } from './profiles.ts';

const count = z.int();
const Report = z
  .strictObject({
    ...{ customers: count, events: count, sessions: count, links: count, claims: count, orders: count, scans: count, codes: count },
    ...{ decisions: count, failed_events: count, changes: count, links_changed: count, sessions_left: count },
  })
  .meta({ id: 'ErasureReport' });

export interface ErasureOptions {
  api: Api;
  store: Store;
  policy: LinkingPolicy;
  /** Whether all that any collector acknowledged by now is in the store, after as long as that may take. */
  allApplied(): Promise<boolean>;
  /** Printed codes that were retired. */
  onCodes(codes: readonly string[]): void;
  now: () => Millis;
}

export function erasureRoutes({ api: { endpoint }, store, policy, allApplied, onCodes, now }: ErasureOptions): void {
  const { queries } = store;

  endpoint(
    'DELETE /v1/customers/:id',
    {
      scope: 'admin',
      summary: 'Erases the person that this customer is; with dry_run=1 says what that would take',
      query: { site: theSite, dry_run: flag('Writes nothing, and answers what would be erased') },
      answers: {
        200: z.strictObject({
          dry_run: z.boolean(),
          erasure_id: z.string().nullable(),
          site: z.string(),
          erased_at: millis,
          report: Report,
        }),
      },
    },
    async ({ params, query: { site: named, dry_run }, access, noted, noteRead }) => {
      const site = oneSite(store, siteFor(access, named));
      const { site_pk, email_key } = siteRecord(store, site);
      // What came afterwards would be theirs again.
      if (!dry_run && !(await allApplied()))
        throw new Problem(503, 'Events that were acknowledged before are not all stored yet: try again', {}, { 'retry-after': '10' });
      const erased_at = now();
      const erasure_id = `ers_${erased_at.toString(36).padStart(9, '0')}-${nanoid(10)}`;
      const work = { erasure_id, site, site_pk, email_key, customer_id: params.id, author: access.name, now: erased_at };
      const result = { erased: null as Erased | null };
      await store
        .write(async (tx) => {
          result.erased = await erase(tx, work, policy);
          if (dry_run || !result.erased) throw ROLL_BACK;
          await tx.addAudit([{ ...noted, site, subject_kind: 'erasure', subject: erasure_id }]);
        })
        .catch((error: unknown) => {
          if (error !== ROLL_BACK) throw error;
        });
      if (!result.erased) throw new Problem(404, 'No such customer');
      const { report, codes } = result.erased;
      if (dry_run) noteRead('customer', params.id, site);
      else {
        onCodes(codes);
        await store.sweep();
      }
      return { dry_run, erasure_id: dry_run ? null : erasure_id, site, erased_at, report };
    },
  );

  endpoint(
    'GET /v1/erasures',
    {
      scope: 'read',
      summary: 'What was erased when and by whom, in numbers',
      query: { site: siteField, limit: limit(), cursor: namedCursor(/^ers_[\w-]+$/) },
      answers: {
        200: z.strictObject({
          erasures: z.array(
            z.strictObject({ erasure_id: z.string(), site: z.string(), erased_at: millis, author: z.string(), report: Report }),
          ),
          next_cursor: nextCursor,
        }),
      },
    },
    async ({ query, access }) => {
      const erasures = await queries.erasures(siteFor(access, query.site), query.cursor ?? '', query.limit);
      const next_cursor = erasures.length === query.limit ? (erasures.at(-1)?.erasure_id ?? null) : null;
      return { erasures: erasures.map(({ report, ...row }) => ({ ...row, report: report as z.input<typeof Report> })), next_cursor };
    },
  );

  endpoint(
    'GET /v1/customers/:id/export',
    {
      scope: 'read',
      reads: 'customer',
      summary: 'Everything that is stored of the person, a JSON object a line, each with its `record`',
      query: { site: theSite },
      answers: { 200: null },
      media: ['application/x-ndjson'],
    },
    async ({ params, query, access, res }) => {
      const site = oneSite(store, siteFor(access, query.site));
      const record = siteRecord(store, site);
      const lines = subjectLines({ queries, record, customer_id: params.id, now: now() });
      // The first line is made before the answer begins, so that an unknown customer is a 404.
      const first = await lines.next();
      if (first.done) throw new Problem(404, 'No such customer');
      res.set({ 'content-type': 'application/x-ndjson', 'content-disposition': 'attachment; filename="subject.ndjson"' });
      await pipeline(Readable.from(textOf(first.value, lines)), res);
      return undefined;
    },
  );
}

const ROLL_BACK = new Error('a rehearsal writes nothing');

async function* textOf(first: object, rest: AsyncGenerator<object>): AsyncGenerator<string> {
  yield `${JSON.stringify(first)}\n`;
  for await (const line of rest) yield `${JSON.stringify(line)}\n`;
}

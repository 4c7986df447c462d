/** Operators' statements: merge, kiosk, hub and revoke, each with author, time and reason; a dry run says what would change. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { decide, type Statement } from '../intake/decide.ts';
import type { Intake } from '../intake/intake.ts';
import { relinkQueued } from '../intake/relink.ts';
import type { Decision } from '../linking/event.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { ChangeRecord, Store } from '../store/store.ts';
import type { Subject } from './audit.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { flag, limit, namedCursor, nextCursor, site } from './fields.ts';
import { oneSite } from './profiles.ts';
import { Decision as ShownDecision } from './shapes.ts';

const id = z.string().min(1).max(256);
const said = { site: z.string().optional(), reason: z.string().trim().min(1, 'say why').max(1_000) };
const DecisionBody = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('merge'), customers: z.array(id).min(1).max(100), into: id, ...said }),
  z.strictObject({ type: z.literal('kiosk'), anonymous_id: id, ...said }),
  z.strictObject({ type: z.literal('hub'), customer_id: id, ...said }),
  z.strictObject({ type: z.literal('revoke'), target: id, ...said }),
]);

/** Changed links that a dry run shows; all are counted. */
const SHOWN = 100;
/** Sessions that a dry run judges: all in one transaction, in which nobody else writes. */
const REHEARSED = 500;

const counts = { changed: z.int(), persons: z.int() };
const complete = z.boolean().describe('false: more sessions may change than one rehearsal judges; the counts are at least these');
const ChangedLink = z.strictObject({
  ...{ session_id: z.string().nullable(), anonymous_id: z.string().nullable(), segment: z.int().nullable() },
  ...{ old: z.looseObject({}).nullable(), new: z.looseObject({}).nullable() },
});

export interface DecisionsOptions {
  api: Api;
  store: Store;
  intake: Intake;
  policy: LinkingPolicy;
  now: () => Millis;
}

export function decisionRoutes({ api: { endpoint }, store, intake, policy, now }: DecisionsOptions): void {
  endpoint(
    'GET /v1/decisions',
    {
      ...{
        scope: 'read',
        reads: 'selection',
        summary: 'What operators decided',
        query: { site, order: z.enum(['asc', 'desc']).default('asc'), limit: limit(), cursor: namedCursor(/^dec_[\w.-]+$/) },
      },
      answers: { 200: z.strictObject({ decisions: z.array(ShownDecision), next_cursor: nextCursor }) },
    },
    async ({ query, access }) => {
      const decisions = await store.queries.decisions(siteFor(access, query.site), query.cursor ?? '', query.limit, query.order === 'desc');
      return { decisions, next_cursor: decisions.length === query.limit ? (decisions.at(-1)?.decision_id ?? null) : null };
    },
  );

  endpoint(
    'POST /v1/decisions',
    {
      ...{ scope: 'admin', summary: 'A merge, a kiosk, a hub, or a claim or decision taken back', body: DecisionBody },
      query: { dry_run: flag('1: answers 200 with what would change') },
      status: 201,
      answers: {
        201: z.strictObject({ decision_id: z.string(), ...counts }),
        200: z.strictObject({ dry_run: z.literal(true), ...counts, complete, links: z.array(ChangedLink) }),
      },
    },
    async ({ body: { site: named, reason, ...statement }, query, access, noted, noteRead, res }) => {
      const site = oneSite(store, siteFor(access, named));
      const site_pk = store.sites().find((record) => record.site === site)?.site_pk ?? -1;
      const said = { site, site_pk, statement: statement as Statement, author: access.name, reason, now: now() };
      if (query.dry_run) {
        const rehearsed = await rehearse(async (refuse) =>
          store.write(async (tx) => {
            const before = await tx.lastPosition();
            const { decision_id } = await decide(tx, said, policy);
            const complete = await relinkQueued(tx, policy, now(), REHEARSED);
            refuse({ changes: await tx.changedBy(decision_id, before), complete });
          }),
        );
        // What it shows is personal data, though it decides nothing.
        noteRead(...subjectOf(statement as Statement), site);
        const { links, ...counts } = summary(rehearsed.changes);
        res.status(200);
        return { dry_run: true as const, ...counts, complete: rehearsed.complete, links: links.slice(0, SHOWN) };
      }
      let before = 0;
      const decision = await store.write(async (tx): Promise<Decision> => {
        before = await tx.lastPosition();
        const made = await decide(tx, said, policy);
        await tx.addAudit([{ ...noted, site, subject_kind: 'decision', subject: made.decision_id }]);
        await relinkQueued(tx, policy, now());
        return made;
      });
      await intake.relink();
      const changes = await store.queries.changedBy(decision.decision_id, before);
      return { decision_id: decision.decision_id, ...counted(changes) };
    },
  );
}

interface Rehearsed {
  changes: ChangeRecord[];
  complete: boolean;
}

/** Whom a rehearsal is about; what is to be taken back says it only by its own id. */
function subjectOf(said: Statement): [Subject | null, string] {
  if (said.type === 'kiosk') return ['browser', said.anonymous_id];
  if (said.type === 'hub') return ['customer', said.customer_id];
  return said.type === 'merge' ? ['customer', said.into] : [null, ''];
}

/** Runs work whose result is thrown, so that its transaction is rolled back. */
async function rehearse(work: (refuse: (rehearsed: Rehearsed) => never) => Promise<void>): Promise<Rehearsed> {
  let outcome: Rehearsed = { changes: [], complete: true };
  const stop = new Error('a dry run writes nothing');
  const refuse = (rehearsed: Rehearsed): never => {
    outcome = rehearsed;
    throw stop;
  };
  await work(refuse).catch((error: unknown) => {
    if (error !== stop) throw error;
  });
  return outcome;
}

interface Counts {
  /** Links that are other than before. */
  changed: number;
  /** Customers that became another person, or their own again. */
  persons: number;
}

function counted(changes: readonly Pick<ChangeRecord, 'type'>[]): Counts {
  const persons = changes.filter(({ type }) => type === 'person').length;
  return { changed: changes.length - persons, persons };
}

function summary(changes: readonly ChangeRecord[]): Counts & { links: z.input<typeof ChangedLink>[] } {
  const links = changes.flatMap(({ type, session_id, anonymous_id, segment, link, old }) =>
    type === 'person' ? [] : [{ session_id, anonymous_id, segment, old, new: link }],
  );
  return { ...counted(changes), links };
}

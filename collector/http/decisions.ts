/** Operators' statements: merge, kiosk, hub and revoke, each with author, time and reason; a dry run says what would change. */
import { Router } from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { decide, type Statement } from '../intake/decide.ts';
import type { Intake } from '../intake/intake.ts';
import { relinkQueued } from '../intake/relink.ts';
import type { Decision } from '../linking/event.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { ChangeRecord, Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { limit, oneOf, text } from './params.ts';
import { parseBody } from './problem.ts';
import { oneSite } from './profiles.ts';

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

export interface DecisionsOptions {
  store: Store;
  intake: Intake;
  auth: Auth;
  policy: LinkingPolicy;
  now: () => Millis;
}

export function decisionRoutes({ store, intake, auth, policy, now }: DecisionsOptions): Router {
  const router = Router();

  router.get('/v1/decisions', requireScope(auth, 'read', now), async (req, res) => {
    const size = limit(req);
    const decisions = await store.queries.decisions(siteFor(accessOf(res), text(req, 'site')), text(req, 'cursor') ?? '', size);
    res.json({ decisions, next_cursor: decisions.length === size ? (decisions.at(-1)?.decision_id ?? null) : null });
  });

  router.post('/v1/decisions', requireScope(auth, 'admin', now), async (req, res) => {
    const { site: named, reason, ...statement } = parseBody(DecisionBody, req.body);
    const access = accessOf(res);
    const site = oneSite(store, siteFor(access, named));
    const site_pk = store.sites().find((record) => record.site === site)?.site_pk ?? -1;
    const said = { site, site_pk, statement: statement as Statement, author: access.name, reason, now: now() };
    if (oneOf(req, 'dry_run', ['0', '1']) === '1') {
      const { changes } = await rehearse(async (refuse) =>
        store.write(async (tx) => {
          const before = await tx.lastPosition();
          const { decision_id } = await decide(tx, said, policy);
          await relinkQueued(tx, policy, now(), Number.MAX_SAFE_INTEGER);
          refuse(await tx.changedBy(decision_id, before));
        }),
      );
      const { links, ...counts } = summary(changes);
      return void res.json({ dry_run: true, ...counts, links: links.slice(0, SHOWN) });
    }
    let before = 0;
    const decision = await store.write(async (tx): Promise<Decision> => {
      before = await tx.lastPosition();
      const made = await decide(tx, said, policy);
      await relinkQueued(tx, policy, now());
      return made;
    });
    await intake.relink();
    const changes = await store.queries.changedBy(decision.decision_id, before);
    res.status(201).json({ decision_id: decision.decision_id, ...counted(changes) });
  });
  return router;
}

/** Runs work whose result is thrown, so that its transaction is rolled back. */
async function rehearse(work: (refuse: (changes: ChangeRecord[]) => never) => Promise<void>): Promise<{ changes: ChangeRecord[] }> {
  const outcome = { changes: [] as ChangeRecord[] };
  const stop = new Error('a dry run writes nothing');
  const refuse = (changes: ChangeRecord[]): never => {
    outcome.changes = changes;
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

function summary(changes: readonly ChangeRecord[]): Counts & { links: object[] } {
  const links = changes.flatMap(({ type, session_id, anonymous_id, segment, link, old }) =>
    type === 'person' ? [] : [{ session_id, anonymous_id, segment, old, new: link }],
  );
  return { ...counted(changes), links };
}

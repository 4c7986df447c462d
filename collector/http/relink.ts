/** `GET /v1/relink`: what another linking policy would change, before anyone commits to it. Reads only. */
import { Router } from 'express';
import { DAY, type Millis } from '../../protocol/event.ts';
import { badField } from '../errors.ts';
import { reevaluate } from '../linking/browser.ts';
import { type Outcome, sameLink } from '../linking/outcome.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { oneOf, text } from './params.ts';

export function relinkRoutes({ store, auth, policy, now }: { store: Store; auth: Auth; policy: LinkingPolicy; now: () => Millis }): Router {
  const router = Router();
  router.get('/v1/relink', requireScope(auth, 'admin', now), async (req, res) => {
    const number = (name: string, fallback: number): number => {
      const value = Number(text(req, name) ?? fallback);
      if (!(value > 0 && value <= 10_000)) throw badField(name, 'expected a number above 0');
      return value;
    };
    const other: LinkingPolicy = {
      version: policy.version,
      window: number('window_days', policy.window / DAY) * DAY,
      logout: oneOf(req, 'logout', ['soft', 'hard']) ?? policy.logout,
      kiosk_owners: number('kiosk_owners', policy.kiosk_owners),
    };
    const moves = new Map<string, { from: string; to: string; segments: number }>();
    let segments = 0;
    let changed = 0;
    for await (const { state } of store.browsers(siteFor(accessOf(res), text(req, 'site')))) {
      reevaluate(state, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, other);
      for (const session of state.sessions.values()) {
        session.segments.forEach(({ outcome }, index) => {
          segments += 1;
          const before = session.stored[index]?.outcome;
          if (!before || sameLink(before, outcome)) return;
          changed += 1;
          const [from, to] = [ruleOf(before), ruleOf(outcome)];
          const move = moves.get(`${from} ${to}`) ?? { from, to, segments: 0 };
          moves.set(`${from} ${to}`, { ...move, segments: move.segments + 1 });
        });
      }
    }
    res.json({ policy: other, segments, changed, moves: [...moves.values()].sort((a, b) => b.segments - a.segments) });
  });
  return router;
}

/** The rule of a link, or the status of what is none. */
function ruleOf({ status, rule }: Outcome): string {
  return rule ?? status;
}

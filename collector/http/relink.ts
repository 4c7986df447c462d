/** `GET /v1/relink`: what another linking policy would change, before anyone commits to it. Reads only. */
import { z } from 'zod';
import { DAY } from '../../protocol/event.ts';
import { reevaluate } from '../linking/browser.ts';
import { type Outcome, sameLink } from '../linking/outcome.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { site } from './fields.ts';

const above = (description: string) =>
  z.coerce.number<string>('expected a number above 0').positive().max(10_000).optional().meta({ description });
const Move = z.strictObject({ from: z.string(), to: z.string(), segments: z.int() });

export function relinkRoutes({ api: { endpoint }, store, policy }: { api: Api; store: Store; policy: LinkingPolicy }): void {
  endpoint(
    'GET /v1/relink',
    {
      ...{ scope: 'admin', summary: 'What another linking policy would change' },
      query: {
        ...{
          site,
          window_days: above('Days that a claim may lie from a session'),
          kiosk_owners: above('Persons that make a browser public'),
        },
        logout: z.enum(['soft', 'hard']).optional().meta({ description: 'Whether a logout ends what follows' }),
      },
      answers: {
        200: z.strictObject({
          policy: z.strictObject({ version: z.int(), window: z.number(), logout: z.enum(['soft', 'hard']), kiosk_owners: z.number() }),
          ...{ segments: z.int(), changed: z.int(), moves: z.array(Move) },
        }),
      },
    },
    async ({ query, access }) => {
      const other: LinkingPolicy = {
        version: policy.version,
        window: query.window_days === undefined ? policy.window : query.window_days * DAY,
        logout: query.logout ?? policy.logout,
        kiosk_owners: query.kiosk_owners ?? policy.kiosk_owners,
      };
      const moves = new Map<string, { from: string; to: string; segments: number }>();
      let segments = 0;
      let changed = 0;
      for await (const { state } of store.browsers(siteFor(access, query.site))) {
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
      return { policy: other, segments, changed, moves: [...moves.values()].sort((a, b) => b.segments - a.segments) };
    },
  );
}

/** The rule of a link, or the status of what is none. */
function ruleOf({ status, rule }: Outcome): string {
  return rule ?? status;
}

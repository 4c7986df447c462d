/** R9: which statements still stand. A revoke acts on a claim, or on a decision said before it; the newest are judged first. */
import type { Decision } from './event.ts';
import { compareDecisions, type Merge } from './person.ts';

/** The statements of one site that stand. */
export interface Standing {
  merges: Merge[];
  kiosks: Set<string>;
  hubs: Set<string>;
  /** Event ids whose claims are taken back. */
  revoked_claims: Set<string>;
  revoked_decisions: Set<string>;
}

export function standing(decisions: readonly Decision[]): Standing {
  const newestFirst = [...decisions].sort((a, b) => compareDecisions(b, a));
  const told = new Map(decisions.map((decision) => [decision.decision_id, decision]));
  const revoked = new Set<string>();
  const result: Standing = { merges: [], kiosks: new Set(), hubs: new Set(), revoked_claims: new Set(), revoked_decisions: revoked };
  for (const decision of newestFirst) {
    if (revoked.has(decision.decision_id)) continue;
    switch (decision.type) {
      case 'merge':
        result.merges.push(decision);
        break;
      case 'kiosk':
        result.kiosks.add(decision.anonymous_id);
        break;
      case 'hub':
        result.hubs.add(decision.customer_id);
        break;
      case 'revoke': {
        const target = told.get(decision.target);
        if (!target) result.revoked_claims.add(decision.target);
        else if (compareDecisions(target, decision) < 0) revoked.add(target.decision_id);
      }
    }
  }
  return result;
}

/** Ids of the statements that name one of these customers, take back a claim of these events, or take back such a statement (R12). */
export function erasedDecisions(
  decisions: readonly Decision[],
  customers: ReadonlySet<string>,
  event_ids: ReadonlySet<string>,
): Set<string> {
  const gone = new Set<string>();
  for (const decision of [...decisions].sort(compareDecisions)) {
    const named =
      (decision.type === 'merge' && decision.customers.some((id) => customers.has(id))) ||
      (decision.type === 'hub' && customers.has(decision.customer_id)) ||
      (decision.type === 'revoke' && (event_ids.has(decision.target) || gone.has(decision.target)));
    if (named) gone.add(decision.decision_id);
  }
  return gone;
}

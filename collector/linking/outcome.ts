/** R6's table: whose a segment without a claim of its own is, given the claims and barriers around it. */
import type { Millis } from '../../protocol/event.ts';
import { isErased } from './claim.ts';
import { compareStrength, type Strength } from './event.ts';
import { compareKeys, type Key } from './order.ts';
import type { LinkingPolicy } from './policy.ts';

export type Status = 'linked' | 'ambiguous' | 'anonymous' | 'logged_out' | 'kiosk';
export type Rule = 'session' | 'device_between' | 'device_after' | 'device_after_logout' | 'device_before';

export interface Candidate {
  customer_id: string;
  evidence_event_id: string;
  gap_ms: Millis;
}

/** What linking says of a segment. The person is looked up from the customer where it is shown, so that a merge rewrites nothing. */
export interface Outcome {
  status: Status;
  customer_id: string | null;
  rule: Rule | null;
  strength: Strength | null;
  evidence_event_id: string | null;
  evidence_type: string | null;
  evidence_at: Millis | null;
  evidence_gap_ms: Millis | null;
  candidates: readonly Candidate[];
  owners: number;
}

/** A claim as evidence. */
export interface ClaimPoint {
  key: Key;
  /** The evidence: not the key's id where a scan stands before its claimer. */
  event_id: string;
  customer_id: string;
  person: string;
  strength: Strength;
  type: string;
  occurred_at: Millis;
}

/** What lies between a segment and the nearest claim on one side. */
export interface Side {
  claim: ClaimPoint;
  gap: Millis;
  barrier: 'none' | 'soft' | 'hard';
}

export interface Surroundings {
  declared_kiosk: boolean;
  prev: Side | null;
  next: Side | null;
  /** Distinct persons among all claims in the window, counted up to `kiosk_owners`: from there on the browser is public. */
  owners: number;
  /** The nearest claim of each owner; asked for only where the outcome is ambiguous. */
  candidates: () => Candidate[];
}

/** R5: linked by a claim of its own. */
export function linkedBy(rule: Rule, claim: ClaimPoint, gap: Millis, owners: number): Outcome {
  return {
    status: 'linked',
    customer_id: claim.customer_id,
    rule,
    strength: claim.strength,
    evidence_event_id: claim.event_id,
    evidence_type: claim.type,
    evidence_at: claim.occurred_at,
    evidence_gap_ms: gap,
    candidates: [],
    owners,
  };
}

export function unlinked(status: Exclude<Status, 'linked'>, owners: number, candidates: readonly Candidate[] = []): Outcome {
  return {
    status,
    customer_id: null,
    rule: null,
    strength: null,
    evidence_event_id: null,
    evidence_type: null,
    evidence_at: null,
    evidence_gap_ms: null,
    candidates,
    owners,
  };
}

/** The first row of R6's table that fits. */
export function judge({ declared_kiosk, prev, next, owners, candidates }: Surroundings, policy: LinkingPolicy): Outcome {
  if (declared_kiosk || owners >= policy.kiosk_owners) return unlinked('kiosk', owners);
  if (owners === 0) return unlinked('anonymous', 0);
  // R12: what an erased owner would own is nobody's, and goes to nobody else.
  const linked = (rule: Rule, { claim, gap }: Side) =>
    isErased(claim.customer_id) ? unlinked('anonymous', owners) : linkedBy(rule, claim, gap, owners);
  if (prev && next && prev.claim.person === next.claim.person && prev.barrier !== 'hard' && next.barrier !== 'hard')
    return linked('device_between', better(prev, next));
  if (owners > 1)
    return unlinked(
      'ambiguous',
      owners,
      candidates().filter(({ customer_id }) => !isErased(customer_id)),
    );
  if (next && next.barrier !== 'hard') return linked('device_before', next);
  if (prev?.barrier === 'none') return linked('device_after', prev);
  if (prev?.barrier === 'soft' && policy.logout === 'soft') return linked('device_after_logout', prev);
  return unlinked('logged_out', owners);
}

/** The stronger, then the nearer, then the earlier. */
function better(a: Side, b: Side): Side {
  const order = compareStrength(b.claim.strength, a.claim.strength) || a.gap - b.gap || compareKeys(a.claim.key, b.claim.key);
  return order <= 0 ? a : b;
}

/** Whether two outcomes are the same link, so that nobody needs to be told (`owners` and gaps alone are no change). */
export function sameLink(a: Outcome, b: Outcome): boolean {
  return (
    a.status === b.status &&
    a.customer_id === b.customer_id &&
    a.rule === b.rule &&
    a.strength === b.strength &&
    a.evidence_event_id === b.evidence_event_id &&
    a.candidates.length === b.candidates.length &&
    a.candidates.every((candidate, index) => sameCandidate(candidate, b.candidates[index]))
  );
}

function sameCandidate(a: Candidate, b: Candidate | undefined): boolean {
  return b !== undefined && a.customer_id === b.customer_id && a.evidence_event_id === b.evidence_event_id && a.gap_ms === b.gap_ms;
}

/** Whether two outcomes are the same row: gaps and owners as well. */
export function sameOutcome(a: Outcome, b: Outcome): boolean {
  return (
    a.status === b.status &&
    a.rule === b.rule &&
    a.customer_id === b.customer_id &&
    a.evidence_event_id === b.evidence_event_id &&
    a.evidence_gap_ms === b.evidence_gap_ms &&
    a.strength === b.strength &&
    a.owners === b.owners &&
    a.candidates.length === b.candidates.length &&
    a.candidates.every((candidate, index) => sameCandidate(candidate, b.candidates[index]))
  );
}

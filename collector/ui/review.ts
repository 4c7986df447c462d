/** What is to be decided about who is who, and the statements that decide it. Pure. */
import type { Statement } from './parts/decide.tsx';
import type { LinkRow } from './types.ts';
import { formatCount } from './words.ts';

export interface MergeSuggestion {
  persons: [string, string];
  evidence: ('email' | 'browser')[];
  email_claims: number;
  browsers: number;
  anonymous_ids: string[];
  one_after_other: boolean;
  last_at: number;
}

export interface Kiosk {
  anonymous_id: string;
  declared: 'page' | 'decision' | null;
  segments: number;
  owners: number;
  last_at: number;
}

export interface PossibleHub {
  customer_id: string;
  browsers: number;
  claims: number;
}

export interface Decision {
  decision_id: string;
  type: 'merge' | 'kiosk' | 'hub' | 'revoke';
  time: number;
  author: string;
  reason: string;
  customers?: string[];
  into?: string;
  anonymous_id?: string;
  customer_id?: string;
  target?: string;
}

/** All candidates of an ambiguous session are one person: the nearest's. */
export function mergeOf({ candidates }: Pick<LinkRow, 'candidates'>): Statement[] {
  const customers = [...new Set((candidates ?? []).map(({ customer_id }) => customer_id))];
  const [into] = customers;
  return into === undefined || customers.length < 2 ? [] : [{ type: 'merge', customers, into }];
}

/** The nearest candidate is right: the claims of the others were slips. */
export function slipsOf({ candidates }: Pick<LinkRow, 'candidates'>): Statement[] {
  return (candidates ?? []).slice(1).map(({ evidence_event_id }) => ({ type: 'revoke', target: evidence_event_id }));
}

/** Each once, however many rows say it. */
export function distinct(statements: readonly Statement[]): Statement[] {
  return [...new Map(statements.map((statement) => [JSON.stringify(statement), statement])).values()];
}

/** Decisions that an earlier-listed one takes back; listed newest first, as they are judged (R9). `known` grows from page to page. */
export function takenBack(decisions: readonly Decision[], known: ReadonlySet<string> = new Set()): Set<string> {
  const gone = new Set(known);
  for (const { decision_id, type, target } of decisions) if (type === 'revoke' && target && !gone.has(decision_id)) gone.add(target);
  return gone;
}

/** `C1 and C2 are one person`. */
export function statementWords(said: Statement | Decision): string {
  switch (said.type) {
    case 'merge': {
      const customers = [...new Set([...(said.customers ?? []), said.into ?? ''])].filter(Boolean);
      return `${customers.join(' and ')} are one person`;
    }
    case 'kiosk':
      return `browser ${said.anonymous_id} is public`;
    case 'hub':
      return `${said.customer_id} is nobody’s own`;
    case 'revoke':
      return `${said.target} is taken back`;
  }
}

/** Why two customers may be one person. */
export function evidenceWords({ email_claims, browsers, one_after_other }: MergeSuggestion): string[] {
  const words: string[] = [];
  if (email_claims > 0) words.push(`the same e-mail address, ${formatCount(email_claims)} times`);
  if (browsers > 0) {
    const where = browsers === 1 ? 'the same browser' : `the same ${formatCount(browsers)} browsers`;
    words.push(`${where}, and nobody else there: ${one_after_other ? 'one after the other' : 'in turns, which a household does as well'}`);
  }
  return words;
}

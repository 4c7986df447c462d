/** How a segment ended up, as a colour and, for those who see none, as a word. */
import type { LinkRow, LinkStatus, Outcome } from '../types.ts';
import { OUTCOME_MEANING, spoken } from '../words.ts';

export function OutcomeMark({ outcome, children }: { outcome: Outcome; children?: string }) {
  return (
    <span class={`outcome is-${outcome}`} title={OUTCOME_MEANING[outcome]}>
      {children ?? spoken(outcome)}
    </span>
  );
}

export function StatusMark({ status }: { status: LinkStatus }) {
  return <span class={`outcome is-${status}`}>{spoken(status)}</span>;
}

/** Whose a segment is, in the words that a sentence can take up. */
export function ownerOf(link: Pick<LinkRow, 'customer_id' | 'status'>): string {
  return link.customer_id ?? spoken(link.status);
}

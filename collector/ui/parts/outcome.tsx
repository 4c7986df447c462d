/** How a segment ended up, as a colour and, for those who see none, as a word. */
import type { Outcome } from '../types.ts';
import { OUTCOME_MEANING, spoken } from '../words.ts';

export function OutcomeMark({ outcome, children }: { outcome: Outcome; children?: string }) {
  return (
    <span class={`outcome is-${outcome}`} title={OUTCOME_MEANING[outcome]}>
      {children ?? spoken(outcome)}
    </span>
  );
}

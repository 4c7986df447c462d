/** The intake's contract: what stands between a decoded batch and its acknowledgement. */

import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Fate } from './apply.ts';
import type { RefusedEvent } from './decode.ts';

export interface Submission {
  site: string;
  events: readonly AcceptedEvent[];
  refused: readonly RefusedEvent[];
}

export interface Intake {
  /**
   * Resolves once every event is on stable storage, and every refused one kept in `failed_events`. `not_stored` marks an event
   * that the store itself refuses (kept there too). Rejects with StoreUnavailable; then nothing of the submission was acknowledged.
   */
  submit(submission: Submission): Promise<(Fate | 'not_stored')[]>;
  /** Resolves when no session waits to be judged again: a decision that touches many is carried out in several transactions. */
  relink(): Promise<void>;
  /** Submissions that wait for a transaction. */
  waiting(): number;
  /** Resolves when all that was submitted is stored. */
  drain(): Promise<void>;
}

/** The intake's contract: what stands between a decoded batch and its acknowledgement. */

import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Fate } from './apply.ts';
import type { RefusedEvent } from './decode.ts';

export interface Submission {
  site: string;
  events: readonly AcceptedEvent[];
  refused: readonly RefusedEvent[];
}

/**
 * What became of an event. `not_stored`: the store itself refuses it, so it is kept in `failed_events`. `published`: the replicated
 * stream has it, and a linker will find out the rest. `journaled`: the store's journal has it, and this process will.
 */
export type Outcome = Fate | 'not_stored' | 'published' | 'journaled';

export interface Intake {
  /**
   * Resolves once every event is on stable storage, and every refused one kept in `failed_events` or on its way there. Rejects with
   * StoreUnavailable; then nothing of the submission was acknowledged.
   */
  submit(submission: Submission): Promise<Outcome[]>;
  /** Resolves when no session waits to be judged again: a decision that touches many is carried out in several transactions. */
  relink(): Promise<void>;
  /** Submissions that wait for a transaction. */
  waiting(): number;
  /** Resolves when all that was submitted has its answer. */
  drain(): Promise<void>;
}

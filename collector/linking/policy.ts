/** The three numbers that linking may be tuned by. Versioned: every link names the policy that made it. */
import { DAY, type Millis } from '../../protocol/event.ts';

export interface LinkingPolicy {
  version: number;
  /** How far a claim may lie from a segment's nearer end, edge included (R6). */
  window: Millis;
  /** Whether a logout only weakens what follows (`soft`: rule `device_after_logout`) or ends it (`hard`: status `logged_out`). */
  logout: 'soft' | 'hard';
  /** From how many different persons in a window on a browser is public (R7). */
  kiosk_owners: number;
}

export const DEFAULT_POLICY: LinkingPolicy = { version: 1, window: 30 * DAY, logout: 'soft', kiosk_owners: 3 };

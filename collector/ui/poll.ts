/** Repeats a reading: at its interval while it succeeds, ever more slowly while it fails, not at all while nobody looks. */
import { asFailure, type Failure } from './api.ts';

export type IsHidden = () => boolean;

interface Polling {
  /** One reading. Answers true when there is more to read at once. */
  read: () => Promise<boolean>;
  interval: number;
  /** Called after each reading: with null when it succeeded. */
  report: (failure: Failure | null) => void;
  isHidden?: IsHidden;
}

/** Reads at once, then again and again. Returns what stops it. A reading under way when it is stopped is not reported. */
export function startPolling({ read, interval, report, isHidden = isTabHidden }: Polling): () => void {
  let stopped = false;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout>;

  async function turn(): Promise<void> {
    let more = false;
    if (!isHidden()) {
      try {
        more = await read();
        failures = 0;
        if (!stopped) report(null);
      } catch (thrown) {
        failures += 1;
        const failure = asFailure(thrown);
        if (!stopped) report(failure);
        if (failure.kind === 'refused') return;
      }
    }
    if (!stopped) timer = setTimeout(turn, more ? 0 : pause(interval, failures));
  }

  timer = setTimeout(turn, 0);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/** The wait before the next reading: doubles with each failure in a row, up to 15 s. */
export function pause(interval: number, failures: number): number {
  return failures === 0 ? interval : Math.max(interval, Math.min(LONGEST_PAUSE, interval * 2 ** failures));
}

/** Nobody sees a tab in the background. */
export function isTabHidden(): boolean {
  return document.hidden;
}

const LONGEST_PAUSE = 15_000;

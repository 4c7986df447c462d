/** Knows how far the store has come, and wakes the streams that wait for more: at this process's commits, and by looking for others'. */
import type { StreamPlace } from '../store/queries-stream.ts';

/** How soon another process's commit is seen. */
const POLL_MS = 100;
/** Commits within this time wake the streams once. */
const GATHER_MS = 10;

export interface Frontier {
  /** The newest place, as of the last look. */
  readonly newest: StreamPlace;
  /** Looks now. */
  look(): Promise<StreamPlace>;
  /** A stream that wants to be woken; answers how to end that. */
  join(wake: () => void): () => void;
  /** This process has committed something. Costs nothing while no stream is open. */
  committed(): void;
}

export function createFrontier(read: () => Promise<StreamPlace>): Frontier {
  const streams = new Set<() => void>();
  let newest: StreamPlace = { position: 0, event_pk: 0 };
  let poll: NodeJS.Timeout | undefined;
  let gathering = false;

  async function look(): Promise<StreamPlace> {
    const { position, event_pk } = newest;
    newest = await read();
    if (newest.position !== position || newest.event_pk !== event_pk) for (const wake of streams) wake();
    return newest;
  }
  // A store that is out of order says so to whoever asks it; the next look may find it well again.
  const quietly = (): void => void look().catch(() => undefined);

  return {
    get newest() {
      return newest;
    },
    look,
    join(wake) {
      streams.add(wake);
      poll ??= setInterval(quietly, POLL_MS);
      return () => {
        streams.delete(wake);
        if (streams.size > 0) return;
        clearInterval(poll);
        poll = undefined;
      };
    },
    committed() {
      if (streams.size === 0 || gathering) return;
      gathering = true;
      setTimeout(() => {
        gathering = false;
        quietly();
      }, GATHER_MS);
    },
  };
}

/** Scans that the store could not take: kept in a file of their own, fsynced, until it can. */
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { AcceptedEvent } from '../domain/accepted-event.ts';

export interface Spool {
  /** Resolves once the scan is on stable storage. Rejects where this file cannot be written either. */
  append(event: AcceptedEvent): Promise<void>;
  /**
   * Hands what is kept to `store`, oldest first, and forgets what it took. Rejects with what `store` rejects with; then all stays.
   * A scan may be handed over twice (its id makes that harmless), and a line that a crash cut off is left out: it was never promised.
   */
  replay(store: (events: AcceptedEvent[]) => Promise<void>): Promise<number>;
  /** Whether anything waits. */
  readonly waiting: boolean;
  close(): Promise<void>;
}

/** Scans handed over at once. */
const GROUP = 500;

export async function openSpool(file: string): Promise<Spool> {
  // What is being replayed stands apart from what comes in meanwhile.
  const old = `${file}.replay`;
  const isThere = (path: string): Promise<boolean> =>
    stat(path).then(
      ({ size }) => size > 0,
      () => false,
    );
  let handle: FileHandle | null = null;
  let waiting = (await isThere(file)) || (await isThere(old));
  let last: Promise<unknown> = Promise.resolve();
  let lines: string[] = [];
  let flushing: Promise<void> | null = null;

  /** One after the other: appends, and the moment at which the file is renamed. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  }

  /** Scans of one moment share an fsync. */
  function flush(): Promise<void> {
    flushing ??= inTurn(async () => {
      flushing = null;
      const taken = lines;
      lines = [];
      handle ??= await open(file, 'a', 0o600);
      // A line that was cut off before ends here, so that it takes no other with it.
      await handle.appendFile(`\n${taken.join('\n')}\n`);
      await handle.datasync();
      waiting = true;
    });
    return flushing;
  }

  return {
    append(event) {
      lines.push(JSON.stringify(event));
      return flush();
    },
    async replay(store) {
      await inTurn(async () => {
        if (await isThere(old)) return;
        waiting = await isThere(file);
        if (!waiting) return;
        await handle?.close();
        handle = null;
        await rename(file, old);
      });
      if (!(await isThere(old))) return 0;
      const events = (await readFile(old, 'utf8')).split('\n').flatMap(parsed);
      for (let at = 0; at < events.length; at += GROUP) await store(events.slice(at, at + GROUP));
      await inTurn(async () => {
        await rm(old);
        waiting = await isThere(file);
      });
      return events.length;
    },
    get waiting() {
      return waiting;
    },
    async close() {
      await inTurn(async () => {
        await handle?.close();
        handle = null;
      });
    },
  };
}

function parsed(line: string): AcceptedEvent[] {
  if (line === '') return [];
  try {
    return [JSON.parse(line) as AcceptedEvent];
  } catch {
    return [];
  }
}

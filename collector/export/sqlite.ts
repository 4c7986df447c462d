/** Heavy reads of a SQLite store, in threads of their own: the driver is synchronous, and would hold up every acknowledgement. */
import { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { Problem } from '../errors.ts';
import { type HeavyReads, limited, READ_AHEAD } from './export.ts';
import type { Answer, Ask } from './sqlite-worker.ts';

/** Starts a thread when it is first needed: one for pages, another for exports, so that no page waits behind a row group. */
export function sqliteReads(file: string): HeavyReads {
  const pages = createThread(file);
  const exports = createThread(file);
  return {
    links: (...args) => pages.call({ ask: 'links', args }) as ReturnType<HeavyReads['links']>,
    exportLinks: limited((filter, format) => exports.stream({ ask: 'export', filter, format })),
    async close() {
      await Promise.all([pages.close(), exports.close()]);
    },
  };
}

/** `Omit` of each member of the union. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

interface Thread {
  call(ask: Unnumbered<Ask>): Promise<unknown>;
  stream(ask: Unnumbered<Ask>): Promise<{ position: number; body: Readable }>;
  close(): Promise<void>;
}

function createThread(file: string): Thread {
  let worker: Worker | null = null;
  let last = 0;
  let closed = false;
  const waiting = new Map<number, (said: Answer) => void>();

  function start(): Worker {
    const started = startWorker(file);
    const failed = (error: string): void => {
      if (worker !== started) return;
      worker = null;
      for (const [id, hear] of [...waiting]) hear({ id, error });
      waiting.clear();
    };
    started.on('message', (said: Answer) => waiting.get(said.id)?.(said));
    started.on('error', (error) => failed(error.stack ?? error.message));
    started.on('exit', () => failed('the reading thread ended'));
    // It never keeps the process alive: requests do.
    started.unref();
    return started;
  }

  function tell(said: Ask): void {
    if (closed) throw new Problem(503, 'The collector is stopping', {}, { 'retry-after': '5' });
    worker ??= start();
    worker.postMessage(said);
  }

  function call(id: number, ask: Unnumbered<Ask>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      waiting.set(id, (said) => {
        waiting.delete(id);
        if ('value' in said) resolve(said.value);
        else reject(new Error('error' in said ? said.error : 'no answer to what was asked'));
      });
      tell({ ...ask, id });
    });
  }

  return {
    call(ask) {
      last += 1;
      return call(last, ask);
    },
    async stream(ask) {
      last += 1;
      const id = last;
      const position = (await call(id, ask)) as number;
      const body = new Readable({
        highWaterMark: READ_AHEAD,
        read() {
          tell({ id, ask: 'more' });
        },
        destroy(error, done) {
          waiting.delete(id);
          if (worker !== null && !closed) worker.postMessage({ id, ask: 'stop' } satisfies Ask);
          done(error);
        },
      });
      waiting.set(id, (said) => {
        if ('chunk' in said) body.push(said.chunk);
        else body.destroy(new Error('error' in said ? said.error : 'no chunk'));
      });
      return { position, body };
    },
    async close() {
      closed = true;
      await worker?.terminate();
    },
  };
}

/** An export needs a tenth of it; a thread that wants more ends, and with it what it was asked, but not the collector. */
const resourceLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 16 };

/** From sources (tests, `npm run dev`) the thread has to be taught TypeScript first; built, it is a module beside this one. */
function startWorker(file: string): Worker {
  const workerData = { file };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./sqlite-worker.js', import.meta.url), { workerData, resourceLimits });
  const entry = JSON.stringify(new URL('./sqlite-worker.ts', import.meta.url).href);
  return new Worker(`import('tsx/esm/api').then(({ register }) => { register(); return import(${entry}); })`, {
    eval: true,
    workerData,
    resourceLimits,
  });
}

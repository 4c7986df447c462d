/** The thread in which a SQLite store's heavy reads run, on a read-only connection of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Queries } from '../store/queries.ts';
import type { LinkFilter } from '../store/queries-links.ts';
import { openSqliteReader } from '../store/sqlite-reader.ts';
import { type ExportFormat, startExport } from './export.ts';

/** `more` asks an export for one chunk: it makes none unasked. */
export type Ask = { id: number } & (
  | { ask: 'links'; args: Parameters<Queries['links']> }
  | { ask: 'export'; filter: LinkFilter; format: ExportFormat }
  | { ask: 'more' }
  | { ask: 'stop' }
);

export type Answer = { id: number } & ({ value: unknown } | { chunk: Uint8Array | null } | { error: string });

if (!parentPort) throw new Error('this is the entry of a thread');
const port = parentPort;
const { queries } = openSqliteReader((workerData as { file: string }).file);
const exporting = new Map<number, AsyncGenerator<Uint8Array>>();

port.on('message', (said: Ask) => {
  answer(said).catch((error: unknown) => {
    exporting.delete(said.id);
    tell({ id: said.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});

async function answer(said: Ask): Promise<void> {
  const { id } = said;
  if (said.ask === 'links') tell({ id, value: await queries.links(...said.args) });
  else if (said.ask === 'export') {
    const { position, chunks } = await startExport(queries, said.filter, said.format);
    exporting.set(id, chunks);
    tell({ id, value: position });
  } else if (said.ask === 'more') {
    const next = await exporting.get(id)?.next();
    if (next?.done === false) tell({ id, chunk: next.value }, [next.value.buffer as ArrayBuffer]);
    else {
      exporting.delete(id);
      tell({ id, chunk: null });
    }
  } else {
    await exporting.get(id)?.return(undefined);
    exporting.delete(id);
  }
}

function tell(said: Answer, moved: ArrayBuffer[] = []): void {
  port.postMessage(said, moved);
}

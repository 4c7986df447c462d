/** Whole selections as bytes, and the pages that may take long to find: the reads that must not stand in an acknowledgement's way. */
import { Readable } from 'node:stream';
import { Problem } from '../errors.ts';
import type { Queries } from '../store/queries.ts';
import type { LinkFilter } from '../store/queries-links.ts';
import { linksAsCsv } from './csv.ts';
import { linksAsNdjson } from './ndjson.ts';
import { linksAsParquet } from './parquet.ts';

export const EXPORT_FORMATS = ['csv', 'ndjson', 'parquet'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface LinkExport {
  /** Where the change feed goes on: read before the first row, so that nothing is missed, though some may be seen twice. */
  position: number;
  /** Read no faster than it is consumed: a reader that stops costs a few pages of memory, and holds no lock and no transaction. */
  body: Readable;
}

export interface HeavyReads {
  /** As `Queries.links`. */
  links: Queries['links'];
  /** All links of a selection, in row order. */
  exportLinks(filter: LinkFilter, format: ExportFormat): Promise<LinkExport>;
  close(): Promise<void>;
}

/** On a store whose queries run elsewhere anyway. */
export function readsOn(queries: Queries): HeavyReads {
  return {
    links: queries.links,
    exportLinks: limited(async (filter, format) => {
      const { position, chunks } = await startExport(queries, filter, format);
      return { position, body: Readable.from(chunks, { objectMode: false, highWaterMark: READ_AHEAD }) };
    }),
    close: async () => undefined,
  };
}

/** At once; each holds a connection of its client's and up to one row group in memory. */
const MOST_EXPORTS = 8;

/** Refuses an export while as many as may be are under way. */
export function limited(start: HeavyReads['exportLinks']): HeavyReads['exportLinks'] {
  let open = 0;
  return async (filter, format) => {
    if (open >= MOST_EXPORTS) throw new Problem(429, 'Too many exports at once', {}, { 'retry-after': '10' });
    open += 1;
    let done = false;
    const end = (): void => {
      if (!done) open -= 1;
      done = true;
    };
    try {
      const started = await start(filter, format);
      started.body.once('close', end);
      return started;
    } catch (error) {
      end();
      throw error;
    }
  };
}

/** Bytes made ahead of the consumer. */
export const READ_AHEAD = 1 << 19;

export async function startExport(
  queries: Queries,
  filter: LinkFilter,
  format: ExportFormat,
): Promise<{ position: number; chunks: AsyncGenerator<Uint8Array> }> {
  const position = await queries.lastPosition();
  const pages = queries.linkPages(filter);
  const chunks = format === 'csv' ? linksAsCsv(pages) : format === 'ndjson' ? linksAsNdjson(pages) : linksAsParquet(pages);
  return { position, chunks };
}

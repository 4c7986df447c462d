/** Whole selections as bytes, and the pages that may take long to find: the reads that must not stand in an acknowledgement's way. */
import { Readable } from 'node:stream';
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
    async exportLinks(filter, format) {
      const { position, chunks } = await startExport(queries, filter, format);
      return { position, body: Readable.from(chunks, { objectMode: false, highWaterMark: READ_AHEAD }) };
    },
    close: async () => undefined,
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

/** Links as NDJSON: one JSON object a line, times in milliseconds. */
import { Readable } from 'node:stream';
import type { LinkRow } from '../store/link-row.ts';

export function linksAsNdjson(links: AsyncIterable<LinkRow>): Readable {
  return Readable.from(lines(links));
}

async function* lines(links: AsyncIterable<LinkRow>): AsyncGenerator<string> {
  for await (const link of links) yield `${JSON.stringify(link)}\n`;
}

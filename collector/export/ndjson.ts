/** Links as NDJSON: one JSON object a line, as the API shows them, times in milliseconds. */
import type { LinkRow } from '../store/link-row.ts';

export async function* linksAsNdjson(pages: AsyncIterable<readonly LinkRow[]>): AsyncGenerator<Uint8Array> {
  for await (const page of pages) if (page.length > 0) yield encoder.encode(ndjsonRows(page));
}

export function ndjsonRows(links: readonly LinkRow[]): string {
  let text = '';
  for (const link of links) text += `${JSON.stringify(link)}\n`;
  return text;
}

const encoder = new TextEncoder();

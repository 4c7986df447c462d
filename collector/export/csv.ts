/** Links as CSV: the one writer of every CSV that leaves Footfall. No cell, header included, can be run as a formula. */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { LinkRow } from '../store/link-row.ts';

/** The columns of a link, in the order of docs/linking.md's table. */
export const LINK_COLUMNS = [
  ...['site', 'session_id', 'anonymous_id', 'segment', 'started_at', 'ended_at', 'events', 'status', 'customer_id', 'person_id'],
  ...['rule', 'strength', 'evidence_event_id', 'evidence_type', 'evidence_at', 'evidence_gap_ms', 'candidates', 'owners'],
  ...['policy_version', 'link_version', 'changed_at', 'cause_event_id', 'landing_page', 'referrer', 'channel', 'source', 'medium'],
  ...['campaign', 'click_id', 'device_type', 'bot', 'page_views', 'scans', 'products', 'orders', 'revenue', 'currency'],
] as (keyof LinkRow)[];

const TIMES: ReadonlySet<keyof LinkRow> = new Set(['started_at', 'ended_at', 'evidence_at', 'changed_at']);

export function linksAsCsv(links: AsyncIterable<LinkRow>): Readable {
  const writer = stringify({ header: true, columns: LINK_COLUMNS, record_delimiter: '\r\n', quoted_match: /[\r\n\t]/ });
  return Readable.from(records(links)).pipe(writer);
}

async function* records(links: AsyncIterable<LinkRow>): AsyncGenerator<string[]> {
  for await (const link of links) yield LINK_COLUMNS.map((column) => cell(column, link[column]));
}

function cell(column: keyof LinkRow, value: LinkRow[keyof LinkRow]): string {
  if (value === null) return '';
  if (typeof value === 'number') return TIMES.has(column) ? new Date(value).toISOString() : String(value);
  return neutral(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** Text that a spreadsheet would run gets an apostrophe in front; plain numbers stay numbers. */
export function neutral(text: string): string {
  return /^[\s]*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) && !/^-?\d+(?:\.\d+)?$/.test(text) ? `'${text}` : text;
}

/** Links as CSV (RFC 4180, UTF-8, times as ISO 8601, lists as JSON). No cell, header included, can be run as a formula. */
import type { LinkRow } from '../store/link-row.ts';
import { LINK_COLUMNS, type LinkColumn } from './columns.ts';

export async function* linksAsCsv(pages: AsyncIterable<readonly LinkRow[]>): AsyncGenerator<Uint8Array> {
  yield encoder.encode(csvHeader());
  for await (const page of pages) yield encoder.encode(csvRows(page));
}

const encoder = new TextEncoder();

export function csvHeader(): string {
  return `${LINK_COLUMNS.map(({ name }) => quoted(neutral(name))).join(',')}\r\n`;
}

export function csvRows(links: readonly LinkRow[]): string {
  let text = '';
  for (const link of links) {
    for (let i = 0; i < LINK_COLUMNS.length; i++) {
      const column = LINK_COLUMNS[i] as LinkColumn;
      if (i > 0) text += ',';
      text += cell(column, link[column.name]);
    }
    text += '\r\n';
  }
  return text;
}

function cell({ kind }: LinkColumn, value: LinkRow[keyof LinkRow]): string {
  if (value === null) return '';
  if (kind === 'text') return quoted(neutral(String(value)));
  if (kind === 'time') return new Date(value as number).toISOString();
  if (kind === 'list') return quoted(neutral(JSON.stringify(value)));
  return String(value);
}

/**
 * Text that a spreadsheet would run gets an apostrophe in front; plain numbers stay numbers. The same behind every character at which
 * a spreadsheet of another country, told nothing, begins a new cell: there the quotes around this one mean nothing.
 */
export function neutral(text: string): string {
  const inner = SEPARATED.test(text) ? text.replace(new RegExp(SEPARATED, 'g'), "$1'$2") : text;
  return LEADING.test(inner) && !/^-?\d+(?:\.\d+)?$/.test(inner) ? `'${inner}` : inner;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const LEADING = /^[\s\u0000-\u001f\u00a0\u200b-\u200f\u2060\ufeff]*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const SEPARATED = /([;\t\r\n][\s"'\u0000-\u001f\u00a0\u200b-\u200f\u2060\ufeff]*)([=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/;

function quoted(text: string): string {
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const NEEDS_QUOTES = /[",;\r\n\t]|^\s|\s$/;

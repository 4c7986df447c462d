/** Reads a CSV file of codes, line by line: each row a code, or a reject that names its line, field and reason. */
import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse';
import { CodeBody } from './code-body.ts';

export interface Reject {
  /** Counted from 1, the header included. */
  line: number;
  field: string | null;
  reason: string;
}

export interface CsvCode {
  line: number;
  body: CodeBody;
}

export const CSV_ROWS = 10_000;
export const CSV_COLUMNS = [
  ...['code', 'target', 'label', 'kind', 'customer_id', 'single_use', 'store_id', 'store_name', 'store_gln', 'placement'],
  ...['sku', 'gtin', 'campaign', 'valid_from', 'valid_until', 'fallback', 'active'],
] as const;
/** Rows between two of which other requests get their turn. */
const TURN = 250;

/** Comma, semicolon or tab between the columns, as the header line has it; UTF-8, with or without a byte order mark. */
export async function readCodesCsv(bytes: Buffer): Promise<{ codes: CsvCode[]; rejected: Reject[] }> {
  const codes: CsvCode[] = [];
  const rejected: Reject[] = [];
  const refuse = (line: number, field: string | null, reason: string): void => void rejected.push({ line, field, reason });
  const badLines = encodingFaults(bytes);
  for (const { line, reason } of badLines) refuse(line, null, reason);
  if (badLines.some(({ line }) => line === 1)) return { codes, rejected };

  const [header = ''] = bytes
    .toString()
    .replace(/^\uFEFF/, '')
    .split(/\r?\n|\r/, 1);
  const delimiter = [',', ';', '\t'].find((candidate) => header.includes(candidate)) ?? ',';
  const columns = header.split(delimiter).map((cell) =>
    cell
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase(),
  );
  const unknown = columns.find((column) => !(CSV_COLUMNS as readonly string[]).includes(column));
  if (unknown !== undefined) refuse(1, unknown.slice(0, 64), `no such column: expected some of ${CSV_COLUMNS.join(', ')}`);
  const twice = columns.find((column, index) => columns.indexOf(column) !== index);
  if (twice !== undefined) refuse(1, twice, 'the column is there twice');
  if (!columns.includes('target')) refuse(1, 'target', 'the column is missing');
  if (rejected.some(({ line }) => line === 1)) return { codes, rejected };

  const bad = new Set(badLines.map(({ line }) => line));
  const seen = new Map<string, number>();
  const text = bytes.subarray(bytes.indexOf('\uFEFF') === 0 ? 3 : 0);
  const parser = parse(text, { delimiter, info: true, relax_column_count: true, skip_empty_lines: true });
  let rows = -1;
  let line = 1;
  let start = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { bytes: number } }>) {
      rows += 1;
      if (rows % TURN === 0) await new Promise((next) => setImmediate(next));
      // Blank lines were skipped, and a cell may hold line breaks: the row's line is that of its first byte.
      for (; text[start] === 10 || text[start] === 13; start += 1) if (text[start] === 10) line += 1;
      const here = line;
      for (; start < info.bytes; start += 1) if (text[start] === 10) line += 1;
      if (rows === 0) continue;
      if (bad.has(here) || record.every((cell) => cell.trim() === '')) continue;
      if (rows > CSV_ROWS) {
        refuse(here, null, `more than ${CSV_ROWS} rows: split the file`);
        break;
      }
      if (record.length !== columns.length) {
        refuse(here, null, `${record.length} cells where the header has ${columns.length}`);
        continue;
      }
      const cells = Object.fromEntries(columns.map((column, index) => [column, (record[index] ?? '').trim()]));
      const read = bodyOf(cells);
      if ('reason' in read) refuse(here, read.field, read.reason);
      else if (read.body.code !== undefined && seen.has(read.body.code))
        refuse(here, 'code', `the same code as in line ${seen.get(read.body.code)}`);
      else {
        if (read.body.code !== undefined) seen.set(read.body.code, here);
        codes.push({ line: here, body: read.body });
      }
    }
  } catch (error) {
    const upTo = error instanceof Error && 'lines' in error ? Number(error.lines) : line;
    refuse(upTo, null, `the file cannot be read on from here: ${(error as Error).message.split(' on line')[0]}`);
  }
  return { codes, rejected: rejected.sort((a, b) => a.line - b.line) };
}

function bodyOf(cells: Record<string, string>): { body: CodeBody } | { field: string; reason: string } {
  const text = (column: string): string | undefined => cells[column] || undefined;
  const flags: Record<string, boolean> = {};
  for (const column of ['active', 'single_use']) {
    const value = text(column)?.toLowerCase();
    if (value === undefined) continue;
    const flag = YES_NO[value];
    if (flag === undefined) return { field: column, reason: 'expected true or false' };
    flags[column] = flag;
  }
  const times: Record<string, number> = {};
  for (const column of ['valid_from', 'valid_until']) {
    const value = text(column);
    if (value === undefined) continue;
    const time = /^\d{12,15}$/.test(value) ? Number(value) : /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(time)) return { field: column, reason: 'expected ISO 8601 or milliseconds since 1970' };
    times[column] = time;
  }
  const [store_id, store_name, store_gln, sku, gtin] = ['store_id', 'store_name', 'store_gln', 'sku', 'gtin'].map(text);
  if (store_id === undefined && (store_name !== undefined || store_gln !== undefined))
    return { field: 'store_id', reason: 'needed beside store_name and store_gln' };
  const result = CodeBody.safeParse({
    ...Object.fromEntries(PLAIN.flatMap((column) => (text(column) === undefined ? [] : [[column, text(column)]]))),
    ...flags,
    ...times,
    ...(store_id !== undefined && {
      store: { id: store_id, ...(store_name && { name: store_name }), ...(store_gln && { gln: store_gln }) },
    }),
    ...((sku ?? gtin) !== undefined && { product: { ...(sku && { sku }), ...(gtin && { gtin }) } }),
  });
  if (result.success) return { body: result.data };
  const [issue] = result.error.issues;
  const path = issue?.path.join('.') ?? '';
  const field = COLUMN_OF[path] ?? path;
  return { field, reason: text(field) === undefined && field === 'target' ? 'missing' : (issue?.message ?? 'does not fit') };
}

const PLAIN = ['code', 'target', 'label', 'kind', 'customer_id', 'placement', 'campaign', 'fallback'];
const YES_NO: Record<string, boolean> = { true: true, yes: true, '1': true, false: false, no: false, '0': false };
const COLUMN_OF: Record<string, string> = {
  'store.id': 'store_id',
  'store.name': 'store_name',
  'store.gln': 'store_gln',
  'product.sku': 'sku',
  'product.gtin': 'gtin',
};

/** Lines that are no UTF-8, or hold zero bytes. */
function encodingFaults(bytes: Buffer): { line: number; reason: string }[] {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') return [{ line: 1, reason: 'the file is UTF-16: save it as UTF-8' }];
  if (bytes.length === 0) return [{ line: 1, reason: 'the file is empty' }];
  if (isUtf8(bytes) && !bytes.includes(0)) return [];
  const faults: { line: number; reason: string }[] = [];
  for (let start = 0, line = 1; start < bytes.length && faults.length < FAULTS; line += 1) {
    const end = bytes.indexOf(10, start);
    const row = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (row.includes(0)) faults.push({ line, reason: 'holds a zero byte: not a text file, or UTF-16' });
    else if (!isUtf8(row)) faults.push({ line, reason: 'is not UTF-8' });
    start = end === -1 ? bytes.length : end + 1;
  }
  return faults;
}

const FAULTS = 1_000;

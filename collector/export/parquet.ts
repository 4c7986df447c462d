/** Links as Parquet: a row group at a time, so that memory does not grow with the file. */
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { LinkRow } from '../store/link-row.ts';
import { type ColumnKind, LINK_COLUMNS, type LinkColumn } from './columns.ts';

/** A group ends at so many rows, or letters: what an export holds in memory at once. */
const GROUP_ROWS = 20_000;
const GROUP_LETTERS = 12_000_000;

/** Times are TIMESTAMP (milliseconds, UTC), lists JSON text, money a decimal string. */
export async function* linksAsParquet(pages: AsyncIterable<readonly LinkRow[]>, groupRows = GROUP_ROWS): AsyncGenerator<Uint8Array> {
  const writer = new ByteWriter(1 << 20);
  const parquet = new ParquetWriter({
    writer,
    schema: SCHEMA,
    createdBy: 'footfall',
  });
  const take = (): Uint8Array => {
    const bytes = writer.getBytes().slice();
    writer.index = 0;
    return bytes;
  };
  let columns = emptyColumns();
  let rows = 0;
  let letters = 0;
  const writeGroup = (): Uint8Array => {
    void parquet.write({
      columnData: LINK_COLUMNS.map(({ name }, i) => ({ name, data: columns[i] ?? [], offsetIndex: false })),
      rowGroupSize: Math.max(rows, 1),
    });
    columns = emptyColumns();
    rows = 0;
    letters = 0;
    return take();
  };
  for await (const page of pages) {
    for (const link of page) {
      for (let i = 0; i < LINK_COLUMNS.length; i++) {
        const { name, kind } = LINK_COLUMNS[i] as LinkColumn;
        const cell = value(kind, link[name]);
        columns[i]?.push(cell);
        if (typeof cell === 'string') letters += cell.length;
      }
      rows += 1;
      if (rows === groupRows || letters > GROUP_LETTERS) yield writeGroup();
    }
  }
  if (rows > 0) yield writeGroup();
  void parquet.finish();
  yield take();
}

const TYPES: Record<ColumnKind, Pick<SchemaElement, 'type' | 'converted_type'>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  list: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  integer: { type: 'INT32' },
  bigint: { type: 'INT64' },
  flag: { type: 'BOOLEAN' },
};

const SCHEMA: SchemaElement[] = [
  { name: 'root', num_children: LINK_COLUMNS.length },
  ...LINK_COLUMNS.map(
    ({ name, kind, nullable }): SchemaElement => ({ name, ...TYPES[kind], repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' }),
  ),
];

function emptyColumns(): unknown[][] {
  return LINK_COLUMNS.map(() => []);
}

function value(kind: ColumnKind, raw: LinkRow[keyof LinkRow]): unknown {
  if (raw === null) return null;
  if (kind === 'time') return new Date(raw as number);
  if (kind === 'bigint') return BigInt(raw as number);
  return kind === 'list' ? JSON.stringify(raw) : raw;
}

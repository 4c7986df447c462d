/** A table of rows that came all at once: turned here, page by page, so that a long one stays light. */
import { useSignal } from '@preact/signals';
import { formatCount } from '../words.ts';
import { type Column, Pager, Table } from './table.tsx';

interface PagedTableProps<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  classOf?: (row: Row) => string;
  /** Rows of one page. */
  size?: number;
}

export function PagedTable<Row>({ rows, size = 25, ...table }: PagedTableProps<Row>) {
  const before = useSignal<readonly string[]>([]);
  const start = Math.min(Number(before.value.at(-1) ?? 0), rows.length);
  const end = start + size;
  return (
    <>
      <Table {...table} rows={rows.slice(start, end)} />
      {rows.length > size && (
        <Pager
          before={before.value}
          next={end < rows.length ? String(end) : null}
          onTurn={(turned) => {
            before.value = turned;
          }}
        >
          of {formatCount(Math.ceil(rows.length / size))}
        </Pager>
      )}
    </>
  );
}

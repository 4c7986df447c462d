/** A table whose rows are chosen, and what can be decided about the chosen ones at once. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { distinct } from '../review.ts';
import { mayDo } from '../session.ts';
import { formatCount } from '../words.ts';
import type { Statement } from './decide.tsx';
import { PagedTable } from './paged-table.tsx';
import type { Column } from './table.tsx';

export interface Deed<Row> {
  verb: string;
  /** What the dialog asks. */
  title: string;
  /** Nothing: there is nothing to decide about this row. */
  statements: (row: Row) => Statement[];
}

export interface Choice {
  verb: string;
  title: string;
  statements: readonly Statement[];
}

interface ChooseTableProps<Row> {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** What a row is called, for those who cannot see it. */
  nameOf: (row: Row) => string;
  deeds: readonly Deed<Row>[];
  onDecide: (choice: Choice) => void;
  classOf?: (row: Row) => string;
  children?: ComponentChildren;
}

const PAGE = 50;

export function ChooseTable<Row>({ columns, rows, keyOf, nameOf, deeds, onDecide, children, ...table }: ChooseTableProps<Row>) {
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const decides = mayDo('admin');
  const here = rows.filter((row) => chosen.value.has(keyOf(row)));
  const can = rows.filter((row) => deeds.some(({ statements }) => statements(row).length > 0)).slice(0, MOST);
  const toggle = (key: string): void => {
    const next = new Set(chosen.value);
    if (!next.delete(key)) next.add(key);
    chosen.value = next;
  };
  const box: Column<Row> = {
    name: 'choose',
    title: '',
    cell: (row) => (
      <input
        type="checkbox"
        aria-label={`Choose ${nameOf(row)}`}
        checked={chosen.value.has(keyOf(row))}
        onChange={() => toggle(keyOf(row))}
      />
    ),
  };
  return (
    <>
      {decides && (
        <fieldset class="deeds" aria-label="Decide about the chosen ones">
          <label>
            <input
              type="checkbox"
              checked={can.length > 0 && can.every((row) => chosen.value.has(keyOf(row)))}
              onChange={({ currentTarget }) => {
                chosen.value = new Set(currentTarget.checked ? can.map(keyOf) : []);
              }}
            />{' '}
            All {formatCount(can.length)}
          </label>
          <span class="quiet" role="status">
            {formatCount(here.length)} chosen
          </span>
          {deeds.map(({ verb, title, statements }) => {
            const said = distinct(here.flatMap(statements));
            return (
              <button key={verb} type="button" disabled={said.length === 0} onClick={() => onDecide({ verb, title, statements: said })}>
                {verb} …
              </button>
            );
          })}
        </fieldset>
      )}
      <PagedTable {...table} columns={decides ? [box, ...columns] : columns} rows={rows} keyOf={keyOf} size={PAGE} />
      {children}
    </>
  );
}

/** Decided at once: each is a request. */
const MOST = 100;

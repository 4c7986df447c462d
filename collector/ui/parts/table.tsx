/** A table: columns that a narrow screen folds into cards, and pages instead of ever more rows. */
import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  name: string;
  /** Its heading; '' for buttons, which need none. */
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** `number` is aligned to the end. `minor` goes first where there is little room. */
  kind?: 'number' | 'minor' | 'minor-number' | undefined;
}

interface TableProps<Row> {
  /** What the table holds, for those who cannot see it. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  classOf?: (row: Row) => string;
}

export function Table<Row>({ caption, columns, rows, keyOf, classOf }: TableProps<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable without a mouse.
    <section class="table-frame" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, title, kind }) => (
              <th key={name} scope="col" class={classOfKind(kind)}>
                {title || <span class="unseen">Actions</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} class={classOf?.(row)}>
              {columns.map(({ name, title, cell, kind }) => (
                <td key={name} class={`c-${name} ${classOfKind(kind)}`} data-title={title}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function classOfKind(kind: string | undefined): string {
  return kind ? `is-${kind.replace('-', ' is-')}` : '';
}

interface PagerProps {
  /** Where the pages before this one began: as many as there are. */
  before: readonly string[];
  next: string | null;
  onTurn: (before: readonly string[]) => void;
  children?: ComponentChildren;
}

/** Turns pages of an endpoint with cursors: a page of 100,000 rows stays as light as the first. */
export function Pager({ before, next, onTurn, children }: PagerProps) {
  return (
    <nav class="pager" aria-label="Pages of the table">
      <button type="button" disabled={before.length === 0} onClick={() => onTurn(before.slice(0, -1))}>
        Previous
      </button>
      <span class="quiet">
        Page {before.length + 1} {children}
      </span>
      <button type="button" disabled={next === null} onClick={() => next !== null && onTurn([...before, next])}>
        Next
      </button>
    </nav>
  );
}

/** Stores by products: in each cell who scanned there and who of them bought, the more of it the darker. */
import type { Cell, ReportRow, StoreRow } from '../codes.ts';
import { gridOf, shareText } from '../codes.ts';
import { formatCount } from '../words.ts';

interface CodeGridProps {
  rows: readonly ReportRow[];
  stores: readonly StoreRow[];
}

export function CodeGrid({ rows, stores }: CodeGridProps) {
  const grid = gridOf(rows);
  const nameOf = (id: string | null): string => (id === null ? 'no store' : (stores.find((store) => store.id === id)?.name ?? id));
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable without a mouse. */}
      <section class="table-frame" tabIndex={0} aria-label="Stores by products">
        <table class="grid">
          <caption class="unseen">People who bought, of those who scanned, by store and product</caption>
          <thead>
            <tr>
              <th scope="col">Store</th>
              {grid.products.map((product) => (
                <th key={product} scope="col" title={product ?? undefined}>
                  <bdi>{product ?? 'no product'}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {grid.stores.map((store) => (
              <tr key={store}>
                <th scope="row">
                  <bdi>{nameOf(store)}</bdi>
                </th>
                {grid.products.map((product) => (
                  <GridCell key={product} cell={grid.at(store, product)} most={grid.most.purchases} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="quiet small">
        People who bought, of those who scanned, and their share; the more people bought, the darker. Anything they bought counts; their
        code’s own product is in the table below.
        {(grid.stores_left > 0 || grid.products_left > 0) &&
          ` The busiest are shown: ${formatCount(grid.stores_left)} more stores and ${formatCount(grid.products_left)} more products were scanned.`}
      </p>
    </>
  );
}

/** Of the accent at most so much, so that text on it keeps its contrast. */
const DARKEST = 40;

function GridCell({ cell, most }: { cell: Cell | undefined; most: number }) {
  if (!cell) return <td class="quiet">—</td>;
  const tint = most === 0 ? 0 : Math.round((cell.purchases / most) * DARKEST);
  return (
    <td style={{ background: `color-mix(in srgb, var(--accent) ${tint}%, var(--card))` }} title={`${formatCount(cell.scans)} scans`}>
      <b>{formatCount(cell.purchases)}</b> of {formatCount(cell.people)} <span class="small">{shareText(cell.purchases, cell.people)}</span>
    </td>
  );
}

/** How much of the traffic has a name, and by which rule: figures and one bar that filters the table below. */
import type { Signal } from '@preact/signals';
import type { Summary as Figures } from '../links-table.ts';
import type { LinkRow, Outcome } from '../types.ts';
import { formatCount, OUTCOME_MEANING, spoken } from '../words.ts';
import { FigureList } from './figures.tsx';

interface SummaryProps {
  figures: Figures;
  rows: readonly LinkRow[];
  filter: Signal<Outcome | null>;
}

export function Summary({ figures, rows, filter }: SummaryProps) {
  const share = figures.segments === 0 ? 0 : figures.linked / figures.segments;
  const customers = new Set(rows.map((row) => row.customer_id).filter(Boolean)).size;
  const scans = rows.reduce((sum, row) => sum + (row.scans?.length ?? 0), 0);
  return (
    <section class="summary panel" aria-label={`The newest ${formatCount(figures.segments)} links`}>
      <FigureList
        figures={[
          { name: 'newest sessions', value: formatCount(figures.sessions) },
          { name: 'linked', value: `${Math.floor(share * 1000) / 10} %`, strong: true },
          { name: 'customers', value: formatCount(customers) },
          { name: 'scans', value: formatCount(scans) },
        ]}
      />
      <div class="rules">
        <div class="share" aria-hidden="true">
          {figures.outcomes.map(({ outcome, count }) => (
            <span key={outcome} class={`is-${outcome}`} style={{ flexGrow: count }} title={`${spoken(outcome)}: ${formatCount(count)}`} />
          ))}
        </div>
        <fieldset class="legend" aria-label="Show only">
          {figures.outcomes.map(({ outcome, count }) => (
            <button
              key={outcome}
              type="button"
              class={`outcome is-${outcome}`}
              aria-pressed={filter.value === outcome}
              title={OUTCOME_MEANING[outcome]}
              onClick={() => {
                filter.value = filter.value === outcome ? null : outcome;
              }}
            >
              {spoken(outcome)} <b>{formatCount(count)}</b>
            </button>
          ))}
        </fieldset>
      </div>
    </section>
  );
}

/** How much of the traffic has a name, and by which rule: figures and one bar that filters the table below. */
import type { Signal } from '@preact/signals';
import type { Summary as Figures } from '../links-table.ts';
import type { Outcome } from '../types.ts';
import { formatCount, OUTCOME_MEANING, spoken } from '../words.ts';

interface SummaryProps {
  figures: Figures;
  customers: number;
  scans: number;
  /** What the figures are of, where not all links are here. */
  scope: string | null;
  filter: Signal<Outcome | null>;
}

export function Summary({ figures, customers, scans, scope, filter }: SummaryProps) {
  const share = figures.segments === 0 ? 0 : figures.linked / figures.segments;
  return (
    <section class="summary" aria-label="Figures">
      <dl class="figures">
        <Figure name="sessions" value={formatCount(figures.sessions)} note={scope ?? 'all of them'} />
        <Figure name="linked" value={`${Math.floor(share * 1000) / 10} %`} note={`${formatCount(figures.linked)} to a customer`} strong />
        <Figure name="customers" value={formatCount(customers)} note="named by these links" />
        <Figure name="scans" value={formatCount(scans)} note="in these sessions" />
      </dl>
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

function Figure({ name, value, note, strong = false }: { name: string; value: string; note: string; strong?: boolean }) {
  return (
    <div class={strong ? 'figure is-strong' : 'figure'}>
      <dt>{name}</dt>
      <dd>
        {value} <span class="quiet">{note}</span>
      </dd>
    </div>
  );
}

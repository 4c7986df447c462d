/** Where do we lose them? From how they came to what they bought, by person and, beside it, by device as other tools count. */
import { type FunnelRow, stepsOf } from '../funnel.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Empty } from '../parts/empty.tsx';
import { type Filter, FilterBar } from '../parts/filter-bar.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { formatCount, formatDay } from '../words.ts';

interface Funnel {
  from: number;
  to: number;
  rows: FunnelRow[];
}

const FILTERS: readonly Filter[] = [
  { name: 'from', label: 'From', kind: 'day' },
  { name: 'to', label: 'Before', kind: 'day' },
];

export function FunnelPage({ api, site, query }: PageProps) {
  const { from = '', to = '' } = query;
  const read = (by: 'person' | 'browser'): Promise<Funnel> => api.get<Funnel>('/v1/reports/funnel', { site, by, from, to });
  const load = useLoad(async () => {
    const [persons, devices] = await Promise.all([read('person'), read('browser')]);
    return { persons, devices };
  }, [api, site, from, to]);
  return (
    <>
      <header class="page-head">
        <h1>Where do we lose them?</h1>
      </header>
      <FilterBar filters={FILTERS} query={query} />
      <Loaded of={load}>
        {({ persons, devices }) => {
          const rows = persons.rows.filter(({ entered }) => entered > 0);
          if (rows.length > 0) return <SideBySide persons={persons} devices={devices} />;
          if (!from && !to) return <FirstSteps site={site} />;
          return (
            <Empty title="Nobody came in these days">
              <p class="quiet">Take a filter away, or look at the days around it.</p>
            </Empty>
          );
        }}
      </Loaded>
    </>
  );
}

function SideBySide({ persons, devices }: { persons: Funnel; devices: Funnel }) {
  const rows = persons.rows.filter(({ entered }) => entered > 0);
  const all = rows.find(({ entry }) => entry === 'all');
  const same = devices.rows.find(({ entry }) => entry === 'all');
  return (
    <>
      <p class="quiet span">
        {formatDay(persons.from)} to {formatDay(persons.to)}. Who came to a later step counts at those before it. What people bought at the
        till counts where they are known.
      </p>
      {all && same && (
        <p class="finding">
          By person, <b>{percent(all.purchased / all.entered)}</b> bought. Counted by device it looks like{' '}
          <b>{percent(same.entered === 0 ? 0 : same.purchased / same.entered)}</b>: {formatCount(all.entered)} people came on{' '}
          {formatCount(same.entered)} devices, and who looks on one and buys on another is lost there.
        </p>
      )}
      {rows.map((row) => (
        <section key={row.entry} class="panel funnel" aria-label={NAMES[row.entry] ?? row.entry}>
          <h2>{NAMES[row.entry] ?? row.entry}</h2>
          <Bars title="by person" row={row} />
          <Bars title="by device" row={devices.rows.find(({ entry }) => entry === row.entry) ?? null} other />
        </section>
      ))}
    </>
  );
}

const NAMES: Readonly<Record<string, string>> = {
  all: 'Everybody',
  scan: 'Came by a scanned code',
  ad: 'Came by an ad',
  search: 'Came by a search',
  email: 'Came by e-mail',
  social: 'Came by social media',
  direct: 'Came directly',
  other: 'Came by other ways',
};

const STEP_NAMES = { entered: 'came', viewed: 'viewed products', carted: 'filled a cart', purchased: 'bought' } as const;

function Bars({ title, row, other = false }: { title: string; row: FunnelRow | null; other?: boolean }) {
  if (row === null) return null;
  return (
    <div class={other ? 'bars is-other' : 'bars'}>
      <h3>{title}</h3>
      <ol>
        {stepsOf(row).map(({ name, count, share, lost, worst }) => (
          <li key={name}>
            <span class="step">{STEP_NAMES[name]}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${share * 100}%` }} />
            </span>
            <span class="count">
              <b>{formatCount(count)}</b> {name !== 'entered' && percent(share)}
            </span>
            <span class={worst ? 'lost is-worst' : 'lost'}>{lost !== null && lost > 0 && `${percent(lost)} lost`}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

/** Can I trust it? What this collector did since its start, what arrived day by day, and what was refused. */
import { useSignal } from '@preact/signals';
import type { Api } from '../api.ts';
import { figuresBetween, type Reading, readMetrics } from '../live-figures.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Confirm } from '../parts/confirm.tsx';
import { FigureList } from '../parts/figures.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { mayDo } from '../session.ts';
import { formatCount, formatMoment, spoken } from '../words.ts';

interface HealthDay {
  day: string;
  received: number;
  late: number;
  bots: number;
  without_browser: number;
  consents: number;
  refusals: number;
}

interface Refused {
  reason: string;
  events: number;
  last_at: number;
}

interface Health {
  days: HealthDay[];
  failed: Refused[];
}

const DAYS = 14;

export function HealthPage({ api, site }: PageProps) {
  const health = useLoad(() => api.get<Health>('/v1/reports/health', { site, days: DAYS }), [api, site]);
  const reading = useLoad(async () => readMetrics(await (await fetch('/metrics')).text()), [site]);
  return (
    <>
      <header class="page-head">
        <h1>Can I trust it?</h1>
      </header>
      <section class="panel" aria-label="This collector since its start">
        <h2>This collector, since its start</h2>
        <Loaded of={reading}>{(values) => <SinceStart values={values} />}</Loaded>
      </section>
      <Loaded of={health}>
        {({ days, failed }) =>
          days.length === 0 && failed.length === 0 ? (
            <FirstSteps site={site} />
          ) : (
            <>
              <section class="panel" aria-label="Day by day">
                <h2>What arrived, day by day</h2>
                <p class="quiet small">
                  By the day of receipt (UTC). Late: more than an hour after it happened, kept by the tag until then.
                </p>
                <Table caption="Events by day" columns={DAY_COLUMNS} rows={[...days].reverse()} keyOf={({ day }) => day} />
              </section>
              <section class="panel" aria-label="Refused events">
                <h2>Refused, and kept</h2>
                {failed.length === 0 ? (
                  <p class="quiet">Nothing was refused: every event that came is stored.</p>
                ) : (
                  <RefusedEvents api={api} failed={failed} again={health.again} />
                )}
              </section>
            </>
          )
        }
      </Loaded>
    </>
  );
}

function SinceStart({ values }: { values: Reading }) {
  const { rejected, ack_p99_ms } = figuresBetween(new Map(), values, 0);
  const count = (name: string): number => values.get(name) ?? 0;
  const fates = labelled(values, 'footfall_events_total', 'fate');
  const dropped = labelled(values, 'footfall_dropped_total', 'reason');
  return (
    <FigureList
      figures={[
        ...fates.map(([fate, events]) => ({ name: spoken(fate), value: formatCount(events), strong: fate === 'stored' })),
        { name: 'refused', value: formatCount(rejected.reduce((sum, { count: events }) => sum + events, 0)) },
        ...dropped.map(([reason, parts]) => ({ name: `dropped: ${spoken(reason)}`, value: formatCount(parts) })),
        {
          name: '99 of 100 acknowledged within',
          value: ack_p99_ms === null ? '—' : Number.isFinite(ack_p99_ms) ? `${formatCount(ack_p99_ms)} ms` : '> 5 s',
        },
        { name: 'requests waiting', value: formatCount(count('footfall_submissions_waiting')) },
        { name: 'links waiting to be judged again', value: formatCount(count('footfall_relinks_waiting')) },
      ]}
    />
  );
}

/** What a counter says by one label: pairs of the label's value and the count, the largest first. */
export function labelled(values: Reading, name: string, label: string): [string, number][] {
  const start = `${name}{${label}="`;
  return [...values]
    .flatMap(([key, count]): [string, number][] => (key.startsWith(start) ? [[key.slice(start.length, -2), count]] : []))
    .sort((a, b) => b[1] - a[1]);
}

const DAY_COLUMNS: readonly Column<HealthDay>[] = [
  { name: 'day', title: 'Day', cell: ({ day }) => day },
  { name: 'received', title: 'Events', kind: 'number', cell: ({ received }) => formatCount(received) },
  { name: 'late', title: 'Late', kind: 'number', cell: ({ late, received }) => shareOf(late, received) },
  { name: 'bots', title: 'Bots', kind: 'number', cell: ({ bots, received }) => shareOf(bots, received) },
  { name: 'without', title: 'Without a browser', kind: 'number', cell: ({ without_browser }) => formatCount(without_browser) },
  { name: 'consents', title: 'Asked for consent', kind: 'number', cell: ({ consents }) => formatCount(consents) },
  { name: 'refusals', title: 'Refused it', kind: 'number', cell: ({ refusals, consents }) => shareOf(refusals, consents) },
];

function shareOf(part: number, whole: number): string {
  if (part === 0) return '0';
  return `${formatCount(part)} (${Math.round((part * 1_000) / whole) / 10} %)`;
}

interface Kept {
  failed_pk: number;
  event_id: string | null;
  reason: string;
  field: string | null;
  received_at: number;
  raw: string;
}

function RefusedEvents({ api, failed, again }: { api: Api; failed: readonly Refused[]; again: () => void }) {
  const shown = useSignal(false);
  const trying = useSignal(false);
  return (
    <>
      <Table caption="Refused events by reason" columns={REFUSED_COLUMNS} rows={failed} keyOf={({ reason }) => reason} />
      {mayDo('admin') && (
        <p class="buttons">
          <button type="button" aria-expanded={shown.value} onClick={() => (shown.value = !shown.value)}>
            {shown.value ? 'Hide them' : 'Look at them'}
          </button>
          <button type="button" onClick={() => (trying.value = true)}>
            Try them again
          </button>
        </p>
      )}
      {shown.value && <RawEvents api={api} />}
      {trying.value && (
        <Confirm
          title="Try the refused events again?"
          verb="Try again"
          reason={false}
          preview={async () => failed.reduce((sum, { events }) => sum + events, 0)}
          show={(events) => (
            <p>
              {formatCount(events)} events are read once more, with today’s rules. What is accepted now is stored and leaves this list; the
              rest stays.
            </p>
          )}
          act={() => api.send('POST', '/v1/failed/retry')}
          onDone={again}
          onClose={() => (trying.value = false)}
        />
      )}
    </>
  );
}

const REFUSED_COLUMNS: readonly Column<Refused>[] = [
  { name: 'reason', title: 'Reason', cell: ({ reason }) => spoken(reason) },
  { name: 'events', title: 'Events', kind: 'number', cell: ({ events }) => formatCount(events) },
  { name: 'last', title: 'Last', cell: ({ last_at }) => formatMoment(last_at) },
];

function RawEvents({ api }: { api: Api }) {
  const load = useLoad(() => api.get<{ failed: Kept[] }>('/v1/failed', { limit: 20 }), [api]);
  return (
    <Loaded of={load}>
      {({ failed }) => (
        <ul class="raw-events">
          {failed.map(({ failed_pk, reason, field, received_at, raw }) => (
            <li key={failed_pk}>
              <p class="quiet small">
                {formatMoment(received_at)} · {spoken(reason)} {field !== null && <bdi>{field}</bdi>}
              </p>
              <pre>
                <bdi>{raw.slice(0, SHOWN)}</bdi>
              </pre>
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  );
}

/** Characters of a refused event that are shown. */
const SHOWN = 2_000;

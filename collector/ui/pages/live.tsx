/** What is happening now? Figures of the last minutes, and links as they are made and changed. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { followLinks } from '../links-feed.ts';
import { newestFirst, outcomeOf, rowKey, summarise } from '../links-table.ts';
import type { PageProps } from '../pages.tsx';
import { Drawer } from '../parts/drawer.tsx';
import { Explain } from '../parts/explain.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { LINK_COLUMNS, whyColumn } from '../parts/link-columns.tsx';
import { LiveFigures } from '../parts/live-figures.tsx';
import { LiveSwitch } from '../parts/live-switch.tsx';
import { OutcomeMark } from '../parts/outcome.tsx';
import { Problem } from '../parts/problem.tsx';
import { Summary } from '../parts/summary.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Ticker } from '../parts/ticker.tsx';
import { openStream } from '../stream.ts';
import type { LinkRow, Outcome } from '../types.ts';
import { formatCount, shortId, spoken } from '../words.ts';

export function LivePage({ api, site }: PageProps) {
  const { stream, feed } = useMemo(() => {
    const stream = openStream({ site, onRefused: () => void api.get('/ui/session').catch(() => undefined) });
    return { stream, feed: followLinks(api, stream, site) };
  }, [api, site]);
  useEffect(
    () => () => {
      feed.stop();
      stream.stop();
    },
    [feed, stream],
  );
  const filter = useSignal<Outcome | null>(null);
  const asked = useSignal<LinkRow | null>(null);
  const rows = useComputed(() => newestFirst(feed.table.value.rows.values()));
  const figures = useComputed(() => summarise(rows.value));
  const chosen = useComputed(() => (filter.value === null ? rows.value : rows.value.filter((row) => outcomeOf(row) === filter.value)));
  const { fresh } = feed.table.value;
  const failure = feed.failure.value;
  const columns = useMemo(
    () => [...LINK_COLUMNS.map((column) => (column.name === 'outcome' ? freshOutcome(feed) : column)), whyColumn(ask)],
    [feed],
  );
  function ask(row: LinkRow): void {
    asked.value = row;
  }

  return (
    <>
      <header class="page-head">
        <h1>What is happening now?</h1>
        <LiveSwitch paused={feed.paused} waiting={failure !== null || stream.lost.value} />
      </header>
      {(stream.lost.value || (failure !== null && failure.kind !== 'refused')) && (
        <Problem
          failure={{ message: `${failure?.message ?? 'The connection is lost.'} What you see may be out of date. Trying again …` }}
        />
      )}
      {feed.loaded.value && rows.value.length === 0 ? (
        <FirstSteps site={site} />
      ) : (
        <>
          <LiveFigures paused={feed.paused} />
          {feed.loaded.value && (
            <>
              <Summary figures={figures.value} rows={rows.value} filter={filter} />
              <Ticker events={feed.events.value} />
              <Table
                caption="The newest links, what was decided last on top"
                columns={columns}
                rows={chosen.value.slice(0, SHOWN)}
                keyOf={(row) => `${rowKey(row)} ${row.changed_at}`}
                classOf={(row) => (fresh.has(rowKey(row)) ? 'is-fresh' : '')}
              />
              <p class="more quiet">
                The newest {formatCount(Math.min(SHOWN, chosen.value.length))} of {formatCount(chosen.value.length)}.{' '}
                <a href="#/links">All links</a>
              </p>
            </>
          )}
        </>
      )}
      {asked.value !== null && (
        <Drawer
          title={`Session ${shortId(asked.value.session_id)}`}
          onClose={() => {
            asked.value = null;
          }}
        >
          <Explain api={api} session={asked.value} version={feed.table.value.rows.get(rowKey(asked.value))?.changed_at ?? 0} />
        </Drawer>
      )}
    </>
  );
}

const SHOWN = 60;

/** The outcome, and for a minute after a change what it was before. */
function freshOutcome(feed: ReturnType<typeof followLinks>): Column<LinkRow> {
  return {
    name: 'outcome',
    title: 'Outcome',
    cell: (row) => {
      const mark = feed.table.value.fresh.get(rowKey(row));
      return (
        <>
          <OutcomeMark outcome={outcomeOf(row)} />
          {mark && <span class="was">{mark.was === null ? 'new' : `was ${spoken(mark.was)}`}</span>}
        </>
      );
    },
  };
}

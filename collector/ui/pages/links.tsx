/** The newest links: which sessions have a name by now, by which rule, and on what evidence. */
import { type Signal, useComputed, useSignal } from '@preact/signals';
import type { Api } from '../api.ts';
import type { LinksFeed } from '../links-feed.ts';
import { type Fresh, newestFirst, outcomeOf, rowKey, summarise } from '../links-table.ts';
import { Drawer } from '../parts/drawer.tsx';
import { Explain } from '../parts/explain.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { deviceIcon, Icon } from '../parts/icons.tsx';
import { OutcomeMark, StatusMark } from '../parts/outcome.tsx';
import { Summary } from '../parts/summary.tsx';
import { customerAddress } from '../route.ts';
import type { LinkRow, Outcome } from '../types.ts';
import { formatCount, formatMoment, formatSpan, joined, pathOf, placeOf, STRENGTH_MEANING, shortId, spoken } from '../words.ts';

export function LinksPage({ api, feed }: { api: Api; feed: LinksFeed }) {
  const filter = useSignal<Outcome | null>(null);
  const shown = useSignal(STEP);
  const asked = useSignal<LinkRow | null>(null);
  const rows = useComputed(() => newestFirst(feed.table.value.rows.values()));
  const figures = useComputed(() => summarise(rows.value));
  const customers = useComputed(() => new Set(rows.value.map((row) => row.customer_id).filter(Boolean)).size);
  const scans = useComputed(() => rows.value.reduce((sum, row) => sum + (row.scans?.length ?? 0), 0));
  const chosen = useComputed(() => (filter.value === null ? rows.value : rows.value.filter((row) => outcomeOf(row) === filter.value)));

  if (feed.loaded.value === 'no') return <p class="quiet waiting">{feed.failure.value === null ? 'Reading the newest links …' : ''}</p>;
  if (rows.value.length === 0) return <FirstSteps api={api} />;
  const scope = feed.loaded.value === 'newest' ? `the newest ${formatCount(figures.value.segments)} segments` : null;
  return (
    <>
      <h1 class="unseen">Newest links</h1>
      <Summary figures={figures.value} customers={customers.value} scans={scans.value} scope={scope} filter={filter} />
      <Table rows={chosen.value.slice(0, shown.value)} fresh={feed.table.value.fresh} asked={asked} />
      {chosen.value.length > shown.value && (
        <p class="more">
          <button
            type="button"
            onClick={() => {
              shown.value += STEP;
            }}
          >
            Show {formatCount(Math.min(STEP, chosen.value.length - shown.value))} more
          </button>{' '}
          <span class="quiet">of {formatCount(chosen.value.length)}</span>
        </p>
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

const STEP = 150;

interface TableProps {
  rows: readonly LinkRow[];
  fresh: ReadonlyMap<string, Fresh>;
  asked: Signal<LinkRow | null>;
}

function Table({ rows, fresh, asked }: TableProps) {
  return (
    <div class="table-frame">
      <table class="links">
        <caption class="unseen">The newest links, what was decided last on top</caption>
        <thead>
          <tr>
            {['Started', 'Session', 'Browser', 'Came by', 'Status', 'Customer', 'Rule', 'Strength', 'Evidence', 'Gap', ''].map((name) => (
              <th key={name} scope="col">
                {name || <span class="unseen">Explanation</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={`${rowKey(row)} ${row.changed_at}`} row={row} fresh={fresh.get(rowKey(row))} asked={asked} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ row, fresh, asked }: { row: LinkRow; fresh: Fresh | undefined; asked: Signal<LinkRow | null> }) {
  const outcome = outcomeOf(row);
  return (
    <tr class={`${fresh ? 'is-fresh' : ''} ${row.customer_id === null && !row.candidates?.length ? 'is-nameless' : ''}`}>
      <td class="c-started">{formatMoment(row.started_at)}</td>
      <td class="c-session">
        <code title={row.session_id}>{shortId(row.session_id)}</code>
        {row.segment > 0 && <span class="quiet"> part {row.segment + 1}</span>}
      </td>
      <td class="c-browser" title={joined(row.device_type, row.anonymous_id)}>
        <Icon name={deviceIcon(row.device_type)} />
        <code>{shortId(row.anonymous_id)}</code>
      </td>
      <td class="c-came">
        <CameBy row={row} />
      </td>
      <td class="c-status">
        <StatusMark status={row.status} />
        {fresh && <span class="was">{fresh.was === null ? 'new' : `was ${spoken(fresh.was)}`}</span>}
      </td>
      <td class="c-customer">
        {row.customer_id !== null ? (
          <a href={customerAddress(row.site, row.customer_id)} title={row.customer_id}>
            <bdi>{row.customer_id}</bdi>
          </a>
        ) : (
          <span class="quiet">{row.candidates && row.candidates.length > 0 ? `${row.candidates.length} candidates` : '—'}</span>
        )}
      </td>
      <td class="c-rule">{row.rule === null ? <span class="quiet">—</span> : <OutcomeMark outcome={outcome} />}</td>
      <td class="c-strength">
        {row.strength === null ? (
          <span class="quiet">—</span>
        ) : (
          <span class={`strength is-${row.strength}`} title={STRENGTH_MEANING[row.strength]}>
            {row.strength}
          </span>
        )}
      </td>
      <td class="c-evidence" title={row.evidence_event_id ?? ''}>
        {row.evidence_type === null ? (
          <span class="quiet">—</span>
        ) : (
          <>
            {spoken(row.evidence_type)} {row.evidence_at !== null && <span class="quiet">{formatMoment(row.evidence_at)}</span>}
          </>
        )}
      </td>
      <td class="c-gap">
        {row.evidence_gap_ms === null || row.rule === 'session' ? <span class="quiet">—</span> : formatSpan(row.evidence_gap_ms)}
      </td>
      <td class="c-why">
        <button
          class="plain"
          type="button"
          aria-label={`Why? Session ${shortId(row.session_id)}`}
          onClick={() => {
            asked.value = row;
          }}
        >
          why?
        </button>
      </td>
    </tr>
  );
}

/** What brought the session in: a scanned code, a campaign, a referrer; and where it landed. */
function CameBy({ row }: { row: LinkRow }) {
  const scan = row.scans?.[0];
  const way = scan ? placeOf(scan) : joined(row.source ?? row.channel, row.medium) || 'direct';
  const landing = pathOf(row.landing_page);
  return (
    <span class="clip" title={joined(way, row.campaign, landing)}>
      {scan && <Icon name="code" />}
      <bdi>{way}</bdi> <bdi class="quiet">{landing}</bdi>
    </span>
  );
}

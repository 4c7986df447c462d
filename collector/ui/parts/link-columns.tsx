/** The columns of a table of links, as the pages show it. */
import { outcomeOf } from '../links-table.ts';
import { customerAddress } from '../route.ts';
import type { LinkRow } from '../types.ts';
import { formatMoment, formatSpan, joined, pathOf, placeOf, STRENGTH_MEANING, shortId, spoken } from '../words.ts';
import { deviceIcon, Icon } from './icons.tsx';
import { OutcomeMark } from './outcome.tsx';
import type { Column } from './table.tsx';

const NOTHING = <span class="quiet">—</span>;

export const LINK_COLUMNS: readonly Column<LinkRow>[] = [
  { name: 'started', title: 'Started', cell: (row) => formatMoment(row.started_at) },
  { name: 'customer', title: 'Customer', cell: (row) => <Customer row={row} /> },
  { name: 'outcome', title: 'Outcome', cell: (row) => <OutcomeMark outcome={outcomeOf(row)} /> },
  {
    name: 'strength',
    title: 'Strength',
    kind: 'minor',
    cell: ({ strength }) =>
      strength === null ? (
        NOTHING
      ) : (
        <span class={`strength is-${strength}`} title={STRENGTH_MEANING[strength]}>
          {strength}
        </span>
      ),
  },
  {
    name: 'evidence',
    title: 'Evidence',
    cell: ({ evidence_type, evidence_event_id, evidence_at }) =>
      evidence_type === null ? (
        NOTHING
      ) : (
        <span title={evidence_event_id ?? ''}>
          {spoken(evidence_type)} {evidence_at !== null && <span class="quiet">{formatMoment(evidence_at)}</span>}
        </span>
      ),
  },
  {
    name: 'gap',
    title: 'Gap',
    kind: 'minor',
    cell: ({ evidence_gap_ms, rule }) => (evidence_gap_ms === null || rule === 'session' ? NOTHING : formatSpan(evidence_gap_ms)),
  },
  { name: 'came', title: 'Came by', cell: (row) => <CameBy row={row} /> },
  {
    name: 'browser',
    title: 'Browser',
    kind: 'minor',
    cell: ({ device_type, anonymous_id }) => (
      <span title={joined(device_type, anonymous_id)}>
        <Icon name={deviceIcon(device_type)} /> <code>{shortId(anonymous_id)}</code>
      </span>
    ),
  },
];

/** The button that asks why. */
export function whyColumn(onAsk: (row: LinkRow) => void): Column<LinkRow> {
  return {
    name: 'why',
    title: '',
    cell: (row) => (
      <button class="plain" type="button" aria-label={`Why? Session ${shortId(row.session_id)}`} onClick={() => onAsk(row)}>
        why?
      </button>
    ),
  };
}

function Customer({ row }: { row: LinkRow }) {
  const { customer_id, candidates } = row;
  if (customer_id !== null)
    return (
      <a class="clip" href={customerAddress(row.site, customer_id)} title={customer_id}>
        <bdi>{nameOf(customer_id)}</bdi>
      </a>
    );
  return candidates && candidates.length > 0 ? <span class="quiet">{candidates.length} candidates</span> : NOTHING;
}

/** A guest's customer id is a long digest: enough of it, and what it is. */
function nameOf(customerId: string): string {
  return /^email:[\da-f]{64}$/.test(customerId) ? `${customerId.slice(0, 14)}…` : customerId;
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

/** The lists of what is doubtful: ambiguous sessions, public browsers, possible hubs, possible merges; and what was decided. */
import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { Api } from '../api.ts';
import { rowKey } from '../links-table.ts';
import { useLoad } from '../load.ts';
import {
  type Decision,
  evidenceWords,
  type Kiosk,
  type MergeSuggestion,
  mergeOf,
  type PossibleHub,
  slipsOf,
  statementWords,
  takenBack,
} from '../review.ts';
import { addressOf, customerAddress } from '../route.ts';
import type { LinkRow, LinksPage } from '../types.ts';
import { formatCount, formatMoment, formatSpan, shortId } from '../words.ts';
import { type Choice, ChooseTable } from './choose-table.tsx';
import { Empty } from './empty.tsx';
import { LINK_COLUMNS, whyColumn } from './link-columns.tsx';
import { Loaded } from './loaded.tsx';
import { type Column, Pager } from './table.tsx';

export interface ListProps {
  api: Api;
  site: string;
  /** Rises with every decision: the lists are read again. */
  version: number;
  onDecide: (choice: Choice) => void;
  onWhy: (row: LinkRow) => void;
}

const PAGE = 100;

export function AmbiguousList({ api, site, version, onDecide, onWhy }: ListProps) {
  const before = useSignal<readonly string[]>([]);
  const cursor = before.value.at(-1);
  const load = useLoad(
    () => api.get<LinksPage>('/v1/links', { site, status: 'ambiguous', order: 'desc', limit: PAGE, cursor }),
    [api, site, cursor, version],
  );
  const columns = useMemo(() => {
    const of = (name: string): Column<LinkRow>[] => LINK_COLUMNS.filter((column) => column.name === name);
    return [...of('started'), CANDIDATES, ...of('came'), ...of('browser'), whyColumn(onWhy)];
  }, []);
  return (
    <Loaded of={load}>
      {({ links, next_cursor }) =>
        links.length === 0 && before.value.length === 0 ? (
          <Empty title="No session is ambiguous">
            <p class="quiet">One is where two customers were named on its browser around it: then nobody is named, and it stands here.</p>
          </Empty>
        ) : (
          <ChooseTable
            caption="Ambiguous sessions, the newest first"
            columns={columns}
            rows={links}
            keyOf={rowKey}
            nameOf={({ session_id }) => `session ${shortId(session_id)}`}
            deeds={[
              { verb: 'One person', title: 'Are the candidates one person?', statements: mergeOf },
              {
                verb: 'Public browser',
                title: 'Are these browsers public?',
                statements: ({ anonymous_id }) => [{ type: 'kiosk', anonymous_id }],
              },
              { verb: 'Only the nearest', title: 'Take back the claims of all but the nearest candidate?', statements: slipsOf },
            ]}
            onDecide={onDecide}
          >
            <Pager
              before={before.value}
              next={next_cursor}
              onTurn={(turned) => {
                before.value = turned;
              }}
            />
          </ChooseTable>
        )
      }
    </Loaded>
  );
}

const CANDIDATES: Column<LinkRow> = {
  name: 'candidates',
  title: 'Could be',
  cell: ({ site, candidates }) => (
    <span class="candidates">
      {(candidates ?? []).slice(0, 3).map(({ customer_id, evidence_event_id, gap_ms }) => (
        <span key={evidence_event_id}>
          <Name site={site} id={customer_id} /> <span class="quiet">{formatSpan(gap_ms)} away</span>
        </span>
      ))}
      {(candidates?.length ?? 0) > 3 && <span class="quiet">and {formatCount((candidates?.length ?? 0) - 3)} more</span>}
    </span>
  ),
};

function Name({ site, id }: { site: string; id: string }) {
  const shown = /^email:[\da-f]{64}$/.test(id) ? `${id.slice(0, 14)}…` : id;
  return (
    <a href={customerAddress(site, id)} title={id}>
      <bdi>{shown}</bdi>
    </a>
  );
}

export function KioskList({ api, site, version, onDecide }: ListProps) {
  const load = useLoad(() => api.get<{ kiosks: Kiosk[] }>('/v1/reports/kiosks', { site }), [api, site, version]);
  const columns: Column<Kiosk>[] = [
    {
      name: 'browser',
      title: 'Browser',
      cell: ({ anonymous_id }) => (
        <a href={addressOf(['links'], { anonymous_id })} title={anonymous_id}>
          <code>{shortId(anonymous_id)}</code>
        </a>
      ),
    },
    { name: 'why', title: 'Public', cell: ({ declared }) => <span>{DECLARED[declared ?? 'none']}</span> },
    { name: 'owners', title: 'People named at most', kind: 'number', cell: ({ owners }) => formatCount(owners) },
    { name: 'segments', title: 'Sessions', kind: 'number', cell: ({ segments }) => formatCount(segments) },
    { name: 'last', title: 'Last', cell: ({ last_at }) => formatMoment(last_at) },
  ];
  return (
    <Loaded of={load}>
      {({ kiosks }) =>
        kiosks.length === 0 ? (
          <Empty title="No browser is public">
            <p class="quiet">
              One is where three people or more were named within 30 days, where its pages say so (data-kiosk), or where you decide so.
            </p>
          </Empty>
        ) : (
          <ChooseTable
            caption="Public browsers"
            columns={columns}
            rows={kiosks}
            keyOf={({ anonymous_id }) => anonymous_id}
            nameOf={({ anonymous_id }) => `browser ${anonymous_id}`}
            deeds={[
              {
                verb: 'Public for good',
                title: 'Are these browsers public, whoever is named there?',
                statements: ({ anonymous_id, declared }) => (declared === 'decision' ? [] : [{ type: 'kiosk', anonymous_id }]),
              },
            ]}
            onDecide={onDecide}
          />
        )
      }
    </Loaded>
  );
}

const DECLARED = { page: 'its pages say so', decision: 'decided', none: 'by who was named' } as const;

export function HubList({ api, site, version, onDecide }: ListProps) {
  const load = useLoad(() => api.get<{ possible_hubs: PossibleHub[] }>('/v1/review/hubs', { site }), [api, site, version]);
  const columns: Column<PossibleHub>[] = [
    { name: 'customer', title: 'Customer', cell: ({ customer_id }) => <Name site={site} id={customer_id} /> },
    { name: 'browsers', title: 'Browsers in 30 days', kind: 'number', cell: ({ browsers }) => formatCount(browsers) },
    { name: 'claims', title: 'Times named', kind: 'number', cell: ({ claims }) => formatCount(claims) },
  ];
  return (
    <Loaded of={load}>
      {({ possible_hubs }) =>
        possible_hubs.length === 0 ? (
          <Empty title="No customer is on too many browsers">
            <p class="quiet">One who was named on more than 20 in 30 days stands here: a till, the staff, or a forged id.</p>
          </Empty>
        ) : (
          <ChooseTable
            caption="Customers on many browsers"
            columns={columns}
            rows={possible_hubs}
            keyOf={({ customer_id }) => customer_id}
            nameOf={({ customer_id }) => customer_id}
            deeds={[
              {
                verb: 'Nobody’s own',
                title: 'Are these ids nobody’s own?',
                statements: ({ customer_id }) => [{ type: 'hub', customer_id }],
              },
            ]}
            onDecide={onDecide}
          />
        )
      }
    </Loaded>
  );
}

export function MergeList({ api, site, version, onDecide }: ListProps) {
  const load = useLoad(() => api.get<{ merges: MergeSuggestion[] }>('/v1/reports/merges', { site }), [api, site, version]);
  const columns: Column<MergeSuggestion>[] = [
    {
      name: 'persons',
      title: 'May be one person',
      cell: ({ persons: [a, b] }) => (
        <>
          <Name site={site} id={a} /> and <Name site={site} id={b} />
        </>
      ),
    },
    {
      name: 'why-merge',
      title: 'Because of',
      cell: (row) => (
        <span class="candidates">
          {evidenceWords(row).map((words) => (
            <span key={words}>{words}</span>
          ))}
        </span>
      ),
    },
    {
      name: 'browsers',
      title: 'Browsers',
      cell: ({ anonymous_ids }) =>
        anonymous_ids.slice(0, 2).map((anonymous_id) => (
          <a key={anonymous_id} href={addressOf(['links'], { anonymous_id })} title={anonymous_id}>
            <code>{shortId(anonymous_id)}</code>{' '}
          </a>
        )),
    },
    { name: 'last', title: 'Last named', kind: 'minor', cell: ({ last_at }) => formatMoment(last_at) },
  ];
  return (
    <Loaded of={load}>
      {({ merges }) =>
        merges.length === 0 ? (
          <Empty title="Nobody seems to be two customers">
            <p class="quiet">
              Two stand here who gave the same e-mail address, or who were named on the very same browsers and nobody else there.
            </p>
          </Empty>
        ) : (
          <ChooseTable
            caption="Customers who may be one person"
            columns={columns}
            rows={merges}
            keyOf={({ persons }) => JSON.stringify(persons)}
            nameOf={({ persons }) => persons.join(' and ')}
            deeds={[
              {
                verb: 'One person',
                title: 'Are they one person?',
                statements: ({ persons }) => [{ type: 'merge', customers: persons, into: persons[0] }],
              },
            ]}
            onDecide={onDecide}
          />
        )
      }
    </Loaded>
  );
}

interface DecisionsPage {
  decisions: Decision[];
  next_cursor: string | null;
}

export function DecisionList({ api, site, version, onDecide }: ListProps) {
  const before = useSignal<readonly string[]>([]);
  /** What the pages before this one take back, each where that page's successor begins. */
  const gone = useMemo(() => new Map<string, ReadonlySet<string>>(), [site, version]);
  const cursor = before.value.at(-1);
  const load = useLoad(
    () => api.get<DecisionsPage>('/v1/decisions', { site, order: 'desc', limit: PAGE, cursor }),
    [api, site, cursor, version],
  );
  return (
    <Loaded of={load}>
      {({ decisions, next_cursor }) => {
        const back = takenBack(decisions, gone.get(cursor ?? ''));
        if (next_cursor !== null) gone.set(next_cursor, back);
        if (decisions.length === 0 && before.value.length === 0)
          return (
            <Empty title="Nothing was decided yet">
              <p class="quiet">What you decide stands here with its reason, and can be taken back: then all is as before.</p>
            </Empty>
          );
        return (
          <ChooseTable
            caption="Decisions, the newest first"
            columns={decisionColumns(back)}
            rows={decisions}
            keyOf={({ decision_id }) => decision_id}
            nameOf={statementWords}
            classOf={({ decision_id }) => (back.has(decision_id) ? 'is-gone' : '')}
            deeds={[
              {
                verb: 'Take back',
                title: 'Take back these decisions?',
                statements: ({ decision_id }) => (back.has(decision_id) ? [] : [{ type: 'revoke', target: decision_id }]),
              },
            ]}
            onDecide={onDecide}
          >
            <Pager
              before={before.value}
              next={next_cursor}
              onTurn={(turned) => {
                before.value = turned;
              }}
            />
          </ChooseTable>
        );
      }}
    </Loaded>
  );
}

function decisionColumns(back: ReadonlySet<string>): Column<Decision>[] {
  return [
    { name: 'time', title: 'When', cell: ({ time }) => formatMoment(time) },
    { name: 'what', title: 'What', cell: (said) => <bdi class="wrap">{statementWords(said)}</bdi> },
    { name: 'reason', title: 'Why', cell: ({ reason }) => <bdi class="wrap">{reason}</bdi> },
    { name: 'author', title: 'Who', kind: 'minor', cell: ({ author }) => <bdi>{author}</bdi> },
    { name: 'state', title: 'State', cell: ({ decision_id }) => (back.has(decision_id) ? <span class="tag">taken back</span> : 'stands') },
  ];
}

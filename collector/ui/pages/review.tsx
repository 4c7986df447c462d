/** Which links are doubtful? Ambiguous sessions, public browsers, possible hubs and merges, decided one by one or in bulk, and undone. */
import { useSignal } from '@preact/signals';
import { withQuery } from '../api.ts';
import type { PageProps } from '../pages.tsx';
import type { Choice } from '../parts/choose-table.tsx';
import { CopyLine } from '../parts/copy.tsx';
import { DecideMany, type Made } from '../parts/decide-many.tsx';
import { Drawer } from '../parts/drawer.tsx';
import { Explain } from '../parts/explain.tsx';
import { AmbiguousList, DecisionList, HubList, KioskList, MergeList } from '../parts/review-lists.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { mayDo } from '../session.ts';
import type { LinkRow } from '../types.ts';
import { formatCount, formatSpan, shortId } from '../words.ts';
import { curlOf } from './links.tsx';

const LISTS = {
  ambiguous: { title: 'Ambiguous sessions', show: AmbiguousList, path: '/v1/links?status=ambiguous' },
  merges: { title: 'Possibly one person', show: MergeList, path: '/v1/reports/merges' },
  kiosks: { title: 'Public browsers', show: KioskList, path: '/v1/reports/kiosks' },
  hubs: { title: 'On too many browsers', show: HubList, path: '/v1/review/hubs' },
  decisions: { title: 'Decisions', show: DecisionList, path: '/v1/decisions?order=desc' },
} as const;

type Name = keyof typeof LISTS;

export function ReviewPage({ api, site, query }: PageProps) {
  const name: Name = query['show'] !== undefined && query['show'] in LISTS ? (query['show'] as Name) : 'ambiguous';
  const { show: List, path } = LISTS[name];
  const deciding = useSignal<Choice | null>(null);
  const made = useSignal<Made | null>(null);
  const asked = useSignal<LinkRow | null>(null);
  const version = useSignal(0);
  const decide = (choice: Choice): void => {
    deciding.value = choice;
  };
  const undo = ({ ids }: Made): void =>
    decide({
      verb: 'Undo',
      title: ids.length === 1 ? 'Take the decision back?' : `Take ${formatCount(ids.length)} decisions back?`,
      statements: [...ids].reverse().map((target) => ({ type: 'revoke', target })),
    });
  return (
    <>
      <header class="page-head">
        <h1>Which links are doubtful?</h1>
        <Tabs
          label="Lists"
          path={['review']}
          query={query}
          name="show"
          choices={Object.entries(LISTS).map(([key, { title }]) => [key, title])}
        />
      </header>
      <div role="status">
        {made.value !== null && (
          <p class="said">
            {formatCount(made.value.ids.length)} {made.value.ids.length === 1 ? 'decision' : 'decisions'} made,{' '}
            {formatCount(made.value.changed)} {made.value.changed === 1 ? 'link' : 'links'} changed.{' '}
            <button type="button" onClick={() => made.value && undo(made.value)}>
              Undo …
            </button>
          </p>
        )}
      </div>
      {!mayDo('admin') && <p class="quiet">This token reads. One of scope admin decides.</p>}
      <List
        key={name}
        api={api}
        site={site}
        version={version.value}
        onDecide={decide}
        onWhy={(row) => {
          asked.value = row;
        }}
      />
      <section class="panel for-scripts" aria-label="For scripts">
        <h2>The same, for a script</h2>
        <CopyLine name="the command" text={curlOf(location.origin, withQuery(path.split('?')[0] ?? path, { site, ...searchOf(path) }))} />
      </section>
      {asked.value !== null && (
        <Drawer
          title={`Session ${shortId(asked.value.session_id)}`}
          onClose={() => {
            asked.value = null;
          }}
        >
          <Explain api={api} session={asked.value} version={version.value} />
          {mayDo('admin') && <CandidateDeeds row={asked.value} onDecide={decide} />}
        </Drawer>
      )}
      {deciding.value !== null && (
        <DecideMany
          api={api}
          site={site}
          {...deciding.value}
          onMade={(now) => {
            made.value = now;
            asked.value = null;
            version.value += 1;
          }}
          onClose={() => {
            deciding.value = null;
          }}
        />
      )}
    </>
  );
}

function searchOf(path: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? ''));
}

/** What one candidate may be: a slip, or nobody's own. */
function CandidateDeeds({ row, onDecide }: { row: LinkRow; onDecide: (choice: Choice) => void }) {
  return (
    <>
      <h3>Decide</h3>
      <ul class="candidate-deeds">
        {(row.candidates ?? []).map(({ customer_id, evidence_event_id, gap_ms }) => (
          <li key={evidence_event_id}>
            <span>
              <bdi title={customer_id}>{customer_id}</bdi> <span class="quiet">{formatSpan(gap_ms)} away</span>
            </span>
            <button
              type="button"
              onClick={() =>
                onDecide({
                  verb: 'Take back',
                  title: `Was naming ${customer_id} a slip?`,
                  statements: [{ type: 'revoke', target: evidence_event_id }],
                })
              }
            >
              Take its claim back …
            </button>
            <button
              type="button"
              onClick={() =>
                onDecide({ verb: 'Nobody’s own', title: `Is ${customer_id} nobody’s own?`, statements: [{ type: 'hub', customer_id }] })
              }
            >
              Nobody’s own …
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

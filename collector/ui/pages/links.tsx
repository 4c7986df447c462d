/** Which session is whose? All links of a selection, page by page, its export, and the same question for a script. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { withQuery } from '../api.ts';
import { rowKey } from '../links-table.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { CopyLine } from '../parts/copy.tsx';
import { Drawer } from '../parts/drawer.tsx';
import { Empty } from '../parts/empty.tsx';
import { Explain } from '../parts/explain.tsx';
import { type Filter, FilterBar } from '../parts/filter-bar.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { LINK_COLUMNS, whyColumn } from '../parts/link-columns.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Pager, Table } from '../parts/table.tsx';
import type { LinkRow, LinksPage as Page } from '../types.ts';
import { shortId, spoken } from '../words.ts';

const named = (names: readonly string[]): [string, string][] => names.map((name) => [name, spoken(name)]);
const FILTERS: readonly Filter[] = [
  { name: 'status', label: 'Status', kind: 'choice', choices: named(['linked', 'ambiguous', 'anonymous', 'logged_out', 'kiosk']) },
  {
    name: 'rule',
    label: 'Rule',
    kind: 'choice',
    choices: named(['session', 'device_before', 'device_between', 'device_after', 'device_after_logout']),
  },
  { name: 'from', label: 'From', kind: 'day' },
  { name: 'to', label: 'Before', kind: 'day' },
  { name: 'customer_id', label: 'Customer', kind: 'text' },
  { name: 'person_id', label: 'Person', kind: 'text', more: true },
  { name: 'session_id', label: 'Session', kind: 'text', more: true },
  { name: 'anonymous_id', label: 'Browser', kind: 'text', more: true },
  { name: 'code', label: 'Code', kind: 'text', more: true },
  { name: 'store', label: 'Store', kind: 'text', more: true },
  { name: 'bots', label: 'Bots', kind: 'choice', choices: [['include', 'shown too']], more: true },
];

const FORMATS = [
  ['csv', 'CSV'],
  ['ndjson', 'NDJSON'],
  ['parquet', 'Parquet'],
] as const;

export function LinksPage({ api, site, query }: PageProps) {
  const asked = useSignal<LinkRow | null>(null);
  const before = useSignal<readonly string[]>([]);
  const chosen = Object.fromEntries(FILTERS.map(({ name }) => [name, query[name] ?? '']));
  const filtered = Object.values(chosen).some(Boolean);
  const selection = { site, ...chosen };
  const key = JSON.stringify(selection);
  useEffect(() => {
    before.value = [];
  }, [key]);
  const cursor = before.value.at(-1);
  const load = useLoad(() => api.get<Page>('/v1/links', { ...selection, order: 'desc', limit: PAGE, cursor }), [api, key, cursor]);
  const columns = useMemo(() => [...LINK_COLUMNS, whyColumn((row) => (asked.value = row))], []);

  return (
    <>
      <header class="page-head">
        <h1>Which session is whose?</h1>
        <p class="exports">
          Export{' '}
          {FORMATS.map(([format, name]) => (
            <a key={format} class="button" href={withQuery('/v1/links', { ...selection, format })} download={`links.${format}`}>
              {name}
            </a>
          ))}
        </p>
      </header>
      <FilterBar filters={FILTERS} query={query} />
      <Loaded of={load}>
        {(page) =>
          page.links.length > 0 || before.value.length > 0 ? (
            <>
              <Table caption="Links, the newest sessions first" columns={columns} rows={page.links} keyOf={rowKey} />
              <Pager
                before={before.value}
                next={page.next_cursor}
                onTurn={(turned) => {
                  before.value = turned;
                  scrollTo(0, 0);
                }}
              />
            </>
          ) : filtered ? (
            <Empty title="No link is like that">
              <p class="quiet">Take a filter away, or look at the days around it.</p>
            </Empty>
          ) : (
            <FirstSteps site={site} />
          )
        }
      </Loaded>
      <section class="panel" aria-label="For scripts">
        <h2>The same, for a script</h2>
        <CopyLine name="the command" text={curlOf(location.origin, withQuery('/v1/links', { ...selection, format: 'ndjson' }))} />
        <p class="quiet small">
          The header <code>Footfall-Changes-Cursor</code> of its answer is where <code>/v1/links/changes</code> goes on from.
        </p>
      </section>
      {asked.value !== null && (
        <Drawer
          title={`Session ${shortId(asked.value.session_id)}`}
          onClose={() => {
            asked.value = null;
          }}
        >
          <Explain api={api} session={asked.value} version={asked.value.changed_at} />
        </Drawer>
      )}
    </>
  );
}

const PAGE = 100;

/** Single quotes keep a shell from reading anything in the address; percent-encoding keeps those out. */
export function curlOf(origin: string, path: string): string {
  return `curl -H "Authorization: Bearer $FOOTFALL_TOKEN" '${origin}${path.replaceAll("'", '%27')}'`;
}

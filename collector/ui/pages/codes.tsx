/** Which code sells? What scans led to, by store and product and by code; and the codes themselves: make, edit, retire, import, print. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { CodeRow, ReportRow, StoreRow } from '../codes.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { CodeDrawer } from '../parts/code-drawer.tsx';
import { CodeForm } from '../parts/code-form.tsx';
import { CodeGrid } from '../parts/code-grid.tsx';
import { CodeImport } from '../parts/code-import.tsx';
import { CodeSheet } from '../parts/code-sheet.tsx';
import { codeColumns, reportColumns } from '../parts/code-tables.tsx';
import { CopyLine } from '../parts/copy.tsx';
import { Empty } from '../parts/empty.tsx';
import { type Filter, FilterBar } from '../parts/filter-bar.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { PagedTable } from '../parts/paged-table.tsx';
import { StoreList } from '../parts/store-list.tsx';
import { Pager, Table } from '../parts/table.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { mayDo } from '../session.ts';
import { formatCount } from '../words.ts';

interface CodesPage {
  codes: CodeRow[];
  next_cursor: string | null;
}

const BY = [
  ['code', 'by code'],
  ['store', 'by store'],
  ['placement', 'by place'],
  ['product', 'by product'],
  ['day', 'by day'],
] as const;
/** A code's place and product stand beside it. */
const DIMENSIONS: Readonly<Record<string, string>> = { code: 'code,store,placement,product' };
const PAGE = 100;

type Doing = { what: 'make' | 'import' } | { what: 'print'; codes: readonly string[] };

export function CodesPage({ api, site, query }: PageProps) {
  const doing = useSignal<Doing | null>(null);
  const opened = useSignal<string | null>(null);
  const said = useSignal('');
  const written = useSignal(0);
  const before = useSignal<readonly string[]>([]);
  const { from = '', to = '', days = '7', store = '', placement = '', by = 'code' } = query;
  const span = { site, from, to, days, store, placement };
  const key = JSON.stringify(span);
  const cursor = before.value.at(-1);
  useEffect(() => {
    before.value = [];
  }, [store, placement]);
  const stores = useLoad(() => api.get<{ stores: StoreRow[] }>('/v1/stores', { site }), [api, site, written.value]);
  const grid = useLoad(() => api.get<{ rows: ReportRow[] }>('/v1/scans/report', { ...span, by: 'store,product' }), [api, key]);
  const ranked = useLoad(() => api.get<{ rows: ReportRow[] }>('/v1/scans/report', { ...span, by: DIMENSIONS[by] ?? by }), [api, key, by]);
  const codes = useLoad(
    () => api.get<CodesPage>('/v1/codes', { site, store, placement, limit: PAGE, cursor }),
    [api, site, store, placement, cursor, written.value],
  );
  const known = stores.value.value?.stores ?? [];
  const close = (): void => {
    doing.value = null;
  };
  const wrote = (what: string): void => {
    said.value = what;
    written.value += 1;
  };
  const filters = filtersOf(known);
  const filtered = filters.some(({ name }) => query[name]);

  return (
    <>
      <header class="page-head">
        <h1>Which code sells?</h1>
        <p class="exports">
          {mayDo('write') && (
            <>
              <button class="primary" type="button" onClick={() => (doing.value = { what: 'make' })}>
                New code
              </button>
              <button type="button" onClick={() => (doing.value = { what: 'import' })}>
                Import CSV
              </button>
            </>
          )}
          <button type="button" onClick={() => (doing.value = { what: 'print', codes: [] })}>
            Print
          </button>
        </p>
      </header>
      <p class="said" role="status">
        {said}
      </p>
      <FilterBar filters={filters} query={query} />
      <Loaded of={grid}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title={filtered ? 'No scan is like that' : 'Nobody has scanned a code yet'}>
              {filtered ? (
                <p class="quiet">Take a filter away, or look at the days around it.</p>
              ) : (
                <FirstCodes site={site} any={(codes.value.value?.codes.length ?? 0) > 0} />
              )}
            </Empty>
          ) : (
            <section aria-label="By store and product">
              <h2>By store and product</h2>
              <CodeGrid rows={rows} stores={known} />
            </section>
          )
        }
      </Loaded>
      {(grid.value.value?.rows.length ?? 0) > 0 && (
        <section aria-label="What scans led to">
          <div class="page-head">
            <h2>What scans led to</h2>
            <Tabs label="Added up" path={['codes']} query={query} name="by" choices={BY} />
          </div>
          <Loaded of={ranked}>
            {({ rows }) => <Ranked key={`${key} ${by}`} rows={rows} by={by} stores={known} onOpen={(code) => (opened.value = code)} />}
          </Loaded>
        </section>
      )}
      <section aria-label="Codes">
        <h2>Codes</h2>
        <Loaded of={codes}>
          {(page) =>
            page.codes.length === 0 && before.value.length === 0 ? (
              <p class="quiet">{store || placement ? 'No code stands there.' : 'None yet.'}</p>
            ) : (
              <>
                <Table
                  caption="Codes"
                  columns={codeColumns((code) => (opened.value = code))}
                  rows={page.codes}
                  keyOf={({ code }) => code}
                />
                <Pager
                  before={before.value}
                  next={page.next_cursor}
                  onTurn={(turned) => {
                    before.value = turned;
                  }}
                />
              </>
            )
          }
        </Loaded>
      </section>
      <Loaded of={stores}>{({ stores: all }) => <StoreList api={api} site={site} stores={all} onChange={() => wrote('Saved.')} />}</Loaded>

      {opened.value !== null && (
        <CodeDrawer
          key={opened.value}
          api={api}
          code={opened.value}
          stores={known}
          onPrint={() => {
            doing.value = { what: 'print', codes: [opened.value ?? ''] };
          }}
          onChange={() => wrote('Saved: the next scan sees it.')}
          onClose={() => {
            opened.value = null;
          }}
        />
      )}
      {doing.value?.what === 'make' && (
        <CodeForm
          api={api}
          site={site}
          stores={known}
          code={null}
          onDone={({ code }) => {
            wrote(`Made ${code}.`);
            opened.value = code;
          }}
          onClose={close}
        />
      )}
      {doing.value?.what === 'import' && (
        <CodeImport api={api} site={site} onDone={(count) => wrote(`Imported ${formatCount(count)} codes.`)} onClose={close} />
      )}
      {doing.value?.what === 'print' && <CodeSheet api={api} site={site} stores={known} codes={doing.value.codes} onClose={close} />}
    </>
  );
}

function filtersOf(stores: readonly StoreRow[]): Filter[] {
  return [
    { name: 'from', label: 'Scanned from', kind: 'day' },
    { name: 'to', label: 'Before', kind: 'day' },
    { name: 'days', label: 'Counted within', kind: 'choice', choices: DAYS, none: '7 days' },
    { name: 'store', label: 'Store', kind: 'choice', choices: stores.map(({ id, name }) => [id, name]) },
    { name: 'placement', label: 'Place', kind: 'text', placeholder: 'shelf' },
  ];
}

const DAYS = [
  ['1', 'a day'],
  ['30', '30 days'],
  ['90', '90 days'],
] as const;

interface RankedProps {
  rows: readonly ReportRow[];
  by: string;
  stores: readonly StoreRow[];
  onOpen: (code: string) => void;
}

function Ranked({ rows, by, stores, onOpen }: RankedProps) {
  return (
    <PagedTable
      caption={`What scans led to, ${BY.find(([name]) => name === by)?.[1] ?? by}`}
      columns={reportColumns(by, stores, onOpen)}
      rows={rows}
      keyOf={(row) => JSON.stringify(row.by)}
    />
  );
}

function FirstCodes({ site, any }: { site: string; any: boolean }) {
  return (
    <ol class="steps">
      {!any && (
        <li>
          <h3>Make a code for a shelf</h3>
          <p>“New code” above, or a CSV file of many:</p>
          <CopyLine name="the import" text={`npx footfall codes import codes.csv --site ${site} --dry-run`} />
        </li>
      )}
      <li>
        <h3>Print it</h3>
        <CopyLine name="the print" text={`npx footfall codes sheet --site ${site} --out codes.pdf`} />
      </li>
      <li>
        <h3>Open it with a phone</h3>
        <p>The scan is here at once, and the visit that follows is the scanner’s.</p>
      </li>
    </ol>
  );
}

/** The columns of the tables about codes: what scans led to, and the codes themselves. */
import type { CodeRow, ReportRow, StoreRow } from '../codes.ts';
import { revenueText, shareText } from '../codes.ts';
import { formatCount, joined } from '../words.ts';
import type { Column } from './table.tsx';

const NOTHING = <span class="quiet">—</span>;
const TITLES: Readonly<Record<string, string>> = { code: 'Code', store: 'Store', placement: 'Place', product: 'Product', day: 'Day' };

export function reportColumns(by: string, stores: readonly StoreRow[], onOpen: (code: string) => void): Column<ReportRow>[] {
  const storeName = (id: string): string => stores.find((store) => store.id === id)?.name ?? id;
  const named = (name: string, kind?: 'minor'): Column<ReportRow> => ({
    name,
    title: TITLES[name] ?? name,
    kind,
    cell: ({ by: values }) => {
      const value = values[name] ?? null;
      if (value === null) return NOTHING;
      // A GS1 scan's key is no code of ours.
      if (name === 'code' && !value.includes('/')) return <OpenCode code={value} onOpen={onOpen} />;
      return <bdi>{name === 'store' ? storeName(value) : value}</bdi>;
    },
  });
  const count = (name: 'scans' | 'people' | 'views' | 'carts' | 'product_purchases' | 'orders', title: string, kind?: 'minor-number') => ({
    name,
    title,
    kind: kind ?? ('number' as const),
    cell: (row: ReportRow) => formatCount(row[name]),
  });
  const places = by === 'code' ? [named('store'), named('placement', 'minor'), named('product')] : [];
  return [
    ...[named(by), ...places],
    ...[
      count('scans', 'Scans'),
      count('people', 'People'),
      count('views', 'Viewed', 'minor-number'),
      count('carts', 'In the cart', 'minor-number'),
    ],
    {
      name: 'purchases',
      title: 'Bought',
      kind: 'number',
      cell: ({ purchases, people }) => (
        <>
          <b>{formatCount(purchases)}</b> <span class="quiet">{shareText(purchases, people)}</span>
        </>
      ),
    },
    count('product_purchases', 'This product'),
    { name: 'known', title: 'Known', kind: 'minor-number', cell: ({ known_share }) => `${Math.round(known_share * 100)} %` },
    {
      name: 'unclaimed',
      title: 'Never arrived',
      kind: 'minor-number',
      cell: ({ unclaimed }) => <span title="Their page never loaded the tag">{formatCount(unclaimed)}</span>,
    },
    { name: 'revenue', title: 'Revenue', kind: 'number', cell: ({ revenue }) => revenueText(revenue) || NOTHING },
  ];
}

export function codeColumns(onOpen: (code: string) => void): Column<CodeRow>[] {
  return [
    { name: 'code', title: 'Code', cell: ({ code }) => <OpenCode code={code} onOpen={onOpen} /> },
    {
      name: 'label',
      title: 'Label',
      cell: ({ label }) =>
        label === '' ? (
          NOTHING
        ) : (
          <bdi class="clip" title={label}>
            {label}
          </bdi>
        ),
    },
    { name: 'store', title: 'Store', cell: ({ store }) => (store === null ? NOTHING : <bdi>{store.name}</bdi>) },
    { name: 'placement', title: 'Place', cell: ({ placement }) => (placement === null ? NOTHING : <bdi>{placement}</bdi>) },
    {
      name: 'product',
      title: 'Product',
      cell: ({ product }) => {
        const text = joined(product?.sku, product?.gtin);
        return text === '' ? NOTHING : <bdi>{text}</bdi>;
      },
    },
    {
      name: 'target',
      title: 'Leads to',
      kind: 'minor',
      cell: ({ target }) => (
        <bdi class="clip" title={target}>
          {target}
        </bdi>
      ),
    },
    { name: 'state', title: 'State', cell: (code) => <State code={code} /> },
  ];
}

function OpenCode({ code, onOpen }: { code: string; onOpen: (code: string) => void }) {
  return (
    <button class="plain" type="button" onClick={() => onOpen(code)}>
      <code>{code}</code>
    </button>
  );
}

function State({ code: { active, valid_from, valid_until, kind } }: { code: CodeRow }) {
  const now = Date.now();
  if (!active) return <span class="tag">retired</span>;
  if (valid_until !== null && valid_until <= now) return <span class="tag">over</span>;
  if (valid_from !== null && valid_from > now) return <span class="tag">not yet</span>;
  return <span class="quiet">{kind === 'personal' ? 'in use, personal' : 'in use'}</span>;
}

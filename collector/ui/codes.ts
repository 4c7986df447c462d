/** Codes, stores and what scans led to, as the API answers them; and the grid of stores and products made of it. Pure. */
import type { Millis } from '../../protocol/event.ts';
import { formatMoney } from './words.ts';

export interface CodeRow {
  code: string;
  /** What is printed. */
  url: string;
  target: string;
  label: string;
  kind: 'plain' | 'product' | 'personal';
  customer_id: string | null;
  single_use: boolean;
  store: { id: string; name: string; gln: string | null } | null;
  placement: string | null;
  product: { sku: string | null; gtin: string | null } | null;
  campaign: string | null;
  valid_from: Millis | null;
  valid_until: Millis | null;
  fallback: string | null;
  active: boolean;
}

export interface CodeEdit {
  edited_at: Millis;
  author: string;
  old: Readonly<Record<string, unknown>>;
  new: Readonly<Record<string, unknown>>;
}

export interface StoreRow {
  site: string;
  id: string;
  name: string;
  gln: string | null;
}

export interface ReportRow {
  by: Readonly<Record<string, string | null>>;
  scans: number;
  unclaimed: number;
  people: number;
  known_share: number;
  views: number;
  carts: number;
  purchases: number;
  product_purchases: number;
  orders: number;
  revenue: Readonly<Record<string, string>>;
}

export interface Cell {
  people: number;
  purchases: number;
  scans: number;
}

export interface Grid {
  /** Null: scans that have none. The ones with most scans first. */
  stores: (string | null)[];
  products: (string | null)[];
  /** Of more than fit. */
  stores_left: number;
  products_left: number;
  at: (store: string | null, product: string | null) => Cell | undefined;
  /** The most that any cell has. */
  most: Cell;
}

/** Rows of a report by store and product as a grid of the busiest of both. */
export function gridOf(rows: readonly ReportRow[], most_stores = 40, most_products = 12): Grid {
  const cells = new Map<string, Cell>();
  const stores = new Map<string | null, number>();
  const products = new Map<string | null, number>();
  const most = { people: 0, purchases: 0, scans: 0 };
  for (const { by, people, purchases, scans } of rows) {
    const [store, product] = [by['store'] ?? null, by['product'] ?? null];
    cells.set(JSON.stringify([store, product]), { people, purchases, scans });
    stores.set(store, (stores.get(store) ?? 0) + scans);
    products.set(product, (products.get(product) ?? 0) + scans);
    most.people = Math.max(most.people, people);
    most.purchases = Math.max(most.purchases, purchases);
    most.scans = Math.max(most.scans, scans);
  }
  const busiest = (counts: Map<string | null, number>): (string | null)[] =>
    [...counts].sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0]))).map(([name]) => name);
  return {
    stores: busiest(stores).slice(0, most_stores),
    products: busiest(products).slice(0, most_products),
    stores_left: Math.max(0, stores.size - most_stores),
    products_left: Math.max(0, products.size - most_products),
    at: (store, product) => cells.get(JSON.stringify([store, product])),
    most,
  };
}

/** `€1,348.00`, one currency after the other. */
export function revenueText(revenue: Readonly<Record<string, string>>, locale?: string): string {
  return Object.entries(revenue)
    .map(([currency, value]) => formatMoney(value, currency, locale))
    .join(' + ');
}

/** `12 %`; nothing of nothing is nothing. */
export function shareText(part: number, whole: number): string {
  return whole === 0 ? '—' : `${Math.round((part * 1_000) / whole) / 10} %`;
}

/** What an edit changed, field by field: its name, before and after. */
export function editWords(edit: CodeEdit): { field: string; old: string; new: string }[] {
  return Object.keys(edit.new).map((field) => ({ field, old: valueText(field, edit.old[field]), new: valueText(field, edit.new[field]) }));
}

function valueText(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return 'nothing';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (field.startsWith('valid_') && typeof value === 'number') return new Date(value).toISOString().slice(0, 16).replace('T', ' ');
  return String(value);
}

/** The columns of a link in every export: their order, and what kind of value each holds. */
import type { LinkRow } from '../store/link-row.ts';

export type ColumnKind = 'text' | 'time' | 'integer' | 'bigint' | 'flag' | 'list';

export interface LinkColumn {
  name: keyof LinkRow;
  kind: ColumnKind;
  /** Empty on some rows. */
  nullable: boolean;
}

/** In the order of docs/linking.md's table. Money is a decimal string, exact at any size. */
export const LINK_COLUMNS: readonly LinkColumn[] = [
  column('site', 'text'),
  column('session_id', 'text'),
  column('anonymous_id', 'text'),
  column('segment', 'integer'),
  column('started_at', 'time'),
  column('ended_at', 'time'),
  column('events', 'integer'),
  column('status', 'text'),
  nullable('customer_id', 'text'),
  nullable('person_id', 'text'),
  nullable('rule', 'text'),
  nullable('strength', 'text'),
  nullable('evidence_event_id', 'text'),
  nullable('evidence_type', 'text'),
  nullable('evidence_at', 'time'),
  nullable('evidence_gap_ms', 'bigint'),
  column('candidates', 'list'),
  column('owners', 'integer'),
  column('policy_version', 'integer'),
  column('link_version', 'integer'),
  column('changed_at', 'time'),
  column('cause_event_id', 'text'),
  nullable('landing_page', 'text'),
  nullable('referrer', 'text'),
  nullable('channel', 'text'),
  nullable('source', 'text'),
  nullable('medium', 'text'),
  nullable('campaign', 'text'),
  nullable('click_id', 'text'),
  nullable('device_type', 'text'),
  column('bot', 'flag'),
  column('page_views', 'integer'),
  column('scans', 'list'),
  column('products', 'list'),
  column('orders', 'integer'),
  nullable('revenue', 'text'),
  nullable('currency', 'text'),
];

function column(name: keyof LinkRow, kind: ColumnKind): LinkColumn {
  return { name, kind, nullable: false };
}

function nullable(name: keyof LinkRow, kind: ColumnKind): LinkColumn {
  return { name, kind, nullable: true };
}

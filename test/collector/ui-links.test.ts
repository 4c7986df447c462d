/** What changes make of the links that the page shows, and what its figures say of them. */
import { expect, test } from 'vitest';
import { applyChanges, fadeFresh, newestFirst, outcomeOf, rowKey, summarise, tableOf } from '../../collector/ui/links-table.ts';
import type { LinkChange, LinkRow } from '../../collector/ui/types.ts';

const row = (session_id: string, more: Partial<LinkRow> = {}): LinkRow => ({
  site: 'demo',
  session_id,
  anonymous_id: 'b1',
  segment: 0,
  started_at: 1_000,
  ended_at: 2_000,
  events: 2,
  status: 'anonymous',
  customer_id: null,
  person_id: null,
  rule: null,
  strength: null,
  evidence_event_id: null,
  evidence_type: null,
  evidence_at: null,
  evidence_gap_ms: null,
  candidates: null,
  owners: 0,
  changed_at: 2_000,
  landing_page: null,
  referrer: null,
  channel: null,
  source: null,
  medium: null,
  campaign: null,
  device_type: null,
  bot: false,
  page_views: 1,
  scans: null,
  orders: 0,
  revenue: null,
  currency: null,
  ...more,
});
const linked = (session_id: string, more: Partial<LinkRow> = {}): LinkRow =>
  row(session_id, { status: 'linked', rule: 'device_before', customer_id: 'C1', person_id: 'C1', changed_at: 3_000, ...more });
const upsert = (link: LinkRow, old: LinkRow | null = null): LinkChange => ({ type: 'upsert', link, old });

test('a late login turns an anonymous row into a linked one, which says how it stood before', () => {
  const table = applyChanges(tableOf([row('s1')]), [upsert(linked('s1'), row('s1'))], 9_000);
  expect([...table.rows.values()].map(outcomeOf)).toEqual(['device_before']);
  expect(table.fresh.get(rowKey(row('s1')))).toEqual({ at: 9_000, was: 'anonymous' });
});

test('without the old row in the change, the row shown tells how it stood', () => {
  const table = applyChanges(tableOf([row('s1')]), [upsert(linked('s1'))], 9_000);
  expect(table.fresh.get(rowKey(row('s1')))?.was).toBe('anonymous');
});

test('a session never seen is new', () => {
  const table = applyChanges(tableOf([]), [upsert(row('s1'))], 9_000);
  expect(table.fresh.get(rowKey(row('s1')))).toEqual({ at: 9_000, was: null });
});

test('sessions of one id on two browsers, and segments of one session, are rows of their own', () => {
  const rows = [row('s1'), row('s1', { anonymous_id: 'b2' }), row('s1', { segment: 1 }), row('s1', { site: 'other' })];
  expect(tableOf(rows).rows.size).toBe(4);
});

test('a vanished segment goes, and its mark with it', () => {
  const shown = applyChanges(tableOf([row('s2')]), [upsert(row('s1'))], 9_000);
  const table = applyChanges(shown, [{ type: 'delete', link: null, old: row('s1') }], 9_500);
  expect([...table.rows.values()].map((one) => one.session_id)).toEqual(['s2']);
  expect(table.fresh.size).toBe(0);
});

test('a merge renames the person of every row of that customer and leaves the others', () => {
  const merged: LinkChange = { type: 'person', link: null, old: null, customer_id: 'C1', person_id: 'C9' };
  const table = applyChanges(tableOf([linked('s1'), linked('s2', { customer_id: 'C2', person_id: 'C2' })]), [merged], 9_000);
  expect([...table.rows.values()].map((one) => one.person_id)).toEqual(['C9', 'C2']);
});

test('robots do not appear, and a session found to be one leaves', () => {
  const table = applyChanges(tableOf([row('s1')]), [upsert(row('s1', { bot: true })), upsert(row('s2', { bot: 1 }))], 9_000);
  expect(table.rows.size).toBe(0);
});

test('applying changes again gives the same rows', () => {
  const changes = [
    upsert(row('s1')),
    upsert(linked('s1'), row('s1')),
    upsert(row('s2')),
    { type: 'delete', link: null, old: row('s2') } as const,
  ];
  const once = applyChanges(tableOf([]), changes, 9_000);
  expect(applyChanges(once, changes, 9_000).rows).toEqual(once.rows);
});

test('the page that is shown is not touched by what comes', () => {
  const table = tableOf([row('s1')]);
  applyChanges(table, [upsert(linked('s1'))], 9_000);
  expect([...table.rows.values()].map((one) => one.status)).toEqual(['anonymous']);
});

test('beyond the most rows kept, those that changed longest ago go', () => {
  const rows = Array.from({ length: 5 }, (_, index) => row(`s${index}`, { changed_at: index }));
  const table = applyChanges(tableOf(rows), [upsert(row('s9', { changed_at: 9 }))], 9_000, 3);
  expect(newestFirst(table.rows.values()).map((one) => one.session_id)).toEqual(['s9', 's4', 's3']);
});

test('what was decided last stands first, whenever its session was', () => {
  const rows = [row('new', { started_at: 5_000, changed_at: 5_000 }), linked('old', { started_at: 10, changed_at: 6_000 })];
  expect(newestFirst(rows).map((one) => one.session_id)).toEqual(['old', 'new']);
});

test('marks fade after their time, and nothing changes while none does', () => {
  const table = applyChanges(tableOf([]), [upsert(row('s1'))], 1_000);
  expect(fadeFresh(table, 1_500, 1_000)).toBe(table);
  expect(fadeFresh(table, 2_000, 1_000).fresh.size).toBe(0);
});

test('the figures count sessions once, and every segment by how it ended up', () => {
  const rows = [linked('s1', { rule: 'session' }), row('s1', { segment: 1, status: 'ambiguous' }), linked('s2'), row('s3')];
  expect(summarise(rows)).toEqual({
    sessions: 3,
    segments: 4,
    linked: 2,
    outcomes: [
      { outcome: 'session', count: 1 },
      { outcome: 'device_before', count: 1 },
      { outcome: 'ambiguous', count: 1 },
      { outcome: 'anonymous', count: 1 },
    ],
  });
});

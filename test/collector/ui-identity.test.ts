/** Who a person is made of: nodes, the lines between them, what each rests on, and which decisions stand. */
import { expect, test } from 'vitest';
import { decisionsAbout, identityOf, standing } from '../../collector/ui/identity.ts';
import type { DecisionRow, LinkRow, Profile } from '../../collector/ui/types.ts';

const identifier = (customer_id: string, kind: 'customer' | 'email' = 'customer') => ({
  ...{ customer_id, kind, strength: 'stated' as const, claims: 1, first_at: 1, last_at: 2 },
});
const browser = (anonymous_id: string) => ({
  ...{ anonymous_id, device_type: 'desktop', browser: 'Firefox', os: 'Linux', sessions: 1, first_at: 1, last_at: 2, kiosk: false },
});
const profile = (more: Partial<Profile>): Profile =>
  ({ person_id: 'C1', identifiers: [identifier('C1')], browsers: [browser('B1')], ...more }) as Profile;
const link = (session_id: string, more: Partial<LinkRow> = {}): LinkRow =>
  ({
    ...{ site: 'demo', session_id, anonymous_id: 'B1', segment: 0, started_at: 1, status: 'linked', rule: 'session', strength: 'stated' },
    ...{ customer_id: 'C1', evidence_event_id: 'login', evidence_type: 'login', evidence_at: 5, scans: [] },
    ...more,
  }) as LinkRow;
const decision = (decision_id: string, more: object): DecisionRow =>
  ({ decision_id, time: 1, author: 'ann', reason: 'said so', ...more }) as DecisionRow;
const merge = (id: string, customers: string[], into: string) => decision(id, { type: 'merge', customers, into });
const revoke = (id: string, target: string) => decision(id, { type: 'revoke', target });

test('a customer is joined to a browser by its claims, the browser to its sessions by rule and strength', () => {
  const links = [
    link('S1'),
    link('S2', { rule: 'device_before' }),
    link('S3', { rule: 'device_before' }),
    link('S4', { strength: 'signed', evidence_event_id: 'order', evidence_type: 'purchase' }),
  ];
  const { nodes, edges } = identityOf(profile({}), links, []);
  expect(nodes.filter(({ kind }) => kind === 'sessions').map(({ title, detail }) => [title, detail])).toEqual([
    ['1 session', 'session'],
    ['2 sessions', 'device_before'],
    ['1 session', 'session'],
  ]);
  const claim = edges.find(({ edge }) => edge.kind === 'claim');
  expect([claim?.from.title, claim?.to.detail, claim?.strength]).toEqual(['C1', 'B1', 'signed']);
  expect(claim?.edge.kind === 'claim' && claim.edge.evidence.map(({ event_id, sessions }) => [event_id, sessions])).toEqual([
    ['order', 1],
    ['login', 3],
  ]);
});

test('a scan has a line of its own; a browser without a claim of theirs is no part of the person', () => {
  const scanned = link('S1', { scans: [{ code: 'AB12', store: 'Berlin' }] });
  const { edges, nodes } = identityOf(profile({}), [scanned], []);
  expect(edges.map(({ edge }) => edge.kind)).toEqual(['claim', 'sessions', 'scan']);
  expect(nodes.at(-1)).toMatchObject({ kind: 'scan', title: 'Berlin', detail: 'AB12' });
});

test('two customers of one person are joined by the merge that stands, a guest by the address', () => {
  const guest = `email:${'a'.repeat(64)}`;
  const two = profile({ identifiers: [identifier('C1'), identifier('C2'), identifier(guest, 'email')] });
  const joins = (decisions: DecisionRow[]) =>
    identityOf(two, [], decisions).edges.map(({ from, to, edge }) => [edge.kind, from.title, to.title]);
  const first = merge('dec_1', ['C1', 'C2'], 'C1');
  expect(joins([first])).toEqual([
    ['merge', 'C2', 'C1'],
    ['email', guest, 'C1'],
  ]);
  expect(joins([first, revoke('dec_2', 'dec_1')])).toEqual([['email', guest, 'C1']]);
});

test('a revoked decision is gone, and stands again when its revoke is revoked', () => {
  const said = [merge('dec_1', ['C1', 'C2'], 'C1'), revoke('dec_2', 'dec_1'), revoke('dec_3', 'dec_2')];
  const ids = (decisions: DecisionRow[]): string[] => standing(decisions).map(({ decision_id }) => decision_id);
  expect(ids(said.slice(0, 2))).toEqual(['dec_2']);
  expect(ids(said)).toEqual(['dec_3', 'dec_1']);
});

test('decisions about a person are those on its customers and browsers', () => {
  const all = [
    merge('dec_1', ['C1', 'C9'], 'C9'),
    decision('dec_2', { type: 'kiosk', anonymous_id: 'B1' }),
    decision('dec_3', { type: 'kiosk', anonymous_id: 'B7' }),
    decision('dec_4', { type: 'hub', customer_id: 'C1' }),
    revoke('dec_5', 'e1'),
    revoke('dec_6', 'e2'),
  ];
  expect(decisionsAbout(profile({}), all, new Set(['e1'])).map(({ decision_id }) => decision_id)).toEqual([
    'dec_5',
    'dec_4',
    'dec_2',
    'dec_1',
  ]);
});

test('a person of hundreds of browsers is drawn with the first twelve, and says how many more', () => {
  const many = profile({ browsers: Array.from({ length: 300 }, (_, index) => browser(`B${index}`)) });
  const { nodes, hidden, rows } = identityOf(many, [], []);
  expect([nodes.filter(({ kind }) => kind === 'browser').length, hidden, rows]).toEqual([12, 288, 12]);
});

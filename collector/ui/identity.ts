/** Who a person is made of: customers, browsers, sessions and scans, and what joins each to the next. Pure. */
import type { Millis } from '../../protocol/event.ts';
import { outcomeOf } from './links-table.ts';
import type { DecisionRow, LinkRow, Outcome, Profile, ScanPlace, Strength } from './types.ts';

/** A claim that names a customer on a browser, and how many sessions rest on it. */
export interface Evidence {
  event_id: string;
  type: string;
  at: Millis;
  strength: Strength;
  customer_id: string;
  sessions: number;
}

export type Edge =
  | { kind: 'merge'; decision: Extract<DecisionRow, { type: 'merge' }>; customers: readonly string[] }
  | { kind: 'email'; customer_id: string; guest: string }
  | { kind: 'claim'; customer_id: string; anonymous_id: string; evidence: readonly Evidence[] }
  | { kind: 'sessions'; anonymous_id: string; outcome: Outcome; links: readonly LinkRow[]; evidence: readonly Evidence[] }
  | { kind: 'scan'; anonymous_id: string; scan: ScanPlace; link: LinkRow };

export interface Node {
  key: string;
  kind: 'customer' | 'browser' | 'sessions' | 'scan';
  title: string;
  detail: string;
  /** For its sign: a browser's device, a session group's outcome. */
  sort: string;
  column: 0 | 1 | 2;
  /** Rows from the top, in halves. */
  row: number;
}

export interface Identity {
  nodes: Node[];
  edges: { key: string; from: Node; to: Node; strength: Strength; edge: Edge }[];
  rows: number;
  /** Browsers that there was no room for. */
  hidden: number;
}

const BROWSERS = 12;
const GROUPS = 6;
const SCANS = 4;
const ORDER: Readonly<Record<Strength, number>> = { signed: 0, stated: 1, carried: 2 };

export function identityOf(profile: Profile, links: readonly LinkRow[], decisions: readonly DecisionRow[]): Identity {
  const nodes: Node[] = [];
  const edges: Identity['edges'] = [];
  const byBrowser = grouped(links, ({ anonymous_id }) => anonymous_id);
  const known = new Map(profile.browsers.map((browser) => [browser.anonymous_id, browser]));
  const browsers = [...new Set([...byBrowser.keys(), ...known.keys()])];
  const customers = profile.identifiers.map(({ customer_id, kind, strength, claims }): Node => {
    const detail = strength === null ? 'named by a decision' : `${claims} ${claims === 1 ? 'claim' : 'claims'}, ${strength}`;
    return { key: `customer ${customer_id}`, kind: 'customer', title: customer_id, detail, sort: kind, column: 0, row: 0 };
  });
  const customerNode = new Map(customers.map((node) => [node.title, node]));

  let row = 0;
  for (const anonymous_id of browsers.slice(0, BROWSERS)) {
    const rows = byBrowser.get(anonymous_id) ?? [];
    const groups = groupsOf(rows);
    const scans = rows.flatMap((link) => (link.scans ?? []).map((scan) => ({ link, scan }))).slice(0, SCANS);
    const about = known.get(anonymous_id);
    const span = Math.max(1, groups.length + scans.length);
    const browser: Node = {
      key: `browser ${anonymous_id}`,
      kind: 'browser',
      title: [about?.browser, about?.os].filter((part) => part && part !== 'unknown').join(', ') || 'Browser',
      detail: anonymous_id,
      sort: about?.device_type ?? rows[0]?.device_type ?? '',
      column: 1,
      row: row + (span - 1) / 2,
    };
    nodes.push(browser);
    for (const [customer_id, claimed] of grouped(evidenceOf(rows), (one) => one.customer_id)) {
      const from = customerNode.get(customer_id);
      const [strongest] = claimed;
      if (!from || !strongest) continue;
      const edge: Edge = { kind: 'claim', customer_id, anonymous_id, evidence: claimed };
      edges.push({ key: `${from.key} ${browser.key}`, from, to: browser, strength: strongest.strength, edge });
    }
    for (const { key, outcome, links: theirs } of groups) {
      const node: Node = {
        key: `sessions ${anonymous_id} ${key}`,
        kind: 'sessions',
        title: theirs.length === 1 ? '1 session' : `${theirs.length} sessions`,
        detail: outcome,
        sort: outcome,
        column: 2,
        row,
      };
      nodes.push(node);
      edges.push({
        key: node.key,
        from: browser,
        to: node,
        strength: theirs[0]?.strength ?? 'stated',
        edge: { kind: 'sessions', anonymous_id, outcome, links: theirs, evidence: evidenceOf(theirs) },
      });
      row += 1;
    }
    for (const { link, scan } of scans) {
      const key = `scan ${anonymous_id} ${link.session_id} ${scan.code} ${row}`;
      const node: Node = {
        key,
        kind: 'scan',
        title: scan.store ?? scan.store_id ?? 'QR code',
        detail: scan.code,
        sort: 'code',
        column: 2,
        row,
      };
      nodes.push(node);
      edges.push({ key, from: browser, to: node, strength: 'stated', edge: { kind: 'scan', anonymous_id, scan, link } });
      row += 1;
    }
    if (groups.length + scans.length === 0) row += 1;
  }
  const rows = Math.max(row, customers.length);
  customers.forEach((node, index) => {
    node.row = ((index + 0.5) * rows) / customers.length - 0.5;
  });
  nodes.unshift(...customers);
  edges.push(...joinsOf(profile, customerNode, decisions));
  return { nodes, edges, rows, hidden: Math.max(0, browsers.length - BROWSERS) };
}

/** Decisions that stand: a revoke takes one away, unless it was revoked itself. */
export function standing(decisions: readonly DecisionRow[]): DecisionRow[] {
  const gone = new Set<string>();
  const newestFirst = [...decisions].sort((a, b) => (a.decision_id < b.decision_id ? 1 : -1));
  for (const said of newestFirst) if (said.type === 'revoke' && !gone.has(said.decision_id)) gone.add(said.target);
  return newestFirst.filter(({ decision_id }) => !gone.has(decision_id));
}

/** What stands about this person: on its customers, on its browsers, and what took a claim among these events back. */
export function decisionsAbout(profile: Profile, decisions: readonly DecisionRow[], events: ReadonlySet<string>): DecisionRow[] {
  const customers = new Set([profile.person_id, ...profile.identifiers.map(({ customer_id }) => customer_id)]);
  const browsers = new Set(profile.browsers.map(({ anonymous_id }) => anonymous_id));
  return standing(decisions).filter((said) => {
    if (said.type === 'merge') return [said.into, ...said.customers].some((id) => customers.has(id));
    if (said.type === 'hub') return customers.has(said.customer_id);
    if (said.type === 'revoke') return events.has(said.target);
    return browsers.has(said.anonymous_id);
  });
}

function groupsOf(links: readonly LinkRow[]): { key: string; outcome: Outcome; links: LinkRow[] }[] {
  const groups = grouped(links, (link) => `${outcomeOf(link)} ${link.strength}`);
  return [...groups]
    .map(([key, theirs]) => ({ key, outcome: outcomeOf(theirs[0] as LinkRow), links: theirs }))
    .sort((a, b) => newestOf(b.links) - newestOf(a.links))
    .slice(0, GROUPS);
}

function grouped<T>(things: readonly T[], keyOf: (thing: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const thing of things) {
    const key = keyOf(thing);
    const group = groups.get(key);
    if (group) group.push(thing);
    else groups.set(key, [thing]);
  }
  return groups;
}

const newestOf = (links: readonly LinkRow[]): Millis => links.reduce((most, link) => Math.max(most, link.started_at), 0);

/** The claims that these links rest on: the strongest first, of equals the newest. */
function evidenceOf(links: readonly LinkRow[]): Evidence[] {
  const found = new Map<string, Evidence>();
  for (const { evidence_event_id, evidence_type, evidence_at, strength, customer_id } of links) {
    if (evidence_event_id === null || customer_id === null) continue;
    const known = found.get(evidence_event_id);
    if (known) known.sessions += 1;
    else
      found.set(evidence_event_id, {
        event_id: evidence_event_id,
        type: evidence_type ?? '',
        at: evidence_at ?? 0,
        strength: strength ?? 'stated',
        customer_id,
        sessions: 1,
      });
  }
  return [...found.values()].sort((a, b) => ORDER[a.strength] - ORDER[b.strength] || b.at - a.at);
}

/** What makes several customers one person: merges, and an e-mail that they were claimed with. */
function joinsOf(profile: Profile, customerNode: ReadonlyMap<string, Node>, decisions: readonly DecisionRow[]): Identity['edges'] {
  const edges: Identity['edges'] = [];
  const joined = new Set<string>();
  for (const decision of standing(decisions)) {
    if (decision.type !== 'merge') continue;
    const into = customerNode.get(decision.into);
    for (const id of decision.customers) {
      const from = customerNode.get(id);
      if (!into || !from || from === into) continue;
      joined.add(id).add(decision.into);
      edges.push({
        key: `merge ${decision.decision_id} ${id}`,
        from,
        to: into,
        strength: 'signed',
        edge: { kind: 'merge', decision, customers: [id, decision.into] },
      });
    }
  }
  const raw = profile.identifiers.find(({ kind }) => kind === 'customer')?.customer_id;
  const owner = raw === undefined ? undefined : customerNode.get(raw);
  for (const { customer_id, kind, strength } of profile.identifiers) {
    const guest = customerNode.get(customer_id);
    if (kind !== 'email' || !guest || !owner || joined.has(customer_id)) continue;
    const edge: Edge = { kind: 'email', customer_id: owner.title, guest: customer_id };
    edges.push({ key: `email ${customer_id}`, from: guest, to: owner, strength: strength ?? 'stated', edge });
  }
  return edges;
}

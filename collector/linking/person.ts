/** R8 and R10: which customers are one person. Only an operator's merge joins raw ids; a guest joins at most one person. */
import { compareStrength, type Decision, type Strength } from './event.ts';

export type Merge = Extract<Decision, { type: 'merge' }>;

/** One claim that carried both a raw id and an e-mail. */
export interface GuestPair {
  email: string;
  customer_id: string;
  strength: Strength;
}

/**
 * Person ids of all customers that are not simply their own: customer id → person id.
 * `merges` are the active ones, `pairs` those of claims not revoked; both of one site.
 */
export function persons(merges: readonly Merge[], pairs: readonly GuestPair[], hubs: ReadonlySet<string>): Map<string, string> {
  const components = mergeComponents(merges);
  const byEmail = new Map<string, GuestPair[]>();
  for (const pair of pairs) byEmail.set(pair.email, [...(byEmail.get(pair.email) ?? []), pair]);
  const result = new Map<string, string>();
  for (const [customer_id, person_id] of components) if (person_id !== customer_id) result.set(customer_id, person_id);
  for (const [email, pairsOfEmail] of byEmail) {
    if (components.has(email)) continue;
    const person_id = guestOwner(pairsOfEmail, hubs, (id) => components.get(id) ?? id);
    if (person_id !== null) result.set(email, person_id);
  }
  return result;
}

/** The one person that a guest's e-mail belongs to, or null: the ids at the strongest strength found must agree (R10). */
export function guestOwner(
  pairs: readonly GuestPair[],
  hubs: ReadonlySet<string>,
  personOf: (customer_id: string) => string,
): string | null {
  let strongest: Strength | null = null;
  let owners = new Set<string>();
  for (const { customer_id, strength } of pairs) {
    if (hubs.has(customer_id)) continue;
    const order = strongest === null ? 1 : compareStrength(strength, strongest);
    if (order < 0) continue;
    if (order > 0) {
      strongest = strength;
      owners = new Set();
    }
    owners.add(personOf(customer_id));
  }
  const [owner] = owners;
  return owners.size === 1 && owner !== undefined ? owner : null;
}

/** Customers named in active merges → their person: the latest merge's `into`, of the component they are connected in. */
export function mergeComponents(merges: readonly Merge[]): Map<string, string> {
  const parent = new Map<string, string>();
  const root = (id: string): string => {
    let top = id;
    for (let up = parent.get(top); up !== undefined && up !== top; up = parent.get(top)) top = up;
    for (let at = id; at !== top; ) {
      const next = parent.get(at) ?? top;
      parent.set(at, top);
      at = next;
    }
    return top;
  };
  for (const merge of merges) {
    for (const id of [merge.into, ...merge.customers]) {
      if (!parent.has(id)) parent.set(id, id);
      parent.set(root(id), root(merge.into));
    }
  }
  const latest = new Map<string, Merge>();
  for (const merge of merges) {
    const component = root(merge.into);
    const known = latest.get(component);
    if (!known || compareDecisions(known, merge) < 0) latest.set(component, merge);
  }
  return new Map([...parent.keys()].map((id) => [id, latest.get(root(id))?.into ?? id]));
}

/** The order in which decisions were said: (time, id). */
export function compareDecisions(a: Decision, b: Decision): number {
  return a.time - b.time || (a.decision_id < b.decision_id ? -1 : a.decision_id > b.decision_id ? 1 : 0);
}

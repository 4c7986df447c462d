/** Reading a history the way the rivals' own clients and servers do. */
import type { LinkEvent } from '../../collector/linking/event.ts';
import { compareKeys, keyOf } from '../../collector/linking/order.ts';

/** Events by browser, each browser's in the order in which it made them. */
export function byBrowser(events: readonly LinkEvent[]): Map<string, LinkEvent[]> {
  const browsers = groupBy(events, ({ anonymous_id }) => anonymous_id ?? '');
  for (const ofBrowser of browsers.values()) ofBrowser.sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  return browsers;
}

export function groupBy<T>(items: readonly T[], keyOfItem: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOfItem(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** The account that a claim names; null for a guest's. */
export function accountOf({ claim }: LinkEvent): string | null {
  return claim && claim.customer_id !== claim.email ? claim.customer_id : null;
}

/** Disjoint sets of strings. */
export function unionFind(): { find(item: string): string; join(a: string, b: string): void } {
  const parents = new Map<string, string>();
  const find = (item: string): string => {
    let root = item;
    for (let up = parents.get(root); up !== undefined; up = parents.get(root)) root = up;
    for (let at = item; at !== root; ) {
      const up = parents.get(at) ?? root;
      parents.set(at, root);
      at = up;
    }
    return root;
  };
  return {
    find,
    join(a, b) {
      const [rootA, rootB] = [find(a), find(b)];
      if (rootA !== rootB) parents.set(rootB, rootA);
    },
  };
}

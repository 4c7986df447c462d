/** What waits, by site: one item of each site in turn, so that no site waits behind another's flood. */

export interface Turns<T> {
  push(site: string, item: T): void;
  /**
   * Takes items until their sizes are `most` together; the first always. `skip` leaves an item where it is, and is asked of each site's
   * items in their order.
   */
  take(most: number, skip?: (item: T) => boolean): T[];
  /** The sizes of all that wait, together. */
  size(): number;
}

export function createTurns<T>(sizeOf: (item: T) => number): Turns<T> {
  /** The site at the front has the next turn. */
  const sites = new Map<string, T[]>();
  let size = 0;
  return {
    size: () => size,
    push(site, item) {
      size += sizeOf(item);
      const queue = sites.get(site);
      if (queue) queue.push(item);
      else sites.set(site, [item]);
    },
    take(most, skip = () => false) {
      const taken: T[] = [];
      const skipped = new Map<string, T[]>();
      let weight = 0;
      for (const [site, queue] of sites) {
        // Alone, a site goes on until enough is taken; the loop comes round to what was put back at the end.
        const alone = sites.size === 1;
        let looked = 0;
        let enough = false;
        do {
          const next = queue[looked];
          if (next === undefined) break;
          if (skip(next)) {
            const own = skipped.get(site);
            if (own) own.push(next);
            else skipped.set(site, [next]);
          } else {
            enough = taken.length > 0 && weight + sizeOf(next) > most;
            if (enough) break;
            weight += sizeOf(next);
            taken.push(next);
          }
          looked += 1;
        } while (alone);
        queue.splice(0, looked);
        if (looked > 0 || queue.length === 0) {
          sites.delete(site);
          if (queue.length > 0) sites.set(site, queue);
        }
        if (enough) break;
      }
      for (const [site, own] of skipped) sites.set(site, [...own, ...(sites.get(site) ?? [])]);
      size -= weight;
      return taken;
    },
  };
}

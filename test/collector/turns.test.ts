/** What waits, by site: in order within a site, in turn between sites, up to a size, past what is skipped. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTurns } from '../../collector/intake/turns.ts';

interface Item {
  site: string;
  n: number;
  size: number;
}

const filled = (items: readonly Item[]) => {
  const turns = createTurns<Item>(({ size }) => size);
  for (const item of items) turns.push(item.site, item);
  return turns;
};
const item = (site: string, n: number, size = 1): Item => ({ site, n, size });
const named = (items: readonly Item[]): string[] => items.map(({ site, n }) => `${site}${n}`);

test('one site after the other has its turn, and the next take goes on where the last ended', () => {
  const turns = filled([...[1, 2, 3, 4].map((n) => item('a', n)), item('b', 1), item('c', 1), item('c', 2)]);
  expect(named(turns.take(2))).toEqual(['a1', 'b1']);
  expect(named(turns.take(3))).toEqual(['c1', 'a2', 'c2']);
  expect(named(turns.take(10))).toEqual(['a3', 'a4']);
  expect(turns.take(10)).toEqual([]);
});

test('what is larger than all that is asked for is taken alone', () => {
  const turns = filled([item('a', 1, 1), item('a', 2, 50), item('a', 3, 1)]);
  expect([named(turns.take(10)), named(turns.take(10)), named(turns.take(10))]).toEqual([['a1'], ['a2'], ['a3']]);
});

test('whatever is pushed, taken and skipped: nothing is lost or doubled, a site’s items stay in order, sizes add up', () => {
  const items = fc.array(fc.record({ site: fc.constantFrom('a', 'b', 'c'), size: fc.integer({ min: 1, max: 9 }) }), { maxLength: 60 });
  fc.assert(
    fc.property(items, fc.infiniteStream(fc.integer({ min: 1, max: 20 })), fc.func(fc.boolean()), (drawn, most, skip) => {
      const all = drawn.map((one, n) => ({ ...one, n }));
      const turns = filled(all);
      const total = all.reduce((sum, { size }) => sum + size, 0);
      const taken: Item[] = [];
      for (let round = 0; turns.size() > 0; round += 1) {
        const limit = most.next().value as number;
        // Every second take skips nothing, so that it ends.
        const skipped = (one: Item): boolean => round % 2 === 0 && skip(one.n);
        const part = turns.take(limit, skipped);
        expect(part.some(skipped)).toBe(false);
        if (part.length > 1) expect(part.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(limit);
        if (round % 2 === 1) expect(part.length).toBeGreaterThan(0);
        taken.push(...part);
        expect(turns.size()).toBe(total - taken.reduce((sum, { size }) => sum + size, 0));
      }
      expect(taken.map(({ n }) => n).sort((a, b) => a - b)).toEqual(all.map(({ n }) => n));
    }),
  );
  fc.assert(
    fc.property(items, (drawn) => {
      const all = drawn.map((one, n) => ({ ...one, n }));
      const turns = filled(all);
      const taken: Item[] = [];
      while (turns.size() > 0) taken.push(...turns.take(7));
      for (const site of ['a', 'b', 'c']) expect(taken.filter((one) => one.site === site)).toEqual(all.filter((one) => one.site === site));
    }),
  );
});

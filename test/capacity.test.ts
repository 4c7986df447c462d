/** The capacity model is arithmetic that anyone can follow. */
import { expect, test } from 'vitest';
import { cpuFor, needsAt } from '../bench/harness/capacity-model.ts';

const COSTS = { collect: 30, stream: 40, link: 200, store: 300 };

test('a rate needs each stage’s share of cores, with room for peaks', () => {
  const needs = needsAt(10_000, COSTS, { utilisation: 0.5, bytes_per_event: 400 });
  expect(needs.cores).toEqual({ collect: 0.3, stream: 0.4, link: 2, store: 3 });
  expect(needs).toMatchObject({ collectors: 2, linkers: 4, partitions: 32, store_cores: 6, gigabytes_per_day: 345.6 });
});

test('twice the rate needs twice the cores, and partitions enough for four a linker', () => {
  const [once, twice] = [100_000, 200_000].map((rate) => needsAt(rate, COSTS, { utilisation: 0.5, bytes_per_event: 400 }));
  expect(twice?.cores.store).toBe((once?.cores.store ?? 0) * 2);
  expect(once?.linkers).toBe(40);
  expect(once?.partitions).toBe(256);
});

test('what was published and not applied costs the stream half, and the store nothing', () => {
  expect(cpuFor({ published: 1e6, applied: 1e6 }, COSTS)).toBe(570);
  expect(cpuFor({ published: 1e6, applied: 0 }, COSTS)).toBe(50);
});

/** What the pages of codes and of the funnel make of the API's answers. */
import { expect, test } from 'vitest';
import { codeEditBody, codeFields, newCodeBody } from '../../collector/ui/code-fields.ts';
import { type CodeRow, editWords, gridOf, type ReportRow, revenueText } from '../../collector/ui/codes.ts';
import { csvOf } from '../../collector/ui/download.ts';
import { stepsOf } from '../../collector/ui/funnel.ts';

const CODE: CodeRow = {
  ...{ code: 'AB12', url: 'HTTPS://Q.SHOP.COM/Q/AB12', target: 'https://shop.com/p', label: 'TV', kind: 'plain', customer_id: null },
  ...{ single_use: false, store: { id: 'ber', name: 'Berlin', gln: null }, placement: null, product: { sku: 'TV', gtin: null } },
  ...{ campaign: null, valid_from: null, valid_until: Date.UTC(2026, 11, 1, 12), fallback: null, active: true },
};
const row = (store: string | null, product: string | null, scans: number, purchases = 0): ReportRow => ({
  ...{ by: { store, product }, scans, people: scans, purchases, revenue: {}, known_share: 0 },
  ...{ unclaimed: 0, views: 0, carts: 0, product_purchases: 0, orders: 0 },
});

test('the grid has the busiest stores and products first, and says how many it left out', () => {
  const grid = gridOf([row('a', 'x', 1), row('b', 'x', 5, 2), row(null, 'y', 3), row('c', 'z', 1)], 3, 2);
  expect(grid.stores).toEqual(['b', null, 'a']);
  expect(grid.products).toEqual(['x', 'y']);
  expect([grid.stores_left, grid.products_left]).toEqual([1, 1]);
  expect(grid.at('b', 'x')).toEqual({ people: 5, purchases: 2, scans: 5 });
  expect(grid.at('a', 'y')).toBeUndefined();
  expect(grid.most.purchases).toBe(2);
});

test('a store named like two others joined is a cell of its own', () => {
  const grid = gridOf([row('a","b', 'c', 1), row('a', 'b","c', 2)]);
  expect(grid.at('a","b', 'c')?.scans).toBe(1);
  expect(grid.at('a', 'b","c')?.scans).toBe(2);
});

test('a new code says only what was filled in; an edit only what differs, an emptied field as nothing', () => {
  const empty = { ...codeFields(null), code: '', kind: 'plain', target: 'https://shop.com/p' };
  expect(newCodeBody(empty, 'demo')).toEqual({ site: 'demo', kind: 'plain', target: 'https://shop.com/p' });
  expect(newCodeBody({ ...empty, gtin: '4012345000009', kind: 'personal', single_use: 'on' }, 'demo')).toMatchObject({
    product: { gtin: '4012345000009' },
    single_use: true,
  });
  const were = codeFields(CODE);
  expect(codeEditBody(were, CODE)).toEqual({});
  expect(codeEditBody({ ...were, store_id: '', label: '' }, CODE)).toEqual({ store_id: null, label: '' });
  expect(codeEditBody({ ...were, sku: '' }, CODE)).toEqual({ product: null });
  expect(codeEditBody({ ...were, gtin: '4012345000009' }, CODE)).toEqual({ product: { sku: 'TV', gtin: '4012345000009' } });
  expect(codeEditBody({ ...were, valid_until: '' }, CODE)).toEqual({ valid_until: null });
});

test('a history says before and after in words, money stands per currency', () => {
  expect(
    editWords({ edited_at: 0, author: 'Ann', old: { active: true, fallback: null }, new: { active: false, fallback: 'https://x' } }),
  ).toEqual([
    { field: 'active', old: 'yes', new: 'no' },
    { field: 'fallback', old: 'nothing', new: 'https://x' },
  ]);
  expect(revenueText({ EUR: '1348.00', USD: '2.50' }, 'en-US')).toBe('€1,348.00 + $2.50');
});

test('no cell of a CSV is a formula, and quotes stay inside', async () => {
  expect(
    await csvOf([
      ['a', 1, null],
      ['=1+1', '"x"', '-2'],
    ]).text(),
  ).toBe(`"a","1",""\r\n"'=1+1","""x""","'-2"`);
});

test('the step that loses the most people is marked, and only that one', () => {
  const steps = stepsOf({ entry: 'all', entered: 100, viewed: 90, carted: 30, purchased: 3 });
  expect(steps.map(({ share }) => share)).toEqual([1, 0.9, 0.3, 0.03]);
  expect(steps.map(({ worst }) => worst)).toEqual([false, false, true, false]);
  expect(steps[3]?.lost).toBeCloseTo(0.9);
  expect(stepsOf({ entry: 'ad', entered: 2, viewed: 2, carted: 2, purchased: 2 }).some(({ worst }) => worst)).toBe(false);
});

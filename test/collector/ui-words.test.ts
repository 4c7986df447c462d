/** The words and figures of the page, and the addresses and tokens it reads. */
import { expect, test } from 'vitest';
import { addMoney } from '../../collector/ui/money.ts';
import { addressOf, customerAddress, parseRoute } from '../../collector/ui/route.ts';
import { takeToken } from '../../collector/ui/session.ts';
import { eventWords, formatMoney, formatRoughly, formatSpan, pathOf, placeOf } from '../../collector/ui/words.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../protocol/event.ts';

const said = (type: string, more: object = {}): string => {
  const { title, detail } = eventWords(
    { type, url: 'https://shop.example/p/tv-55?a=1', title: null, props: {}, scan: null, ...more },
    'en-GB',
  );
  return `${title} | ${detail}`;
};
const tv = { items: [{ item_id: 'TV-55', item_name: 'Aurora 55', price: '499.00' }], value: '499.00', currency: 'EUR' };

test('events are said by what happened and to what', () => {
  expect(said('page_view', { title: 'Televisions' })).toBe('Televisions | /p/tv-55');
  expect(said('page_view')).toBe('/p/tv-55 | ');
  expect(said('view_item', { props: tv })).toBe('Aurora 55 | viewed · €499.00');
  expect(said('add_to_cart', { props: tv })).toBe('Added to cart | Aurora 55 · €499.00');
  expect(said('search', { props: { search_term: 'oled' } })).toBe('Searched “oled” | /p/tv-55');
  expect(said('purchase', { props: { ...tv, items: [...tv.items, { item_id: 'X' }], transaction_id: '991' } })).toBe(
    'Bought · €499.00 | Aurora 55 and 1 more · order 991',
  );
  expect(said('scan', { scan: { code: 'AB12CD', store: 'Berlin', placement: 'shelf', product: { sku: 'TV-55' } } })).toBe(
    'Scanned a code | Berlin · shelf · TV-55',
  );
  expect(said('wishlist_add', { title: 'A list' })).toBe('Wishlist add | A list');
});

test('events with nothing in them, or with the wrong things, still have words', () => {
  for (const type of ['page_view', 'view_item', 'purchase', 'search', 'scan', 'refund', 'x']) {
    expect(eventWords({ type, url: null, title: null, props: null, scan: null }).title).not.toBe('');
  }
  const odd = { items: [{ item_name: { evil: true }, item_id: 7 }], value: 12.5, currency: 'not a currency', transaction_id: [] };
  expect(said('purchase', { props: odd })).toBe('Bought · 12.5 not a currency | 7');
});

test('a place is named as far as it is known, else by its code', () => {
  expect(placeOf({ code: 'AB12CD', store_id: 's1' })).toBe('s1');
  expect(placeOf({ code: 'AB12CD' })).toBe('AB12CD');
});

test('paths are shown without origin and query, whatever stands there', () => {
  expect(['https://a.example/p/%C3%A4/?x=1#y', '/c/tv', 'https://a.example', 'http://%', null].map(pathOf)).toEqual([
    '/p/ä',
    '/c/tv',
    '/',
    'http://%',
    '',
  ]);
});

test('money keeps every digit', () => {
  expect(formatMoney('123456789012345.67', 'EUR', 'en-GB')).toBe('€123,456,789,012,345.67');
  expect(formatMoney('499', null)).toBe('499');
  expect(formatMoney('1e9', 'EUR')).toBe('1e9 EUR');
});

test('amounts are added exactly, per currency, and what is no amount is left out', () => {
  const rows = [
    { revenue: '0.10', currency: 'EUR' },
    { revenue: '0.2', currency: 'EUR' },
    { revenue: '-1', currency: 'USD' },
    { revenue: '9007199254740993.01', currency: 'EUR' },
    { revenue: null, currency: null },
    { revenue: 'NaN', currency: 'EUR' },
  ];
  expect(addMoney(rows)).toEqual([
    { currency: 'EUR', value: '9007199254740993.31' },
    { currency: 'USD', value: '-1' },
  ]);
});

test('spans are said in their two largest units, or roughly in one', () => {
  expect([8 * SECOND, 14 * MINUTE, 3 * HOUR, 3 * HOUR + 5 * MINUTE, 2 * DAY + 3 * HOUR, -2 * DAY].map(formatSpan)).toEqual([
    '8 s',
    '14 min',
    '3 h',
    '3 h 5 min',
    '2 d 3 h',
    '2 d',
  ]);
  expect([40 * MINUTE, 6 * HOUR + 56 * MINUTE, DAY + 19 * HOUR].map(formatRoughly)).toEqual(['40 min', '7 h', '2 d']);
});

test('any customer’s id makes an address and comes back from it', () => {
  for (const id of ['C1', 'a/b?c#d', 'email:9f2c', 'مريم', '👩🏽‍🚀 K', '%', '..']) {
    expect(parseRoute(customerAddress('demo', id))).toEqual({ path: ['customers', 'demo', id], query: {} });
  }
});

test('filters are part of an address, and what is not set is not', () => {
  const address = addressOf(['links'], { status: 'linked', customer_id: 'a&b?c', code: '' });
  expect(parseRoute(address)).toEqual({ path: ['links'], query: { status: 'linked', customer_id: 'a&b?c' } });
});

test('an address that cannot be read is the first page’s', () => {
  for (const hash of ['', '#', '#/', '#/customers/demo/%E0%A4%A']) expect(parseRoute(hash)).toEqual({ path: [], query: {} });
});

test('the link’s token leaves the address bar at once', () => {
  const shown: unknown[] = [];
  const history = { replaceState: (...given: unknown[]) => void shown.push(given[2]) } as unknown as History;
  const at = (hash: string): Location => ({ hash, pathname: '/', search: '' }) as Location;
  expect(takeToken(at('#/links'), history)).toBeNull();
  expect(takeToken(at('#token=sk_abc-1'), history)).toBe('sk_abc-1');
  expect(takeToken(at('#token=%E0%A4%A'), history)).toBe('%E0%A4%A');
  expect(shown).toEqual(['/', '/']);
});

/** What the simulated shop sells, and the pages and GA4 items that show it. */
import type { Item } from '../../protocol/event.ts';
import type { Random } from './random.ts';

export interface Page {
  path: string;
  title: string;
}

export interface Product extends Page {
  item: Item & { price: string };
}

/** Few products sell much, most little: the square of an even draw. */
export function anyProduct(random: Random): Product {
  return PRODUCTS[Math.floor(random.next() ** 2 * PRODUCTS.length)] as Product;
}

export const HOME: Page = { path: '/', title: 'Example Shop: everything for home and garden' };
export const CART: Page = { path: '/cart', title: 'Your cart | Example Shop' };
export const CHECKOUT: Page = { path: '/checkout', title: 'Checkout | Example Shop' };
export const ACCOUNT: Page = { path: '/account', title: 'Your account | Example Shop' };

export function anyCategory(random: Random): Page & { name: string } {
  const name = random.pick(CATEGORIES);
  return { name, path: `/c/${slug(name)}`, title: `${name} | Example Shop` };
}

export function anySearch(random: Random): Page & { term: string } {
  const term = `${random.pick(ADJECTIVES)} ${random.pick(CATEGORIES)}`.toLowerCase();
  return { term, path: `/search?q=${encodeURIComponent(term)}`, title: `Results for ${term} | Example Shop` };
}

/** Sum of prices times quantities, as a decimal string. */
export function totalOf(items: readonly Item[]): string {
  const cents = items.reduce((sum, { price, quantity }) => sum + Math.round(Number(price) * 100) * (quantity ?? 1), 0);
  return (cents / 100).toFixed(2);
}

const CATEGORIES = ['Lamps', 'Chairs', 'Tables', 'Shelves', 'Rugs', 'Kettles', 'Pans', 'Garden Tools', 'Bedding', 'Televisions'];
const ADJECTIVES = ['Oak', 'Steel', 'Blue', 'Compact', 'Folding', 'Large', 'Linen', 'Smart'];
const PER_CATEGORY = 40;

const PRODUCTS: readonly Product[] = CATEGORIES.flatMap((category, c) =>
  Array.from({ length: PER_CATEGORY }, (_, n) => {
    const name = `${ADJECTIVES[n % ADJECTIVES.length]} ${category.replace(/s$/, '')} ${100 + n}`;
    const price = (9.99 + ((c * 37 + n * 13) % 50) * 10).toFixed(2);
    const item = {
      item_id: `SKU-${c}${String(n).padStart(3, '0')}`,
      item_name: name,
      item_brand: 'Example',
      item_category: category,
      price,
    };
    return { item, path: `/p/${slug(name)}`, title: `${name} | Example Shop` };
  }),
);

function slug(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

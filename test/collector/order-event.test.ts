/** Which events are orders, refunds and filled carts, whatever store keeps them. */
import { expect, test } from 'vitest';
import { fillsCart, orderEventOf } from '../../collector/domain/order-event.ts';
import type { Props } from '../../protocol/event.ts';

const told = (type: string, props?: Props) => orderEventOf({ event_id: 'e1', type, payload: props ? { props } : {} });

test('a purchase is an order of the shop, or of the name space that its sender says', () => {
  expect(told('purchase', { transaction_id: '991', value: '499.00', currency: 'EUR' })).toEqual({
    ...{ source: 'shop', order_id: '991', type: 'purchase', value: '499.00', currency: 'EUR', whole: false },
  });
  expect(told('purchase', { transaction_id: '991', order_source: 'till.berlin' })?.source).toBe('till.berlin');
  expect(told('purchase', { transaction_id: '991', order_source: { a: 1 } })?.source).toBe('shop');
  expect(told('purchase', { transaction_id: '991', order_source: '<b>' })?.source).toBe('shop');
});

test('a purchase without an order number is its own order, a refund without one names none', () => {
  expect(told('purchase')).toEqual({ source: 'shop', order_id: 'e1', type: 'purchase', value: null, currency: null, whole: false });
  expect(told('refund')).toEqual({ source: 'shop', order_id: null, type: 'refund', value: null, currency: null, whole: true });
});

test('a refund is of the whole order where it names neither value nor items', () => {
  const whole = (props: Props): boolean | undefined => told('refund', { transaction_id: '991', ...props })?.whole;
  expect(whole({})).toBe(true);
  expect(whole({ value: '1.00' })).toBe(false);
  expect(whole({ raw_value: 'one' })).toBe(false);
  expect(whole({ items: [{ item_id: 'A' }] })).toBe(false);
});

test('what a refund gives back is below zero, whatever sign it was sent with, to the last digit', () => {
  expect(told('refund', { transaction_id: '991', value: '0.10', currency: 'EUR' })?.value).toBe('-0.10');
  expect(told('refund', { transaction_id: '991', value: '-123456789012345.67', currency: 'EUR' })?.value).toBe('-123456789012345.67');
});

test('carts are filled by add_to_cart and begin_checkout; nothing else is an order or a cart', () => {
  expect(['add_to_cart', 'begin_checkout', 'purchase', 'page_view', 'remove_from_cart'].filter((type) => fillsCart({ type }))).toEqual([
    'add_to_cart',
    'begin_checkout',
  ]);
  expect(told('page_view')).toBeNull();
});

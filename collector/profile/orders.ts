/** One order from many messengers: what was bought and given back, whose it is, and what it brought, to the last digit. */
import type { Millis } from '../../protocol/event.ts';
import { sumDecimals } from '../linking/money.ts';
import type { OwnedOrderEvent } from '../store/queries-customers.ts';

/** An order, or a refund as a row of its own that names its order. */
export interface Order {
  type: 'purchase' | 'refund';
  source: string;
  order_id: string | null;
  event_id: string;
  occurred_at: Millis;
  /** A refund's is below zero. */
  value: string | null;
  currency: string | null;
  session_id: string | null;
  anonymous_id: string | null;
}

/** What one currency brought. */
export interface Revenue {
  currency: string;
  orders: number;
  /** Before refunds. */
  gross: string;
  refunds: number;
  /** Below zero, or 0. */
  returned: string;
  net: string;
}

/** Orders that count, each with its person, if anybody's. */
export interface OwnedOrder {
  order: Order;
  person_id: string | null;
}

/**
 * The earliest purchase of a (source, order_id) is the order; its person is that of the earliest purchase that has one. A refund
 * goes to the person of the order it names, or else to its own; a whole one gives back what earlier ones left of the order.
 */
export function ordersOf(events: readonly OwnedOrderEvent[]): OwnedOrder[] {
  const sorted = [...events].sort((a, b) => a.occurred_at - b.occurred_at || (a.event_id < b.event_id ? -1 : 1));
  const purchases = new Map<string, OwnedOrder>();
  const refunds: (OwnedOrder & { whole: boolean })[] = [];
  const seen = new Set<string>();
  for (const { person_id, event_pk: _pk, whole, ...order } of sorted) {
    if (seen.has(order.event_id)) continue;
    seen.add(order.event_id);
    if (order.type === 'refund') {
      refunds.push({ order, person_id, whole: whole === 1 });
      continue;
    }
    const known = purchases.get(nameOf(order));
    if (known) known.person_id ??= person_id;
    else purchases.set(nameOf(order), { order, person_id });
  }
  const left = new Map<string, bigint>();
  return [
    ...purchases.values(),
    ...refunds.map(({ order, person_id, whole }) => {
      const name = nameOf(order);
      const of = order.order_id === null ? undefined : purchases.get(name);
      if (!of) return { order, person_id };
      const refund = { ...order };
      const { value, currency } = of.order;
      if (value !== null && (whole || order.currency === currency)) {
        const before = left.get(name) ?? unitsOf(value);
        if (whole) Object.assign(refund, { value: decimalOf(before > 0n ? -before : 0n), currency });
        left.set(name, before + unitsOf(refund.value ?? '0'));
      }
      return { order: refund, person_id: of.person_id ?? person_id };
    }),
  ];
}

/** By currency, in its alphabet; rows without a value or currency bring nothing. */
export function revenueOf(orders: readonly Pick<Order, 'type' | 'value' | 'currency'>[]): Revenue[] {
  const currencies = new Set(orders.flatMap(({ value, currency }) => (value === null || currency === null ? [] : [currency])));
  return [...currencies].sort().map((currency) => {
    const valued = (type: Order['type']): string[] =>
      orders.flatMap((order) => (order.type === type && order.currency === currency && order.value !== null ? [order.value] : []));
    const [bought, returned] = [valued('purchase'), valued('refund')];
    return {
      currency,
      orders: bought.length,
      gross: sumDecimals(bought) ?? '0',
      refunds: returned.length,
      returned: sumDecimals(returned) ?? '0',
      net: sumDecimals([...bought, ...returned]) ?? '0',
    };
  });
}

/** Hundred-millionths of a decimal string, which has 8 decimals at most: exact, and comparable. */
export function unitsOf(value: string): bigint {
  const [whole = '0', fraction = ''] = value.split('.');
  return BigInt(whole + fraction.padEnd(8, '0'));
}

/** The decimal string of so many hundred-millionths, with two decimals, or more where they are needed. */
export function decimalOf(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(9, '0');
  const fraction = digits.slice(-8).replace(/0{1,6}$/, '');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -8)}.${fraction}`;
}

const nameOf = ({ source, order_id }: Pick<Order, 'source' | 'order_id'>): string => `${source} ${order_id}`;

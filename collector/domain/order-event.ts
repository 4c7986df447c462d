/** What an event means for the tables of orders and carts, which answer who bought what without reading payloads. */
import type { Props } from '../../protocol/event.ts';
import { negate } from '../linking/money.ts';
import type { AcceptedEvent } from './accepted-event.ts';

/** A purchase, or a refund with its value below zero. Of one (site, source, order_id) the earliest purchase is the order. */
export interface OrderEvent {
  /** Name space of order numbers: `shop`, or what the sender calls another (`props.order_source`), such as `till`. */
  source: string;
  /** A purchase without one is its own order; a refund without one names none. */
  order_id: string | null;
  type: 'purchase' | 'refund';
  /** Decimal string; null when the event gave none. */
  value: string | null;
  currency: string | null;
  /** A refund that names neither value nor items: GA4's way of giving a whole order back. */
  whole: boolean;
}

type Told = Pick<AcceptedEvent, 'event_id' | 'type' | 'payload'>;

/** The row of `order_events` that this event makes, or null. The same in every store. */
export function orderEventOf({ event_id, type, payload }: Told): OrderEvent | null {
  if (type !== 'purchase' && type !== 'refund') return null;
  const { transaction_id, value = null, currency = null, raw_value, items = [] } = payload.props ?? {};
  const purchase = type === 'purchase';
  return {
    source: sourceOf(payload.props),
    order_id: transaction_id ?? (purchase ? event_id : null),
    type,
    value: value === null || purchase ? value : negate(value.replace(/^-/, '')),
    currency,
    whole: !purchase && value === null && raw_value === undefined && items.length === 0,
  };
}

/** Whether the event puts something into a cart: it makes a row of `cart_events` where it stands in a session. */
export function fillsCart({ type }: Pick<AcceptedEvent, 'type'>): boolean {
  return type === 'add_to_cart' || type === 'begin_checkout';
}

/** The name space of orders whose sender names none. */
export const SHOP = 'shop';

export function sourceOf(props: Props | undefined): string {
  const source = props?.['order_source'];
  return typeof source === 'string' && /^[\w.-]{1,64}$/.test(source) ? source : SHOP;
}

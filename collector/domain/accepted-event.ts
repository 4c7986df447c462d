/** An event as it is stored: what linking sees of it, and the rest that only its readers need. */
import type { Millis, Props } from '../../protocol/event.ts';
import type { Facts, LinkEvent } from '../linking/event.ts';
import { negate } from '../linking/money.ts';
import type { Device } from './device.ts';
import { SHOP, sourceOf } from './order-event.ts';

/** What is stored of an event beside the columns that queries need. */
export interface Payload {
  tab_id?: string;
  view_id?: string;
  url?: string;
  referrer?: string;
  title?: string;
  consent?: string;
  gpc?: boolean;
  kiosk?: boolean;
  scan?: string;
  props?: Props;
}

/** An event as it will be stored. */
export interface AcceptedEvent extends LinkEvent {
  received_at: Millis;
  device: Device;
  payload: Payload;
  /** On a scan: why it is out of every count (`head`, `prefetch`, `preview`, `bot`), else null. */
  scan_flag: string | null;
}

/** Events whose items the visitor looked at or wanted. */
const PRODUCT_TYPES: ReadonlySet<string> = new Set(['view_item', 'add_to_cart', 'begin_checkout', 'purchase']);

/** What an event adds to its segment's columns; the same when read back from the store. */
export function factsOf(
  event_id: string,
  type: string,
  { props, url, referrer }: Payload,
  device: Pick<Device, 'device_type' | 'bot'>,
): Facts {
  const value = props?.value ?? null;
  const currency = props?.currency ?? null;
  return {
    page_view: type === 'page_view',
    products: PRODUCT_TYPES.has(type) ? (props?.items ?? []).map(({ item_id }) => item_id).filter(Boolean) : [],
    order:
      type === 'purchase'
        ? { key: `${nameSpaceOf(props)}${props?.transaction_id ?? event_id}`, value, currency }
        : type === 'refund'
          ? { key: `r:${event_id}`, value: value && negate(value.replace(/^-/, '')), currency }
          : null,
    device_type: device.device_type,
    bot: device.bot,
    page: url === undefined ? null : { url, referrer: referrer ?? null },
  };
}

/** Numbers of a till are not those of the shop: the same in both are two orders. No source holds a colon. */
function nameSpaceOf(props: Props | undefined): string {
  const source = sourceOf(props);
  return source === SHOP ? 'p:' : `p@${source}:`;
}

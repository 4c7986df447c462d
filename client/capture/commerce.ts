/** Reads the GA4 dataLayer that the shop already has: its consent, its customer, its events. Changes nothing in it but `push`. */
import { readConsentMode } from '../consent.ts';
import { attempt, guard } from '../guard.ts';
import { identify, record, stateCustomer, stated } from '../record.ts';

/** Takes what is new: consent and customer first, then `between`, then the events. */
export function readLayer(between?: () => void): void {
  const fresh = attempt(takeNew) || [];
  fresh.forEach(guard(readState));
  if (fresh[0]) identify();
  if (between) between();
  fresh.forEach(guard(readEvent));
}

/** An object, or gtag's `arguments`. Shops push anything. */
interface Entry {
  [key: string]: Entry | undefined;
}

const seen = new WeakSet();

function takeNew(): Entry[] {
  const layer = (window as unknown as { dataLayer: Entry[] }).dataLayer;
  if (!seen.has(layer)) {
    seen.add(layer);
    follow(layer);
  }
  return layer.filter((entry) => Object(entry) === entry && !seen.has(entry) && seen.add(entry));
}

/** Tag managers wrap `push` too and call ours. A layer that is replaced whole is found by the next look. */
function follow(layer: Entry[]): void {
  const push = layer.push;
  layer.push = function (this: Entry[], ...entries: Entry[]) {
    const length = push.apply(this, entries);
    // One object pushed twice says it twice.
    for (const entry of entries) seen.delete(entry);
    attempt(readLayer);
    return length;
  };
}

function readState(entry: Entry): void {
  const { 0: command, 1: name, 2: values } = entry as { 0?: unknown; 1?: Entry; 2?: Entry };
  if (command === 'consent' && values) readConsentMode(name, values.analytics_storage);
  for (const part of [entry, name, values, (name as unknown) === 'user_data' && { user_data: values }] as Entry[]) {
    if (part) stateCustomer(part.user_id || part.visitorId, part.user_data && part.user_data.sha256_email_address);
  }
}

function readEvent(entry: Entry): void {
  const shop = entry.ecommerce;
  const legacy = shop && shop.purchase;
  const action = legacy && legacy.actionField;
  if (action) {
    const items = ((legacy.products || []) as Entry[]).map((item) => ({ ...item, item_id: item.id, item_name: item.name }));
    tell('purchase', { ...action, transaction_id: action.id, value: action.revenue, currency: shop.currencyCode, items });
  } else if ((entry[0] as unknown) === 'event') tell(entry[1], entry[2]);
  else tell(entry.event, shop || entry);
}

/** GA4's names, which are ours. A purchase takes the address that the page has stated. */
function tell(type: unknown, props: object | undefined): void {
  if (/^(view_|select_|add_|remove_|begin_|search|sign_up|login|logout|purchase|refund)[a-z_]*$/.test(type as string)) {
    record(type as string, { email_sha256: stated.email_sha256, ...props });
  }
}

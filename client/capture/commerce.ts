/** Reads the GA4 dataLayer that the shop already has: its events, its customer, its consent. Changes nothing in it but `push`. */
import { config } from '../config.ts';
import { readConsentMode } from '../consent.ts';
import { attempt, guard } from '../guard.ts';
import { customerIn, emailIn, record } from '../record.ts';

/** Takes what is new in the dataLayer: consent and customer first, then `between`, then the events. */
export function readLayer(between?: () => void): void {
  const layer = (window as unknown as Record<string, Entry[] | undefined>)[config.layer || 'dataLayer'];
  const fresh: Entry[] = [];
  attempt(() => {
    for (const entry of Array.from(layer || [])) if (isNew(entry)) fresh.push(entry);
    if (layer) follow(layer);
  });
  for (const entry of fresh) attempt(() => readState(entry));
  announce();
  if (between) between();
  for (const entry of fresh) attempt(() => readEvent(entry));
}

/** A plain object, or gtag's `arguments`. Shops push anything. */
type Entry = { [key: string]: unknown };

const seen = new WeakSet<Entry>();
const followed = new WeakSet<Entry[]>();
const user: { id: string; email: string; told?: string } = { id: '', email: '' };

function isNew(entry: Entry): boolean {
  if (!entry || typeof entry !== 'object' || seen.has(entry)) return false;
  seen.add(entry);
  return true;
}

/** Tag managers replace `push` too and call ours; a layer that is replaced whole is found by the next look. */
function follow(layer: Entry[]): void {
  if (followed.has(layer)) return;
  followed.add(layer);
  const push = layer.push;
  layer.push = function (this: Entry[], ...entries: Entry[]) {
    const length = push.apply(this, entries);
    // One object pushed twice says it twice.
    for (const entry of entries) seen.delete(entry);
    read();
    return length;
  };
}

const read = guard(() => readLayer());

function readState(entry: Entry): void {
  if (entry[0] === 'consent') readConsentMode(entry[1], entry[2]);
  const named = entry[1] === 'user_data' ? { user_data: entry[2] } : {};
  for (const part of [entry, entry[1], entry[2], named] as Entry[]) {
    if (!part) continue;
    const id = customerIn(part.user_id) || customerIn(part.visitorId);
    const email = emailIn(part.user_data);
    // Another customer: the address was the one before's.
    if (id && id !== user.id) user.email = '';
    user.id = id || user.id;
    user.email = email || user.email;
  }
}

function announce(): void {
  const told = user.id + user.email;
  if (told && told !== user.told) {
    user.told = told;
    record('identify', undefined, { ...(user.id && { customer_id: user.id }), ...(user.email && { email_sha256: user.email }) });
  }
}

function readEvent(entry: Entry): void {
  const is_gtag = entry[0] === 'event';
  const name = is_gtag ? entry[1] : entry.event;
  const shop = entry.ecommerce as Entry | undefined;
  const legacy = shop && (shop.purchase as { actionField?: Entry; products?: Entry[] } | undefined);
  if (legacy && legacy.actionField) {
    const { id, revenue, ...more } = legacy.actionField;
    const items = (legacy.products || []).map(({ id: item_id, name: item_name, ...rest }) => ({ item_id, item_name, ...rest }));
    tell('purchase', { transaction_id: id, value: revenue, currency: shop.currencyCode, items, ...more });
  } else if (SHOP_EVENT.test(String(name))) tell(String(name), is_gtag ? entry[2] : shop || { ...entry, event: undefined });
}

function tell(type: string, props: unknown): void {
  record(type, props, type === 'purchase' && user.email ? { email_sha256: user.email } : {});
}

const SHOP_EVENT = /^((view|select|add|remove|begin|sign)_[a-z_]+|purchase|refund|search|login|logout|share|generate_lead)$/;

/** The words and figures that stand for what the API answers: events, rules, times, money. Pure. */
import type { Item, Millis, Props } from '../../protocol/event.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../protocol/event.ts';
import type { Outcome, ScanPlace, Strength, TimelineEvent } from './types.ts';

export const OUTCOME_MEANING: Readonly<Record<Outcome, string>> = {
  session: 'The customer was named in this very session.',
  device_before: 'This browser was the customer’s afterwards: linked back.',
  device_between: 'This browser was the customer’s before and afterwards.',
  device_after: 'This browser was the customer’s before.',
  device_after_logout: 'This browser was the customer’s before; they had logged out.',
  ambiguous: 'More than one customer could have been here, so nobody is named.',
  anonymous: 'Nobody was named on this browser.',
  logged_out: 'The customer had left this browser for good.',
  kiosk: 'A browser that many people use.',
};

export const STRENGTH_MEANING: Readonly<Record<Strength, string>> = {
  signed: 'The retailer’s backend vouches for it.',
  stated: 'The page said so.',
  carried: 'Came with a personal code or e-mail link, which people forward.',
};

/** `device_after_logout` → `device after logout`. */
export function spoken(name: string): string {
  return name.replaceAll('_', ' ');
}

interface EventWords {
  title: string;
  detail: string;
}

/** What happened, in a few words, and what it happened to. */
export function eventWords(event: Pick<TimelineEvent, 'type' | 'url' | 'title' | 'props' | 'scan'>, locale?: string): EventWords {
  const props = event.props ?? {};
  const page = event.title || pathOf(event.url);
  const product = productName(props.items?.[0], event.title);
  const value = priced(props, locale);
  switch (event.type) {
    case 'page_view':
      return { title: page || 'Page', detail: event.title ? pathOf(event.url) : '' };
    case 'view_item':
      return { title: product || page || 'Product', detail: joined('viewed', priceOf(props.items?.[0], props.currency, locale) || value) };
    case 'add_to_cart':
      return { title: 'Added to cart', detail: joined(itemNames(props), value) };
    case 'remove_from_cart':
      return { title: 'Removed from cart', detail: joined(itemNames(props), value) };
    case 'begin_checkout':
      return { title: 'Checkout', detail: joined(itemNames(props), value) };
    case 'purchase':
      return { title: joined('Bought', value), detail: joined(itemNames(props), orderOf(props)) };
    case 'refund':
      return { title: joined('Refund', value), detail: joined(itemNames(props), orderOf(props)) };
    case 'search':
      return { title: props.search_term ? `Searched “${props.search_term}”` : 'Search', detail: pathOf(event.url) };
    case 'scan':
      return { title: 'Scanned a code', detail: placeOf(event.scan) };
    case 'login':
      return { title: 'Logged in', detail: pathOf(event.url) };
    case 'sign_up':
      return { title: 'Signed up', detail: pathOf(event.url) };
    case 'identify':
      return { title: 'Recognised', detail: 'the page named the customer' };
    case 'logout':
      return { title: 'Logged out', detail: pathOf(event.url) };
    default:
      return { title: capitalised(spoken(event.type)), detail: page };
  }
}

/** Where a code hangs and for what: `Berlin Mitte · shelf · TV-55`. */
export function placeOf(scan: ScanPlace | null): string {
  if (!scan) return '';
  return joined(scan.store ?? scan.store_id, scan.placement, scan.sku ?? scan.product?.sku ?? scan.product?.gtin) || scan.code;
}

/** Path of a URL, without origin, query and a trailing slash; the text itself where it is no URL. */
export function pathOf(url: string | null | undefined): string {
  if (!url) return '';
  try {
    const path = decodeURI(new URL(url, 'https://shop.invalid').pathname);
    return path.length > 1 ? path.replace(/\/$/, '') : path;
  } catch {
    return url;
  }
}

/** A decimal string as money; as it came where the currency is unknown. `format` takes the string itself: no float rounds it. */
export function formatMoney(value: string, currency: string | null | undefined, locale?: string): string {
  if (!currency || !/^-?\d{1,15}(\.\d{1,6})?$/.test(value)) return joined(value, currency).replace(' · ', ' ');
  try {
    return numberFormat(locale, { style: 'currency', currency }).format(value as unknown as number);
  } catch {
    return `${value} ${currency}`;
  }
}

/** A span of time in its two largest units: `2 d 3 h`, `14 min`, `8 s`. */
export function formatSpan(ms: Millis): string {
  const span = Math.abs(ms);
  if (span < MINUTE) return `${Math.round(span / SECOND)} s`;
  if (span < HOUR) return `${Math.round(span / MINUTE)} min`;
  if (span < DAY) return twoUnits(span, HOUR, 'h', MINUTE, 'min');
  return twoUnits(span, DAY, 'd', HOUR, 'h');
}

/** A span in its largest unit alone, for where there is little room. */
export function formatRoughly(ms: Millis): string {
  const span = Math.abs(ms);
  if (span < HOUR) return formatSpan(span);
  return span < DAY ? `${Math.round(span / HOUR)} h` : `${Math.round(span / DAY)} d`;
}

export function formatClock(at: Millis, locale?: string): string {
  return dateFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at);
}

export function formatMoment(at: Millis, locale?: string): string {
  return dateFormat(locale, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(at);
}

export function formatDay(at: Millis, locale?: string): string {
  return dateFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(at);
}

export function formatCount(count: number, locale?: string): string {
  return numberFormat(locale).format(count);
}

/** Enough of an id to tell it from its neighbours. */
export function shortId(id: string): string {
  return id.length <= 10 ? id : `${id.slice(0, 8)}…`;
}

/** Parts that are there, with a dot between them. */
export function joined(...parts: readonly (string | null | undefined)[]): string {
  return parts.filter(Boolean).join(' · ');
}

/** Making a formatter takes longer than all of its use on a page: each is made once. */
const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function remembered<T extends Intl.NumberFormat | Intl.DateTimeFormat>(
  kind: string,
  locale: string | undefined,
  options: object,
  make: () => T,
): T {
  const key = `${kind} ${locale} ${JSON.stringify(options)}`;
  const known = formats.get(key) as T | undefined;
  if (known) return known;
  const made = make();
  formats.set(key, made);
  return made;
}

function numberFormat(locale: string | undefined, options: Intl.NumberFormatOptions = {}): Intl.NumberFormat {
  return remembered('number', locale, options, () => new Intl.NumberFormat(locale, options));
}

function dateFormat(locale: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return remembered('date', locale, options, () => new Intl.DateTimeFormat(locale, options));
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function twoUnits(span: Millis, large: Millis, largeName: string, small: Millis, smallName: string): string {
  const whole = Math.floor(span / large);
  const rest = Math.floor((span % large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}

function productName(item: Item | undefined, otherwise: string | null): string {
  return text(item?.item_name) || otherwise || text(item?.item_id);
}

function itemNames(props: Props): string {
  const [first, ...others] = props.items ?? [];
  const name = text(first?.item_name) || text(first?.item_id);
  return others.length === 0 ? name : `${name} and ${others.length} more`;
}

function orderOf(props: Props): string {
  const order = text(props.transaction_id);
  return order && `order ${order}`;
}

function priced(props: Props, locale: string | undefined): string {
  const value = text(props.value);
  return value && formatMoney(value, props.currency, locale);
}

function priceOf(item: Item | undefined, currency: string | undefined, locale: string | undefined): string {
  const price = text(item?.price);
  return price && formatMoney(price, currency, locale);
}

/** Senders put numbers where text belongs, and worse: anything else is nothing. */
function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

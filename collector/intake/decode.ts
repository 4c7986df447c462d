/** The wire, decoded by hand: each event of a batch is taken whole and checked, or refused with a reason; good ones never suffer for bad ones. */
import {
  type Batch,
  CLAIM_TYPES,
  type Item,
  LIMITS,
  MINUTE,
  type Millis,
  type Props,
  type Rejected,
  type RejectReason,
  type WireEvent,
} from '../../protocol/event.ts';
import { DECISION_PREFIX, ID_PATTERN } from '../../protocol/ids.ts';
import { GUEST_PREFIX } from '../linking/claim.ts';
import { decimal } from '../linking/money.ts';
import { wellFormed, wellFormedAll } from '../linking/well-formed.ts';

export interface RefusedEvent extends Rejected {
  /** The event as it came, for `failed_events`. */
  raw: string;
}

/** What was dropped of events that were taken. */
export interface Dropped {
  unknown_fields: number;
  /** Prices and values that are no decimal; they stay in `props` as `raw_price` and `raw_value`. */
  bad_money: number;
}

export type Decoded =
  | ({ ok: true; batch: Batch; refused: RefusedEvent[] } & Dropped)
  | { ok: false; status: 400 | 413; reason: 'bad_json' | 'bad_batch' | 'too_many_events' };

/** `body` is at most LIMITS.inflated_bytes long; `now` is the moment of receipt. */
export function decodeBatch(body: string, now: Millis): Decoded {
  let value: unknown;
  try {
    value = JSON.parse(body.charCodeAt(0) === BYTE_ORDER_MARK ? body.slice(1) : body);
  } catch {
    return { ok: false, status: 400, reason: 'bad_json' };
  }
  if (!isObject(value)) return { ok: false, status: 400, reason: 'bad_batch' };
  const { v, site, sent_at, dropped, events: list } = value;
  // A newer version is taken if it decodes; what says none may be anything.
  const known = typeof v === 'number' && Number.isInteger(v) && v >= 1;
  if (!known || !Array.isArray(list) || typeof site !== 'string' || site.length > LIMITS.id)
    return { ok: false, status: 400, reason: 'bad_batch' };
  if (list.length > LIMITS.events) return { ok: false, status: 413, reason: 'too_many_events' };
  // Almost no batch holds a NUL or a lone surrogate, which no store takes: look for their escapes once.
  const clean = DIRTY.test(body) ? wellFormed : same;
  const measure = body.length > LIMITS.event_bytes;
  const events: WireEvent[] = [];
  const refused: RefusedEvent[] = [];
  let unknown_fields = 0;
  let bad_money = 0;
  for (const item of list) {
    const result = decodeEvent(item, now, clean, measure);
    if ('event' in result) {
      events.push(result.event);
      unknown_fields += result.unknown_fields;
      bad_money += result.bad_money;
    } else refused.push({ ...result, raw: (jsonOf(item) ?? body).slice(0, LIMITS.body_bytes) });
  }
  return {
    ok: true,
    batch: {
      v,
      site,
      sent_at: isTime(sent_at) ? Math.floor(sent_at) : now,
      ...(typeof dropped === 'number' && dropped > 0 && dropped < 1e9 && { dropped: Math.floor(dropped) }),
      events,
    },
    refused,
    unknown_fields,
    bad_money,
  };
}

type Clean = (text: string) => string;

/** One event, e.g. a line of an import. `now` judges its `time`. */
export function decodeEvent(
  item: unknown,
  now: Millis,
  clean: Clean = wellFormed,
  measure = true,
): ({ event: WireEvent } & Dropped) | Rejected {
  if (!isObject(item)) return { event_id: null, reason: 'bad_event' };
  const { event_id, type, time, props } = item;
  const id = typeof event_id === 'string' && event_id.length <= LIMITS.id ? clean(event_id) : null;
  const refuse = (reason: RejectReason, field?: string): Rejected => ({ event_id: id, reason, ...(field !== undefined && { field }) });
  if (id === null || !ID_PATTERN.test(id) || id.startsWith(DECISION_PREFIX)) return refuse('bad_id');
  if (typeof type !== 'string' || !TYPE.test(type)) return refuse('bad_type');
  if (!isTime(time)) return refuse('bad_time');
  if (time > now + LIMITS.future) return refuse('future');
  if (measure) {
    const json = jsonOf(item);
    if (json === null) return refuse('too_deep');
    if (json.length > LIMITS.event_bytes) return refuse('too_large');
  }
  const event: WireEvent = { event_id: id, type, time: Math.floor(time) };
  // A customer on an event that is no claim is dropped, so whatever it looks like it does not cost the event.
  const claims = CLAIM_TYPES.has(type);
  const dropped: Dropped = { unknown_fields: 0, bad_money: 0 };
  for (const field in item) {
    const value = item[field];
    if (value === undefined || value === null) continue;
    switch (field) {
      case 'event_id':
      case 'type':
      case 'time':
        break;
      case 'anonymous_id':
      case 'session_id':
      case 'tab_id':
      case 'view_id':
        if (typeof value !== 'string' || !ID_PATTERN.test(value)) return refuse('bad_field', field);
        event[field] = value;
        break;
      case 'scan':
        if (typeof value !== 'string') return refuse('bad_field', field);
        // A token that anyone may have put into a URL must not cost the event.
        if (ID_PATTERN.test(value)) event.scan = value;
        break;
      case 'customer_id':
      case 'customer_token':
      case 'email_sha256': {
        const said = customerField(field, value, clean);
        if (said !== null) event[field] = said;
        else if (claims) return refuse('bad_field', field);
        // Names nobody, and is counted as that.
        else event.customer_id ??= '';
        break;
      }
      case 'url':
      case 'referrer':
        if (typeof value !== 'string') return refuse('bad_field', field);
        event[field] = clean(value).slice(0, LIMITS.url);
        break;
      case 'title':
        if (typeof value !== 'string') return refuse('bad_field', field);
        event.title = clean(value).slice(0, LIMITS.title);
        break;
      case 'consent':
        if (value !== 'granted' && value !== 'denied' && value !== 'pending') return refuse('bad_field', field);
        event.consent = value;
        break;
      case 'gpc':
      case 'kiosk':
        if (typeof value !== 'boolean') return refuse('bad_field', field);
        if (value) event[field] = true;
        break;
      case 'props':
        break;
      default:
        dropped.unknown_fields += 1;
    }
  }
  if (props !== undefined && props !== null) {
    if (!isObject(props)) return refuse('bad_field', 'props');
    const budget = { nodes: LIMITS.nodes };
    if (!fits(props, LIMITS.depth, budget)) return refuse('too_deep');
    event.props = commerce(clean === same ? props : (wellFormedAll(props, clean) as Record<string, unknown>), dropped);
  }
  return { event, ...dropped };
}

/** A field that says who this is, as it may be kept; null where it cannot be one. */
function customerField(field: 'customer_id' | 'customer_token' | 'email_sha256', value: unknown, clean: Clean): string | null {
  const text = field === 'customer_id' && typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return null;
  if (field === 'email_sha256') return SHA256.test(text) ? text.toLowerCase() : null;
  if (field === 'customer_token') return text.length <= LIMITS.customer_token ? text : null;
  // The name space of guests is not a page's to use (R4).
  return text.length > LIMITS.customer_id || text.trim().startsWith(GUEST_PREFIX) ? null : clean(text);
}

/** GA4's numbers and strings, made one: ids and money are strings, quantities numbers. */
function commerce(props: Record<string, unknown>, dropped: Dropped): Props {
  const { value, currency, transaction_id, items } = props;
  if (value !== undefined) assignMoney(props, 'value', dropped);
  if (currency !== undefined)
    assignOrDrop(props, 'currency', typeof currency === 'string' && /^[A-Za-z]{3}$/.test(currency) ? currency.toUpperCase() : null);
  if (transaction_id !== undefined) assignOrDrop(props, 'transaction_id', idText(transaction_id));
  if (Array.isArray(items))
    props['items'] = items
      .filter(isObject)
      .slice(0, LIMITS.items)
      .map((item) => normaliseItem(item, dropped));
  else if (items !== undefined) delete props['items'];
  return props as Props;
}

function normaliseItem(item: Record<string, unknown>, dropped: Dropped): Item {
  item['item_id'] = idText(item['item_id']) ?? idText(item['id']) ?? '';
  if (item['price'] !== undefined) assignMoney(item, 'price', dropped);
  if (item['quantity'] !== undefined) {
    const quantity = Number(item['quantity']);
    assignOrDrop(item, 'quantity', Number.isFinite(quantity) ? quantity : null);
  }
  return item as Item;
}

/** What is no amount brings nothing, but is not lost either: a person may still read it. */
function assignMoney(target: Record<string, unknown>, field: 'price' | 'value', dropped: Dropped): void {
  const said = target[field];
  const amount = decimal(said);
  assignOrDrop(target, field, amount);
  if (amount !== null || said === null) return;
  dropped.bad_money += 1;
  target[`raw_${field}`] ??= said;
}

function assignOrDrop(target: Record<string, unknown>, field: string, value: string | number | null): void {
  if (value === null) delete target[field];
  else target[field] = value;
}

function idText(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value.length > 0 && value.length <= LIMITS.customer_id ? value : null;
}

/** Null for what parses, but is nested far too deep: writing that again overflows the stack, and takes long to. */
function jsonOf(value: unknown): string | null {
  return fits(value, 4 * LIMITS.depth, { nodes: Number.POSITIVE_INFINITY }) ? (JSON.stringify(value) ?? null) : null;
}

function fits(value: unknown, depth: number, budget: { nodes: number }): boolean {
  budget.nodes -= 1;
  if (budget.nodes < 0) return false;
  if (typeof value !== 'object' || value === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((item) => fits(item, depth - 1, budget));
  for (const key in value) if (!fits((value as Record<string, unknown>)[key], depth - 1, budget)) return false;
  return true;
}

const TYPE = /^[a-z][a-z0-9_]{0,63}$/;
const SHA256 = /^[0-9a-f]{64}$/i;
const DIRTY = /\\u(?:0000|[dD][89a-fA-F])/;
/** Before this, a time is a broken clock or seconds taken for milliseconds. */
const EARLIEST = Date.UTC(2000, 0, 1) - MINUTE;

const BYTE_ORDER_MARK = 0xfeff;

const same: Clean = (text) => text;

function isTime(value: unknown): value is Millis {
  return typeof value === 'number' && Number.isFinite(value) && value >= EARLIEST && value < 8.64e15;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

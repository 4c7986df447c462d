/** What answers about customers look like, for the OpenAPI document. docs/profiles.md says what each field means. */
import { z } from 'zod';
import { SEGMENTS } from '../profile/segments.ts';
import { millis } from './fields.ts';

const text = z.string().nullable();
const moment = millis.nullable();
const score = z.int().min(1).max(5);
export const decimal = z.string().meta({ description: 'A decimal number, exact' });

const Touch = z
  .strictObject({
    ...{ session_id: z.string(), anonymous_id: z.string(), channel: text, source: text, medium: text, campaign: text, click_id: text },
    ...{ landing_page: text, referrer: text, at: millis },
  })
  .meta({ id: 'Touch' });

const Order = z
  .strictObject({
    type: z.enum(['purchase', 'refund']),
    ...{ source: z.string(), order_id: text, event_id: z.string(), occurred_at: millis, value: decimal.nullable(), currency: text },
    ...{ session_id: text, anonymous_id: text, first_touch: Touch.nullable(), last_touch: Touch.nullable() },
  })
  .meta({ id: 'Order' });

const Revenue = z
  .strictObject({ currency: z.string(), orders: z.int(), gross: decimal, refunds: z.int(), returned: decimal, net: decimal })
  .meta({ id: 'Revenue' });

export const Segments = z.array(z.enum(SEGMENTS));

export const ShownProfile = z
  .strictObject({
    ...{ site: z.string(), customer_id: z.string(), person_id: z.string() },
    identifiers: z.array(
      z.strictObject({
        customer_id: z.string(),
        kind: z.enum(['customer', 'email']),
        strength: z.enum(['signed', 'stated', 'carried']).nullable(),
        ...{ claims: z.int(), first_at: moment, last_at: moment },
      }),
    ),
    browsers: z.array(
      z.strictObject({
        ...{ anonymous_id: z.string(), device_type: text, browser: text, os: text, sessions: z.int(), first_at: millis, last_at: millis },
        ...{ kiosk: z.boolean(), consent: text },
      }),
    ),
    consent: z.strictObject({ state: text, gpc: z.boolean(), anonymous_id: z.string(), at: millis }).nullable(),
    traits: z.record(z.string(), z.unknown()),
    ...{ first_seen_at: moment, last_seen_at: moment, sessions: z.int(), events: z.int(), page_views: z.int() },
    last_products: z.array(
      z.strictObject({ item_id: z.string(), item_name: text, price: text, currency: text, type: z.string(), at: millis }),
    ),
    last_searches: z.array(z.strictObject({ search_term: z.string(), at: millis })),
    last_scan: z
      .strictObject({
        ...{ scan_id: z.string(), code: z.string(), store_id: text, store: text, placement: text, flag: text, occurred_at: millis },
        product: z.strictObject({ sku: text, gtin: text }),
      })
      .nullable(),
    orders: z.array(Order),
    ...{ order_count: z.int(), refund_count: z.int(), revenue: z.array(Revenue), first_order_at: moment, last_order_at: moment },
    rfm: z.strictObject({ recency: score, frequency: score, monetary: score, as_of: millis }).nullable(),
    cart: z
      .strictObject({
        filled_at: millis,
        items: z.array(z.strictObject({ item_id: z.string(), item_name: text, price: text, quantity: z.number() })),
        abandoned: z.boolean(),
      })
      .nullable(),
    segments: Segments,
  })
  .meta({ id: 'Profile' });

/** The moment of an answer, and where the change feed goes on from it. */
export const AS_OF = { as_of: millis, changes_cursor: z.string() };

export const ShownEvent = z
  .looseObject({
    ...{ site: z.string(), event_id: z.string(), type: z.string(), time: millis, occurred_at: millis, received_at: millis },
    ...{ anonymous_id: text, session_id: text, customer_id: text, strength: text, device_type: z.string(), bot: z.boolean() },
    ...{ url: text, referrer: text, title: text, props: z.record(z.string(), z.unknown()) },
  })
  .meta({ id: 'Event' });

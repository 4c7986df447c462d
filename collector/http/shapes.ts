/** What the API answers with, as schemas: named in the OpenAPI document, and held to what the handlers give by their types. */
import { z } from 'zod';

export const STATUSES = ['linked', 'ambiguous', 'anonymous', 'logged_out', 'kiosk'] as const;
export const RULES = ['session', 'device_between', 'device_after', 'device_after_logout', 'device_before'] as const;
const STRENGTHS = ['signed', 'stated', 'carried'] as const;

const text = z.string();
const maybe = text.nullable();
const count = z.int();
/** Milliseconds since 1970, UTC. */
const time = z.int();
const some = z.record(text, z.unknown());

const Outcome = {
  status: z.enum(STATUSES),
  customer_id: maybe,
  rule: z.enum(RULES).nullable(),
  strength: z.enum(STRENGTHS).nullable(),
  evidence_event_id: maybe,
  evidence_type: maybe,
  evidence_at: time.nullable(),
  evidence_gap_ms: z.int().nullable(),
  candidates: z.array(z.strictObject({ customer_id: text, evidence_event_id: text, gap_ms: z.int(), person_id: text })),
};

const Origin = { landing_page: maybe, referrer: maybe, channel: maybe, source: maybe, medium: maybe, campaign: maybe, click_id: maybe };

export const Link = z
  .strictObject({
    ...{ site: text, session_id: text, anonymous_id: text, segment: count, started_at: time, ended_at: time, events: count },
    ...{ ...Outcome, person_id: maybe, owners: count },
    ...{ policy_version: count, link_version: count, changed_at: time, cause_event_id: text },
    ...{ ...Origin, device_type: maybe, bot: z.boolean(), page_views: count },
    scans: z.array(
      z.strictObject({
        code: text,
        ...{ store_id: text.optional(), store: text.optional(), placement: text.optional(), sku: text.optional(), gtin: text.optional() },
      }),
    ),
    ...{ products: z.array(text), orders: count, revenue: maybe, currency: maybe },
  })
  .meta({ id: 'Link', description: 'A segment of a session, and whose it is. docs/linking.md has its columns' });

export const Change = z
  .strictObject({
    ...{ position: count, type: z.enum(['upsert', 'delete', 'person']), cause_event_id: text, changed_at: time },
    // Columns of a segment that is gone by now are null.
    link: z.object(Link.shape).partial().nullable(),
    old: z.looseObject({}).nullable(),
    ...{ customer_id: text.optional(), person_id: text.optional() },
  })
  .meta({ id: 'Change' });

const Product = z.strictObject({ sku: maybe, gtin: maybe });

export const Scan = z
  .strictObject({
    ...{ scan_id: text, site: text, occurred_at: time, code: text, label: maybe, store_id: maybe, store: maybe, placement: maybe },
    ...{ product: Product.nullable(), gs1: some.nullable(), flag: maybe, claimed: z.boolean(), shared: count },
    ...{ anonymous_id: maybe, session_id: maybe, status: maybe, customer_id: maybe, person_id: maybe },
  })
  .meta({ id: 'Scan' });

const SAID = { decision_id: text, site: text, time, author: text, reason: text };
export const Decision = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('merge'), customers: z.array(text).readonly(), into: text, ...SAID }),
    z.strictObject({ type: z.literal('kiosk'), anonymous_id: text, ...SAID }),
    z.strictObject({ type: z.literal('hub'), customer_id: text, ...SAID }),
    z.strictObject({ type: z.literal('revoke'), target: text, ...SAID }),
  ])
  .meta({ id: 'Decision' });

export const Why = z
  .strictObject({
    ...{ segment: count, status: z.enum(STATUSES), rule: z.enum(RULES).nullable(), sentence: text },
    evidence: z
      .strictObject({ event_id: text, type: text, occurred_at: time, customer_id: text, strength: text, session_id: maybe })
      .nullable(),
    ...{ candidates: Outcome.candidates, would_change: z.array(text) },
  })
  .meta({ id: 'Why', description: 'Why a segment is linked as it is, and what would change it' });

const EDITABLE = {
  ...{ target: text, label: text, kind: z.enum(['plain', 'product', 'personal']), customer_id: maybe, single_use: z.boolean() },
  ...{ placement: maybe, campaign: maybe, valid_from: time.nullable(), valid_until: time.nullable(), fallback: maybe, active: z.boolean() },
};
export const Code = z
  .strictObject({
    ...{ code: text, site: text, url: text, ...EDITABLE, created_at: time, updated_at: time },
    store: z.strictObject({ id: text, name: text, gln: maybe }).nullable(),
    product: Product.nullable(),
  })
  .meta({ id: 'Code' });
export const CodeHistory = z.array(z.strictObject({ edited_at: time, author: text, old: z.looseObject({}), new: z.looseObject({}) }));

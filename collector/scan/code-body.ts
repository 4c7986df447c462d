/** A code as the API and CSV files say it: its schema, what it must not be, and the row it becomes. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { GUEST_PREFIX, nameCustomer } from '../linking/claim.ts';
import type { CodeRow } from '../store/store.ts';
import { CODE_PATTERN, targetFault } from './code.ts';
import { isGln, isGtin } from './gs1-value.ts';

const time = z.number().int().nullable();
const name = z.string().trim().min(1).max(128);

export const gln = z.string().refine(isGln, 'expected a GLN: 13 digits, the last of which checks the others');
const gtin = z.string().refine(isGtin, 'expected a GTIN: 8, 12, 13 or 14 digits, the last of which checks the others');

const FIELDS = {
  target: z.string().max(2_048),
  label: z.string().max(200),
  store: z.strictObject({ id: name, name: name.optional(), gln: gln.optional() }),
  store_id: name.nullable(),
  placement: name.nullable(),
  product: z.strictObject({ sku: name.nullable().optional(), gtin: gtin.nullable().optional() }).nullable(),
  campaign: name.nullable(),
  valid_from: time,
  valid_until: time,
  fallback: z.string().max(2_048).nullable(),
  /** As claims carry it (R4). */
  customer_id: z
    .string()
    .max(256)
    .transform((raw, context) => {
      const named = nameCustomer(raw);
      if ('id' in named && !named.id.startsWith(GUEST_PREFIX)) return named.id;
      context.addIssue({ code: 'custom', message: 'expected a customer id of your own' });
      return z.NEVER;
    })
    .nullable(),
  active: z.boolean(),
  single_use: z.boolean(),
};

export const CodeBody = z.strictObject({
  code: z.string().toUpperCase().regex(CODE_PATTERN, 'expected 2 to 32 letters, digits and dashes').optional(),
  site: z.string().optional(),
  kind: z.enum(['plain', 'product', 'personal']).default('plain'),
  customer_id: FIELDS.customer_id.default(null),
  target: FIELDS.target,
  label: FIELDS.label.default(''),
  store: FIELDS.store.optional(),
  store_id: FIELDS.store_id.default(null),
  placement: FIELDS.placement.default(null),
  product: FIELDS.product.default(null),
  campaign: FIELDS.campaign.default(null),
  valid_from: FIELDS.valid_from.default(null),
  valid_until: FIELDS.valid_until.default(null),
  fallback: FIELDS.fallback.default(null),
  active: FIELDS.active.default(true),
  single_use: FIELDS.single_use.default(false),
});
export type CodeBody = z.infer<typeof CodeBody>;

/** What may change once a code is printed. Its kind and its customer may not: what was scanned would mean something else. */
export const CodeEditBody = z.strictObject(FIELDS).partial();
export type CodeEditBody = z.infer<typeof CodeEditBody>;

export interface FieldFault {
  field: string;
  expected: string;
}

/** What of a code cannot be, beyond its schema. */
export function codeFault(code: CodeRow, { origins }: Pick<SiteRecord, 'origins'>): FieldFault | null {
  for (const field of ['target', 'fallback'] as const) {
    const fault = code[field] === null ? null : targetFault(code[field], origins);
    if (fault !== null) return { field, expected: fault };
  }
  if (code.kind === 'personal' && code.customer_id === null) return { field: 'customer_id', expected: 'needed for a personal code' };
  if (code.kind !== 'personal' && code.customer_id !== null) return { field: 'customer_id', expected: 'only a personal code has one' };
  if (code.kind !== 'personal' && code.single_use) return { field: 'single_use', expected: 'only a personal code can be' };
  if (code.valid_from !== null && code.valid_until !== null && code.valid_until <= code.valid_from)
    return { field: 'valid_until', expected: 'expected a time after valid_from' };
  return null;
}

export function codeRow(body: CodeBody, code: string, site_pk: number, now: Millis): CodeRow {
  const { site: _site, store, store_id, product, ...rest } = body;
  return {
    ...rest,
    ...{ code, site_pk, store_id: store?.id ?? store_id, sku: product?.sku ?? null, gtin: product?.gtin ?? null },
    ...{ created_at: now, updated_at: now },
  };
}

/** The row after an edit, and which of its fields differ. */
export function editedRow(row: CodeRow, edit: CodeEditBody, now: Millis): { row: CodeRow; old: Partial<CodeRow>; new: Partial<CodeRow> } {
  const { store, product, ...rest } = edit;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Partial<CodeRow>;
  const next: CodeRow = {
    ...row,
    ...given,
    ...(store && { store_id: store.id }),
    ...(product !== undefined && { sku: product?.sku ?? null, gtin: product?.gtin ?? null }),
  };
  const changed = (Object.keys(next) as (keyof CodeRow)[]).filter((field) => next[field] !== row[field]);
  const only = (from: CodeRow): Partial<CodeRow> => Object.fromEntries(changed.map((field) => [field, from[field]]));
  return { row: { ...next, updated_at: now }, old: only(row), new: only(next) };
}

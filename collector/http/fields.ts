/** Fields that the requests of many endpoints have, each with what it may be. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';

/** One value of free text. */
export const text = (description: string): z.ZodOptional<z.ZodString> => z.string().max(512).optional().meta({ description });

export const site = text('Only this site; all of the token’s where it is left out');
export const theSite = text('May be left out where the token has one site only');

export const limit = (fallback = 100, most = 1_000) =>
  z.coerce
    .number<string>(`expected a whole number from 1 to ${most}`)
    .int()
    .min(1)
    .max(most)
    .default(fallback)
    .meta({ description: 'Rows of one answer' });

export const number = (least: number, most: number, description: string) =>
  z.coerce.number<string>().int(`expected a whole number from ${least} to ${most}`).min(least).max(most).meta({ description });

/** Milliseconds or ISO 8601, which is UTC where it names no zone, wherever the collector runs; else null. */
export function timeOf(value: string): Millis | null {
  if (/^-?\d{1,16}$/.test(value)) return Number(value);
  const iso = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?$/.exec(value);
  if (!iso) return null;
  const time = Date.parse(value.includes('T') && iso[1] === undefined ? `${value}Z` : value);
  return Number.isNaN(time) ? null : time;
}

/** A moment: milliseconds or ISO 8601. */
export const moment = (description: string) =>
  z
    .string()
    .max(64)
    .transform((value, context) => {
      const time = timeOf(value);
      if (time !== null) return time;
      context.addIssue({ code: 'custom', message: 'expected milliseconds since 1970 or ISO 8601' });
      return z.NEVER;
    })
    .optional()
    .meta({ description: `${description}: milliseconds since 1970, or ISO 8601` });

export const flag = (description: string) =>
  z
    .enum(['0', '1'])
    .default('0')
    .transform((value) => value === '1')
    .meta({ description });

/** Where a page goes on: opaque to consumers, `count` numbers. */
export const cursor = (count: number, description = '`next_cursor` of the page before') =>
  z
    .string()
    .max(512)
    .transform((value, context) => {
      const parts = Buffer.from(value, 'base64url').toString().split('.');
      const numbers = parts.map(Number);
      if (parts.length === count && parts.every((part) => /^\d{1,16}$/.test(part)) && numbers.every(Number.isSafeInteger)) return numbers;
      context.addIssue({ code: 'custom', message: 'not a cursor of this endpoint' });
      return z.NEVER;
    })
    .optional()
    .meta({ description });

/** The same for pages in the order of names: the last one. */
export const namedCursor = (pattern: RegExp) =>
  z.string().max(512).regex(pattern, 'not a cursor of this endpoint').optional().meta({ description: '`next_cursor` of the page before' });

/** Cursors are numbers joined by dots, in base64url. */
export function cursorOf(...numbers: readonly number[]): string {
  return Buffer.from(numbers.join('.')).toString('base64url');
}

/** Of an answer: null after the last page. */
export const nextCursor = z.string().nullable();
export const millis = z.number().int().meta({ description: 'Milliseconds since 1970, UTC' });

/** Without what is undefined. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

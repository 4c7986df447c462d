/** Query parameters of the API, checked: a bad one is a problem that names its field. */
import type { Request } from 'express';
import type { Millis } from '../../protocol/event.ts';
import { badField } from '../errors.ts';

/** One value of a parameter, or undefined where it is absent or empty. */
export function text(req: Request, name: string): string | undefined {
  const value: unknown = req.query[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string' || value.length > 512) throw badField(name, 'expected one value');
  return value;
}

export function oneOf<T extends string>(req: Request, name: string, choices: readonly T[]): T | undefined {
  const value = text(req, name);
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw badField(name, `expected one of ${choices.join(', ')}`);
  return choice;
}

export function limit(req: Request, fallback = 100, most = 1_000): number {
  const value = text(req, 'limit');
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > most) throw badField('limit', `expected a whole number from 1 to ${most}`);
  return number;
}

/** A moment: milliseconds or ISO 8601. */
export function moment(req: Request, name: string): Millis | undefined {
  const value = text(req, name);
  if (value === undefined) return undefined;
  const time = /^-?\d{1,16}$/.test(value)
    ? Number(value)
    : /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?$/.test(value)
      ? Date.parse(value)
      : Number.NaN;
  if (Number.isNaN(time)) throw badField(name, 'expected milliseconds since 1970 or ISO 8601');
  return time;
}

/** Cursors are opaque to consumers: numbers joined by dots, in base64url. */
export function cursorOf(...numbers: readonly number[]): string {
  return Buffer.from(numbers.join('.')).toString('base64url');
}

/** The `count` numbers of a cursor, or null where there is none. */
export function cursor(req: Request, name: string, count: number): number[] | null {
  const value = text(req, name);
  if (value === undefined) return null;
  const parts = Buffer.from(value, 'base64url').toString().split('.');
  const numbers = parts.map(Number);
  if (numbers.length !== count || parts.some((part) => !/^-?\d{1,16}$/.test(part)) || !numbers.every(Number.isSafeInteger))
    throw badField(name, 'not a cursor of this endpoint');
  return numbers;
}

/** Whether a value fits its GS1 application identifier: characters, lengths, check digits and what else its format demands. */
import type { Ai, Part } from './gs1-keys.ts';

export type ValueFault =
  | 'bad_character'
  | 'too_short'
  | 'too_long'
  | 'check_digit'
  | 'check_pair'
  | 'bad_prefix'
  | 'bad_date'
  | 'bad_time'
  | 'bad_content';

/** Null where the value fits; else the first fault from the left. */
export function valueFault({ parts }: Ai, value: string): ValueFault | null {
  let at = 0;
  for (const part of parts) {
    if (at === value.length && part.optional) return null;
    const end = Math.min(value.length, at + part.max);
    for (let i = at; i < end; i += 1) if (!((CLASS[value.charCodeAt(i)] ?? 0) & BIT[part.chars])) return 'bad_character';
    if (end - at < part.min) return 'too_short';
    const text = parts.length === 1 && end === value.length ? value : value.slice(at, end);
    for (const rule of part.rules) {
      const fault = RULES[rule]?.(text) ?? null;
      if (fault !== null) return fault;
    }
    at = end;
  }
  return at < value.length ? 'too_long' : null;
}

/** The last digit that makes these digits right: weights 3 and 1 from the right. */
export function checkDigit(digits: string): string {
  let sum = 0;
  for (let i = digits.length - 1, weight = 3; i >= 0; i -= 1, weight = 4 - weight) sum += (digits.charCodeAt(i) - 48) * weight;
  return String((10 - (sum % 10)) % 10);
}

/** A GTIN-8, -12, -13 or -14 with its check digit right. */
export function isGtin(digits: string): boolean {
  return /^(?:\d{8}|\d{12,14})$/.test(digits) && checkDigit(digits.slice(0, -1)) === digits.at(-1);
}

/** A GLN with its check digit right. */
export function isGln(digits: string): boolean {
  return /^\d{13}$/.test(digits) && checkDigit(digits.slice(0, -1)) === digits.at(-1);
}

/** The two characters that end a GMN: its values weighted by rising primes from the right, modulo 1021, as two digits of base 32. */
export function checkPair(text: string): string {
  let sum = 0;
  for (let i = text.length - 1, n = 0; i >= 0; i -= 1, n += 1) sum += SET_82.indexOf(text.charAt(i)) * (PRIMES[n] ?? 0);
  sum %= 1021;
  return SET_32.charAt(sum >> 5) + SET_32.charAt(sum & 31);
}

const SET_82 = '!"%&\'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
const SET_39 = '#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const SET_32 = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ';
const SET_64 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_';
const PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83];

const BIT: Record<Part['chars'], number> = { N: 1, X: 2, Y: 4, Z: 8 };
/** For each character code, the sets that it is in. */
const CLASS = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  const inSet = (set: string, bit: number): number => (set.includes(char) ? bit : 0);
  return inSet('0123456789', 1) | inSet(SET_82, 2) | inSet(SET_39, 4) | inSet(`${SET_64}=`, 8);
});

const unless = (holds: boolean, fault: ValueFault): ValueFault | null => (holds ? null : fault);

const RULES: Record<string, (text: string) => ValueFault | null> = {
  check: (text) => unless(checkDigit(text.slice(0, -1)) === text.at(-1), 'check_digit'),
  pair: (text) => (text.length < 3 ? 'too_short' : unless(checkPair(text.slice(0, -2)) === text.slice(-2), 'check_pair')),
  // Every key begins with its owner's company prefix, of at least four digits.
  prefix: (text) => unless(/^\d{4}/.test(text), 'bad_prefix'),
  nondigit: (text) => unless(/\D/.test(text), 'bad_content'),
  nozero: (text) => unless(text === '0' || !text.startsWith('0'), 'bad_content'),
  zero: (text) => unless(text === '0', 'bad_content'),
  nonzero: (text) => unless(/[1-9]/.test(text), 'bad_content'),
  importer: (text) => unless(SET_64.includes(text), 'bad_content'),
  pieces: (text) => unless(Number(text.slice(0, 2)) >= 1 && text.slice(0, 2) <= text.slice(2), 'bad_content'),
  date: (text) => unless(isDay(`20${text}`, false), 'bad_date'),
  // Day 00 stands for the end of the month.
  date0: (text) => unless(isDay(`20${text}`, true), 'bad_date'),
  day: (text) => unless(isDay(text, false), 'bad_date'),
  time: (text) => unless(Number(text.slice(0, 2)) < 24 && Number(text.slice(2)) < 60, 'bad_time'),
  hour: (text) => unless(Number(text) < 24, 'bad_time'),
  minute: (text) => unless(Number(text) < 60, 'bad_time'),
  yesno: (text) => unless(text === '0' || text === '1', 'bad_content'),
  sex: (text) => unless('0129'.includes(text), 'bad_content'),
  winding: (text) => unless('019'.includes(text), 'bad_content'),
  minus: (text) => unless(text === '-', 'bad_content'),
  country: (text) => unless(/^[A-Z]{2}$/.test(text), 'bad_content'),
  latitude: (text) => unless(Number(text) <= 1_800_000_000, 'bad_content'),
  longitude: (text) => unless(Number(text) <= 3_600_000_000, 'bad_content'),
  encoded: (text) => unless(!/%(?![0-9A-Fa-f]{2})/.test(text), 'bad_content'),
  sequence: (text) => unless(/^[1-9]\/[1-9]$/.test(text) && text.charAt(0) <= text.charAt(2), 'bad_content'),
  iban: (text) => unless(isIban(text), 'bad_content'),
};

function isDay(yyyymmdd: string, orNone: boolean): boolean {
  const [year, month, day] = [Number(yyyymmdd.slice(0, 4)), Number(yyyymmdd.slice(4, 6)), Number(yyyymmdd.slice(6))];
  if (month < 1 || month > 12 || (day === 0 && !orNone)) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}

/** ISO 13616: country and check digits to the end, letters as two digits, 1 modulo 97. */
function isIban(text: string): boolean {
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{6,30}$/.test(text)) return false;
  let rest = 0;
  for (const char of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

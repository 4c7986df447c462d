/** Exact sums of decimal strings: money never passes through a float. */

const DECIMAL = /^-?\d{1,15}(\.\d{1,8})?$/;

/** A decimal string as the wire may carry it (number or string), or null if it is none. */
export function decimal(value: unknown): string | null {
  const text = typeof value === 'number' ? meant(value) : typeof value === 'string' ? value.trim() : '';
  return DECIMAL.test(text) ? text : null;
}

/** A float as people mean it, to 8 decimals: 0.1 + 0.2 is 0.3. Its first 15 digits are what it can hold of any decimal. */
function meant(value: number): string {
  const clean = Number(value.toPrecision(15));
  const text = String(clean);
  // Only what is small has more than 8 decimals in 15 digits.
  if (DECIMAL.test(text) || !(Math.abs(clean) < 1e7)) return text;
  const rounded = clean.toFixed(8).replace(/\.?0+$/, '');
  return rounded === '-0' ? '0' : rounded;
}

/** The sum, with as many decimals as the longest of them. Null for no values. */
export function sumDecimals(values: readonly string[]): string | null {
  if (values.length === 0) return null;
  const places = Math.max(...values.map((value) => (value.split('.')[1] ?? '').length));
  let total = 0n;
  for (const value of values) {
    const [whole = '0', fraction = ''] = value.split('.');
    total += BigInt(whole + fraction.padEnd(places, '0'));
  }
  const digits = (total < 0n ? -total : total).toString().padStart(places + 1, '0');
  const sign = total < 0n ? '-' : '';
  return places === 0 ? sign + digits : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

export function negate(value: string): string {
  return value.startsWith('-') ? value.slice(1) : `-${value}`;
}

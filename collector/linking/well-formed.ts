/** Text that every store takes: NUL and lone surrogates, which JSON may carry and PostgreSQL refuses, become U+FFFD. */

export function wellFormed(text: string): string {
  return text.replaceAll('\0', '\uFFFD').replace(LONE_SURROGATE, '\uFFFD');
}

/** The same for every string and key of a JSON value. */
export function wellFormedAll(value: unknown, clean: (text: string) => string = wellFormed): unknown {
  if (typeof value === 'string') return clean(value);
  if (Array.isArray(value)) return value.map((item) => wellFormedAll(item, clean));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [clean(key), wellFormedAll(item, clean)]));
}

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

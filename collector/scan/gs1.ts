/** GS1 Digital Link URIs, syntax 1.6, uncompressed: read, check and write. Pure; every refusal is a value with its exact reason. */
import { AIS, EXCLUDED, PRIMARY_KEYS, REQUIRED_QUALIFIERS, SHORT_NAMES } from './gs1-keys.ts';
import { type ValueFault, valueFault } from './gs1-value.ts';

export type Gs1Reason =
  | ValueFault
  | 'not_a_web_uri'
  | 'no_primary_key'
  | 'no_value'
  | 'bad_encoding'
  | 'not_a_qualifier'
  | 'qualifier_order'
  | 'missing_qualifier'
  | 'unknown_ai'
  | 'not_an_attribute'
  | 'repeated'
  | 'excluded'
  | 'bad_extension';

export interface Gs1Fault {
  reason: Gs1Reason;
  /** The application identifier (or what stands in its place) that is at fault. */
  ai: string | null;
}

/** An application identifier with its value, percent-decoded. */
export type Element = readonly [ai: string, value: string];

export interface Gs1Link {
  /** Scheme, host and whatever path stands before the primary key: `https://id.shop.example`. */
  stem: string;
  /** The primary key; a GTIN has 14 digits. */
  key: Element;
  qualifiers: readonly Element[];
  attributes: readonly Element[];
  /** Other `name=value` pairs of the query, as they came (linkType, utm_source): they pass through. */
  extensions: readonly string[];
}

export type Gs1Parsed = { ok: true; link: Gs1Link } | ({ ok: false } & Gs1Fault);
export type Gs1Built = { ok: true; uri: string } | ({ ok: false } & Gs1Fault);

/** Reads a whole URI. Never throws. */
export function parseDigitalLink(uri: string): Gs1Parsed {
  const match = WEB_URI.exec(uri);
  if (!match) return refuse('not_a_web_uri');
  const [, scheme = '', host = '', path = '', query = ''] = match;
  return parseDigitalLinkPath(path, query, `${scheme.toLowerCase()}://${host.toLowerCase()}`);
}

/** Reads path and query (without `?`) of a request; `origin` begins the stem. Never throws. */
export function parseDigitalLinkPath(path: string, query: string, origin = ''): Gs1Parsed {
  const segments = path.split('/');
  // Pairs are counted from the end, since anything may stand before the primary key, and a value may look like one.
  let start = segments.length - 2;
  while (start >= 1 && !PRIMARY_KEYS.has(aiOf(segments[start] as string))) start -= 2;
  if (start < 1) {
    const cut = segments.findIndex((segment, index) => index > 0 && PRIMARY_KEYS.has(aiOf(segment)));
    return cut === -1 ? refuse('no_primary_key') : refuse('no_value', aiOf(segments.at(-1) as string) || aiOf(segments[cut] as string));
  }
  const elements: Element[] = [];
  for (let at = start; at < segments.length; at += 2) {
    const ai = aiOf(segments[at] as string);
    const value = decode(segments[at + 1] as string);
    if (value === null) return refuse('bad_encoding', ai);
    elements.push([ai, value]);
  }
  const [first, ...qualifiers] = elements as [Element, ...Element[]];
  const attributes: Element[] = [];
  const extensions: string[] = [];
  if (query !== '') {
    for (const pair of query.split(/[&;]/)) {
      if (pair === '') continue;
      const equals = pair.indexOf('=');
      const name = equals === -1 ? pair : pair.slice(0, equals);
      if (!DIGITS.test(name)) extensions.push(pair);
      else {
        const value = decode(equals === -1 ? '' : pair.slice(equals + 1));
        if (value === null) return refuse('bad_encoding', name);
        attributes.push([name, value]);
      }
    }
  }
  const stem = origin + segments.slice(0, start).join('/');
  const link: Gs1Link = { stem, key: padded(first), qualifiers, attributes, extensions };
  const fault = linkFault(link);
  return fault ? { ok: false, ...fault } : { ok: true, link };
}

/** Writes the canonical URI: numbers for names, qualifiers in the order given, values percent-encoded. Never throws. */
export function buildDigitalLink(link: Gs1Link): Gs1Built {
  const whole = { ...link, key: padded(link.key) };
  const fault = linkFault(whole);
  if (fault) return { ok: false, ...fault };
  if (!STEM.test(link.stem)) return refuse('not_a_web_uri');
  const bad = link.extensions.find((pair) => pair === '' || /[&;#\s]/.test(pair) || DIGITS.test(pair.split('=')[0] ?? ''));
  if (bad !== undefined) return refuse('bad_extension', bad.split('=')[0] ?? '');
  const path = [whole.key, ...link.qualifiers].map(([ai, value]) => `/${ai}/${encodeURIComponent(value)}`).join('');
  const query = [...link.attributes.map(([ai, value]) => `${ai}=${encodeURIComponent(value)}`), ...link.extensions].join('&');
  return { ok: true, uri: link.stem + path + (query && `?${query}`) };
}

/** A fault in words, for the person who made the link. */
export function describeFault({ reason, ai }: Gs1Fault): string {
  return ai === null ? WORDS[reason] : `(${ai}) ${WORDS[reason]}`;
}

const WORDS: Record<Gs1Reason, string> = {
  not_a_web_uri: 'not an http(s) address',
  no_primary_key: 'the path has no GS1 primary key',
  no_value: 'has no value',
  bad_encoding: 'its percent-encoding is broken',
  not_a_qualifier: 'does not qualify this primary key',
  qualifier_order: 'stands out of order, or beside a qualifier that excludes it',
  missing_qualifier: 'is missing, and this primary key needs it',
  unknown_ai: 'is no application identifier; extensions need a letter in their name',
  not_an_attribute: 'may not stand in the query',
  repeated: 'is there twice',
  excluded: 'contradicts another part of the link',
  bad_extension: 'is no name=value pair with a letter in its name',
  bad_character: 'has a character that is not allowed',
  too_short: 'is too short',
  too_long: 'is too long',
  check_digit: 'its check digit is wrong',
  check_pair: 'its check characters are wrong',
  bad_prefix: 'does not begin with a company prefix (four digits or more)',
  bad_date: 'is no date',
  bad_time: 'is no time',
  bad_content: 'does not fit its format',
};

const WEB_URI = /^(https?):\/\/([^/?#\s@\\]+)(\/[^?#\s]*)?(?:\?([^#\s]*))?(?:#.*)?$/i;
const STEM = /^https?:\/\/[^/?#\s@\\]+(?:\/[^?#\s/]*)*$/;
const DIGITS = /^\d+$/;

function refuse(reason: Gs1Reason, ai: string | null = null): { ok: false } & Gs1Fault {
  return { ok: false, reason, ai };
}

function aiOf(segment: string): string {
  return SHORT_NAMES.get(segment.toLowerCase()) ?? segment;
}

function decode(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** GTIN-8, -12 and -13 are GTIN-14 with zeros in front. */
function padded([ai, value]: Element): Element {
  return ai === '01' && /^(?:\d{8}|\d{12,13})$/.test(value) ? [ai, value.padStart(14, '0')] : [ai, value];
}

function linkFault({ key, qualifiers, attributes }: Gs1Link): Gs1Fault | null {
  const sequences = PRIMARY_KEYS.get(key[0]);
  if (!sequences) return { reason: 'no_primary_key', ai: key[0] };
  const seen = new Set<string>([key[0]]);
  const fault = elementFault(key);
  if (fault) return fault;
  for (const [ai, value] of qualifiers) {
    if (!sequences.some((sequence) => sequence.includes(ai))) return { reason: 'not_a_qualifier', ai };
    if (seen.has(ai)) return { reason: 'repeated', ai };
    seen.add(ai);
    const wrong = elementFault([ai, value]);
    if (wrong) return wrong;
  }
  if (qualifiers.length > 1) {
    const late = firstOutOfOrder(qualifiers, sequences);
    if (late !== null) return { reason: 'qualifier_order', ai: late };
  }
  const required = REQUIRED_QUALIFIERS.get(key[0]);
  if (required !== undefined && !seen.has(required)) return { reason: 'missing_qualifier', ai: required };
  return attributesFault(key[0], attributes, seen);
}

function attributesFault(key: string, attributes: readonly Element[], seen: Set<string>): Gs1Fault | null {
  const families = new Set<string>();
  for (const [ai, value] of attributes) {
    const known = AIS.get(ai);
    if (!known) return { reason: 'unknown_ai', ai };
    if (!known.attribute) return { reason: 'not_an_attribute', ai };
    if (seen.has(ai)) return { reason: 'repeated', ai };
    seen.add(ai);
    // Of a measure or an amount, whose last digit places the decimal point, there is one.
    const family = ai.length === 4 && ai.startsWith('3') ? ai.slice(0, 3) : null;
    if (EXCLUDED.get(key)?.includes(ai) || (family !== null && families.has(family))) return { reason: 'excluded', ai };
    if (family !== null) families.add(family);
    const wrong = elementFault([ai, value]);
    if (wrong) return wrong;
  }
  return null;
}

function elementFault([ai, value]: Element): Gs1Fault | null {
  const known = AIS.get(ai);
  if (!known) return { reason: 'unknown_ai', ai };
  if (value === '') return { reason: 'no_value', ai };
  const reason = valueFault(known, value);
  return reason && { reason, ai };
}

/** The first qualifier that no sequence has after those before it, or null. */
function firstOutOfOrder(qualifiers: readonly Element[], sequences: readonly (readonly string[])[]): string | null {
  let best = 0;
  for (const sequence of sequences) {
    let at = -1;
    let fits = 0;
    for (const [ai] of qualifiers) {
      const next = sequence.indexOf(ai);
      if (next <= at) break;
      at = next;
      fits += 1;
    }
    best = Math.max(best, fits);
  }
  return qualifiers[best]?.[0] ?? null;
}

/** Which customers may be one person, and on what evidence: an operator's to decide, never merged from here (R8). */
import type { Millis } from '../../protocol/event.ts';
import type { Queries } from '../store/queries.ts';
import type { SharedClaim } from '../store/queries-review.ts';

/** Two persons who may be one. */
export interface MergeSuggestion {
  /** The one whose claims began earlier stands first. */
  persons: [string, string];
  /** `email`: both gave the same address. `browser`: in the window each was named on the same browsers, and nobody else there. */
  evidence: ('email' | 'browser')[];
  /** Claims with a shared address, of both. */
  email_claims: number;
  /** Browsers that both were named on, and some of them. */
  browsers: number;
  anonymous_ids: string[];
  /** On those browsers the one was named last before the other was first: an account that was replaced, rather than a household. */
  one_after_other: boolean;
  last_at: Millis;
}

export interface MergesOptions {
  site_pk: number;
  /** Claims on browsers are looked at from then on: the linking policy's window. */
  since: Millis;
  most?: number;
}

/** An address that more have given is a shop's or a till's. */
const SHARERS = 3;
const BROWSERS_AT_ONCE = 20_000;
const PERSONS_AT_ONCE = 200;
const SHOWN_BROWSERS = 5;

/** The strongest evidence first, then the newest. */
export async function mergeSuggestions(queries: Queries, { site_pk, since, most = 1_000 }: MergesOptions): Promise<MergeSuggestion[]> {
  const pairs = new Map<string, Pair>();
  const pairOf = (a: SharedClaim, b: SharedClaim): Pair => {
    const persons: [string, string] = a.person_id < b.person_id ? [a.person_id, b.person_id] : [b.person_id, a.person_id];
    const key = JSON.stringify(persons);
    const pair = pairs.get(key) ?? { persons, email_claims: 0, browsers: [], began: new Map(), sequential: true, last_at: 0 };
    pairs.set(key, pair);
    for (const { person_id, first_at, last_at } of [a, b]) {
      pair.began.set(person_id, Math.min(first_at, pair.began.get(person_id) ?? first_at));
      pair.last_at = Math.max(pair.last_at, last_at);
    }
    return pair;
  };

  for (const [after, before] of EMAILS) {
    for (const sharers of groupsOf(await queries.personsByEmail(site_pk, after, before), ({ email }) => email)) {
      if (sharers.length > SHARERS) continue;
      for (const [a, b] of twos(sharers)) pairOf(a, b).email_claims += a.claims + b.claims;
    }
    await breath();
  }

  const shared = new Map<string, [SharedClaim, SharedClaim, number][]>();
  const last = await queries.lastBrowserPk();
  for (let after = 0; after < last; after += BROWSERS_AT_ONCE) {
    const portion = await queries.personsByBrowser(site_pk, since, after, after + BROWSERS_AT_ONCE);
    for (const there of groupsOf(portion, ({ browser_pk }) => browser_pk)) {
      const [a, b] = there;
      if (!a || !b || there.length > 2) continue;
      const key = JSON.stringify([a.person_id, b.person_id].sort());
      shared.set(key, [...(shared.get(key) ?? []), [a, b, a.browser_pk]]);
    }
    await breath();
  }
  const browsersOf = new Map<string, number>();
  const asked = [...new Set([...shared.keys()].flatMap((key) => JSON.parse(key) as string[]))];
  for (let at = 0; at < asked.length; at += PERSONS_AT_ONCE) {
    const found = await queries.browsersOfPersons(site_pk, since, asked.slice(at, at + PERSONS_AT_ONCE));
    for (const { person_id, browsers } of found) browsersOf.set(person_id, browsers);
    await breath();
  }
  for (const [key, browsers] of shared) {
    const persons = JSON.parse(key) as string[];
    // One who was named elsewhere as well is somebody of their own.
    if (!pairs.has(key) && persons.some((person) => browsersOf.get(person) !== browsers.length)) continue;
    for (const [a, b, browser_pk] of browsers) {
      const pair = pairOf(a, b);
      pair.browsers.push(browser_pk);
      if (a.first_at <= b.last_at && b.first_at <= a.last_at) pair.sequential = false;
    }
  }

  const found = [...pairs.values()].sort(
    (a, b) => strengthOf(b) - strengthOf(a) || b.last_at - a.last_at || (a.persons.join() < b.persons.join() ? -1 : 1),
  );
  return withNames(queries, found.slice(0, most));
}

interface Pair {
  persons: [string, string];
  email_claims: number;
  browsers: number[];
  began: Map<string, Millis>;
  sequential: boolean;
  last_at: Millis;
}

const strengthOf = ({ email_claims, browsers, sequential }: Pair): number =>
  (email_claims > 0 ? 4 : 0) + (browsers.length > 0 ? (sequential ? 2 : 1) : 0);

async function withNames(queries: Queries, pairs: readonly Pair[]): Promise<MergeSuggestion[]> {
  const wanted = pairs.flatMap(({ browsers }) => browsers.slice(0, SHOWN_BROWSERS));
  const names = new Map<number, string>();
  for (let at = 0; at < wanted.length; at += 500)
    for (const { browser_pk, anonymous_id } of await queries.anonymousIds(wanted.slice(at, at + 500))) names.set(browser_pk, anonymous_id);
  return pairs.map(({ persons: [a, b], email_claims, browsers, began, sequential, last_at }) => ({
    persons: (began.get(b) ?? 0) < (began.get(a) ?? 0) ? [b, a] : [a, b],
    evidence: [...(email_claims > 0 ? (['email'] as const) : []), ...(browsers.length > 0 ? (['browser'] as const) : [])],
    email_claims,
    browsers: browsers.length,
    anonymous_ids: browsers.slice(0, SHOWN_BROWSERS).flatMap((browser) => names.get(browser) ?? []),
    one_after_other: browsers.length > 0 && sequential,
    last_at,
  }));
}

/** Addresses are kept as `email:` and hexadecimal digits: portions by their first. */
const EMAILS: readonly (readonly [string, string])[] = [...'0123456789abcdef'].map((digit) => [`email:${digit}`, `email:${digit}~`]);

function groupsOf<T, K>(all: readonly T[], keyOf: (one: T) => K): T[][] {
  const groups = new Map<K, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group) group.push(one);
    else groups.set(keyOf(one), [one]);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

function* twos<T>(all: readonly T[]): Generator<[T, T]> {
  for (const [at, one] of all.entries()) for (const other of all.slice(at + 1)) yield [one, other];
}

const breath = (): Promise<void> => new Promise((next) => setImmediate(next));

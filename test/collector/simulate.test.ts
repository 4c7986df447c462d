/** The simulated retailer keeps its promises: reproducible, valid on the wire, true, and with the features that it advertises. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeEvent } from '../../collector/intake/decode.ts';
import type { Delivered } from '../../collector/simulate/delivery.ts';
import { type Parameters, PRESETS, type Preset } from '../../collector/simulate/parameters.ts';
import { type KnownPerson, type SimulateOptions, simulate } from '../../collector/simulate/simulate.ts';
import type { TruthRow } from '../../collector/simulate/tag.ts';
import { writeSimulation } from '../../collector/simulate/write.ts';
import { CLAIM_TYPES, DAY, HOUR } from '../../protocol/event.ts';

interface Drawn {
  arrivals: Delivered[];
  truth: TruthRow[];
  people: readonly KnownPerson[];
}

function draw(options: SimulateOptions): Drawn {
  const { days, people } = simulate(options);
  const drawn: Drawn = { arrivals: [], truth: [], people };
  for (const { events, truth } of days) {
    drawn.arrivals.push(...events);
    drawn.truth.push(...truth);
  }
  return drawn;
}

const BASE = draw({ people: 800, days: 40, seed: 7 });
const SHARED = draw({ preset: 'shared-heavy', people: 800, days: 40, seed: 7 });
/** Enough kiosks to see what they do. */
const KIOSKS = draw({ people: 200, days: 30, declared_kiosks: 5, undeclared_kiosks: 5, kiosk_visits: 8 });
const EVENTS = BASE.arrivals.map(({ event }) => event);

test('the same seed gives the same retailer to the byte, another seed another one', () => {
  const small = { people: 60, days: 10 };
  const text = (seed: number): string => {
    const { arrivals, truth } = draw({ ...small, seed });
    return JSON.stringify([arrivals, truth]);
  };
  expect(text(3)).toBe(text(3));
  expect(text(4)).not.toBe(text(3));
});

test('every event is one that the collector accepts whole', () => {
  for (const { event, received_at } of BASE.arrivals) {
    const decoded = decodeEvent(structuredClone(event), received_at);
    // `site` stands on the line, beside the event.
    expect(decoded).toMatchObject({ unknown_fields: 1 });
  }
});

test('only claims name a customer, and nothing without consent names a browser', () => {
  for (const { type, customer_id, email_sha256, anonymous_id, session_id, consent } of EVENTS) {
    if (customer_id !== undefined || email_sha256 !== undefined) expect(CLAIM_TYPES.has(type)).toBe(true);
    if (consent === 'denied' && type !== 'consent') expect(anonymous_id ?? session_id ?? customer_id ?? email_sha256).toBeUndefined();
    else expect(anonymous_id && session_id).toBeTruthy();
  }
});

test('the truth names everybody in every session, once', () => {
  for (const { arrivals, truth } of [BASE, SHARED]) {
    const rowOf = ({ session_id, anonymous_id, person }: TruthRow): string => `${anonymous_id} ${session_id} ${person}`;
    const told = truth.map(rowOf);
    const seen = arrivals.flatMap(({ event: { anonymous_id, session_id }, person }) =>
      anonymous_id && session_id ? [rowOf({ anonymous_id, session_id, person })] : [],
    );
    expect(new Set(told).size).toBe(told.length);
    expect(new Set(seen)).toEqual(new Set(told));
  }
});

test('a browser never says two things in one millisecond, and its sessions rest no longer than the tag allows', () => {
  const times = new Map<string, number[]>();
  for (const { anonymous_id, session_id, kiosk, time } of new Map(EVENTS.map((event) => [event.event_id, event])).values()) {
    if (!anonymous_id) continue;
    const key = `${anonymous_id} ${session_id} ${kiosk ?? false}`;
    times.set(key, [...(times.get(key) ?? []), time]);
  }
  for (const [key, ofSession] of times) {
    ofSession.sort((a, b) => a - b);
    const gaps = ofSession.slice(1).map((time, index) => time - (ofSession[index] ?? 0));
    if (gaps.length === 0) continue;
    expect(Math.min(...gaps)).toBeGreaterThan(0);
    // A visit already begun may rest on a page for up to ten minutes, on a kiosk too.
    expect(Math.max(...gaps)).toBeLessThanOrEqual(key.endsWith('true') ? 0.25 * HOUR : 0.5 * HOUR);
  }
});

test('events arrive in order of arrival, some hours late, some twice, so not in the order in which they happened', () => {
  const { arrivals } = BASE;
  const received = arrivals.map(({ received_at }) => received_at);
  expect(received).toEqual([...received].sort((a, b) => a - b));
  const late = share(arrivals, ({ event, received_at }) => received_at - event.time > HOUR / 2);
  expect(late).toBeGreaterThan(0.002);
  expect(late).toBeLessThan(PRESETS.base.late);
  const copies = new Map<string, string>();
  let again = 0;
  for (const { event } of arrivals) {
    const text = JSON.stringify(event);
    if (copies.has(event.event_id)) again += 1;
    expect(copies.get(event.event_id) ?? text).toBe(text);
    copies.set(event.event_id, text);
  }
  expect(again / copies.size).toBeCloseTo(PRESETS.base.duplicates, 2);
  expect(EVENTS.some(({ time }, index) => time < (EVENTS[index - 1]?.time ?? 0) - HOUR)).toBe(true);
});

describe('what a retailer meets is there, about as often as the parameters say', () => {
  const visits = (drawn: Drawn): TruthRow[] => drawn.truth.filter(({ person }) => person !== null);
  const peopleOf = (drawn: Drawn): Map<string, Set<string>> => {
    const people = new Map<string, Set<string>>();
    for (const { anonymous_id, person } of visits(drawn))
      people.set(anonymous_id, (people.get(anonymous_id) ?? new Set()).add(person ?? ''));
    return people;
  };
  const sharedShare = (drawn: Drawn): number => {
    const people = peopleOf(drawn);
    return share(visits(drawn), ({ anonymous_id }) => (people.get(anonymous_id)?.size ?? 0) > 1);
  };

  test('households share devices, and far more so in the shared-heavy preset', () => {
    expect(sharedShare(BASE)).toBeGreaterThan(0.03);
    expect(sharedShare(BASE)).toBeLessThan(0.1);
    expect(sharedShare(SHARED)).toBeGreaterThan(2 * sharedShare(BASE));
  });

  test('one session sometimes holds two people', () => {
    for (const drawn of [BASE, SHARED]) {
      const sessions = new Set(visits(drawn).map(({ session_id }) => session_id));
      expect(visits(drawn).length).toBeGreaterThan(sessions.size);
    }
  });

  test('kiosks are used by many, some say what they are and some do not', () => {
    const declared = new Set(KIOSKS.arrivals.flatMap(({ event }) => (event.kiosk ? [event.anonymous_id] : [])));
    const crowded = [...peopleOf(KIOSKS)].filter(([, people]) => people.size > 8).map(([anonymous_id]) => anonymous_id);
    expect(crowded.some((anonymous_id) => declared.has(anonymous_id))).toBe(true);
    expect(crowded.some((anonymous_id) => !declared.has(anonymous_id))).toBe(true);
  });

  test('at a logout a kiosk forgets the browser, and its next visitor gets another', () => {
    const resets = KIOSKS.arrivals.filter(({ event }) => event.type === 'reset' && event.kiosk);
    expect(resets.length).toBeGreaterThan(2);
    for (const { event } of resets)
      for (const { event: later } of KIOSKS.arrivals)
        if (later.anonymous_id === event.anonymous_id) expect(later.time).toBeLessThanOrEqual(event.time);
  });

  test('people log in, are still logged in later, log out, and meet the login of somebody else', () => {
    const claims = BASE.arrivals.filter(({ event }) => event.customer_id !== undefined);
    for (const type of ['login', 'identify', 'purchase', 'sign_up']) expect(claims.some(({ event }) => event.type === type)).toBe(true);
    expect(EVENTS.some(({ type }) => type === 'logout')).toBe(true);
    const nameOf = new Map(SHARED.people.flatMap(({ person, customer_ids }) => customer_ids.map((id) => [id, person] as const)));
    const anothers = share(
      SHARED.arrivals.filter(({ event }) => event.customer_id !== undefined),
      ({ event, person }) => nameOf.get(event.customer_id ?? '') !== person,
    );
    expect(anothers).toBeGreaterThan(0);
    expect(anothers).toBeLessThan(0.1);
    const named = new Set(claims.map(({ event }) => event.session_id));
    expect(share(visits(BASE), ({ session_id }) => named.has(session_id))).toBeGreaterThan(0.15);
  });

  test('guests order by e-mail alone, and some orders carry the e-mail of somebody else', () => {
    const orders = BASE.arrivals.filter(({ event }) => event.type === 'purchase' && event.anonymous_id);
    const emailOf = new Map(BASE.people.map(({ person, email_sha256 }) => [person, email_sha256]));
    expect(share(orders, ({ event }) => event.customer_id === undefined)).toBeGreaterThan(0.2);
    const gifts = share(orders, ({ event, person }) => event.email_sha256 !== emailOf.get(person ?? ''));
    expect(gifts).toBeGreaterThan(0);
    expect(gifts).toBeLessThan(0.1);
  });

  test('visits begin at printed codes and in apps, whose browsers have cookies of their own', () => {
    const browsersOf = (campaign: string): Set<string> =>
      new Set(EVENTS.flatMap(({ url, anonymous_id }) => (anonymous_id && url?.includes(campaign) ? [anonymous_id] : [])));
    const [qr, social] = [browsersOf('utm_medium=qr'), browsersOf('utm_source=social')];
    const ordinary = browsersOf('utm_source=newsletter');
    expect(qr.size).toBeGreaterThan(10);
    expect(share([...social], (browser) => ordinary.has(browser))).toBeLessThan(0.02);
    expect(share([...qr], (browser) => ordinary.has(browser))).toBeGreaterThan(0.05);
  });

  test('some refuse consent, some withdraw it, some lose their cookies, and bots come and go', () => {
    const refused = share(EVENTS, ({ anonymous_id }) => anonymous_id === undefined);
    expect(Math.abs(refused - PRESETS.base.consent_refused)).toBeLessThan(0.06);
    expect(EVENTS.some(({ type, consent, anonymous_id }) => type === 'consent' && consent === 'denied' && anonymous_id)).toBe(true);
    const browsers = new Set(visits(BASE).map(({ anonymous_id, person }) => `${anonymous_id} ${person}`));
    expect(browsers.size).toBeGreaterThan(1.3 * new Set(visits(BASE).map(({ person }) => person)).size);
    const bots = BASE.truth.filter(({ person }) => person === null).length / visits(BASE).length;
    expect(bots).toBeGreaterThan(0.04);
    expect(bots).toBeLessThan(0.1);
  });

  test('a page view is about as long as a real one', () => {
    const views = BASE.arrivals.filter(({ event, person }) => event.type === 'page_view' && event.anonymous_id && person !== null);
    const mean = views.reduce((sum, { event }) => sum + JSON.stringify(event).length, 0) / views.length;
    expect(mean).toBeGreaterThan(450);
    expect(mean).toBeLessThan(700);
  });

  test('Black Friday multiplies the last days', () => {
    const { days } = simulate({ preset: 'black-friday', people: 300, seed: 2 });
    const counts = [...days].map(({ events }) => events.length);
    const { days: length, surge_days } = PRESETS['black-friday'];
    const mean = (from: number, to: number): number => counts.slice(from, to).reduce((sum, count) => sum + count, 0) / (to - from);
    expect(mean(length - surge_days, length) / mean(0, length - surge_days)).toBeGreaterThan(4);
  });
});

test('a day is drawn when it is asked for, so a long run needs no more memory than a short one', () => {
  const { days } = simulate({ people: 50, days: 1_000_000 });
  const [first, second] = [days.next().value, days.next().value];
  expect((second?.day ?? 0) - (first?.day ?? 0)).toBe(DAY);
});

test('written to a folder, the events, the truth and the names are lines of JSON, the same each time', () => {
  const folders = [1, 2].map(() => mkdtempSync(join(tmpdir(), 'footfall-simulate-')));
  try {
    const seen: number[] = [];
    const written = folders.map((folder) => writeSimulation(folder, { people: 60, days: 10, seed: 5 }, (done) => seen.push(done)));
    expect(seen.slice(0, 3)).toEqual([1, 2, 3]);
    const read = (folder: string, name: string): string[] => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
    for (const name of ['events.ndjson', 'truth.ndjson', 'people.ndjson'])
      expect(read(folders[0] ?? '', name)).toEqual(read(folders[1] ?? '', name));
    const events = read(folders[0] ?? '', 'events.ndjson').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toHaveLength(written[0]?.events ?? 0);
    expect(events.every(({ site, event_id }) => site === 'demo' && typeof event_id === 'string')).toBe(true);
    const truth = read(folders[0] ?? '', 'truth.ndjson').map((line) => JSON.parse(line) as TruthRow);
    expect(new Set(truth.map(({ session_id }) => session_id)).size).toBe(written[0]?.sessions);
    expect(Object.keys(truth[0] ?? {})).toEqual(['session_id', 'anonymous_id', 'person']);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true });
  }
});

test('docs/simulate.md explains every parameter with its value, and every preset', () => {
  const page = readFileSync(new URL('../../docs/simulate.md', import.meta.url), 'utf8');
  const rows = new Map(page.split('\n').flatMap((line) => (line.startsWith('| `') ? [[line.split('`')[1] ?? '', line] as const] : [])));
  for (const [name, value] of Object.entries(PRESETS.base) as [keyof Parameters, unknown][]) {
    const told = typeof value === 'object' ? Object.values(value as object).join(', ') : String(value);
    expect(rows.get(name) ?? `no row for ${name}`).toContain(`| ${told} |`);
  }
  for (const preset of Object.keys(PRESETS) as Preset[]) expect(page).toContain(`\`${preset}\``);
});

function share<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.filter(is).length / items.length;
}

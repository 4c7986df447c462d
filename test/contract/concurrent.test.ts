/** Several collectors on one PostgreSQL: whatever each of them takes, at whatever moment, the links are those of the set of events. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { Problem } from '../../collector/errors.ts';
import { decide, type Statement } from '../../collector/intake/decide.ts';
import { directIntake } from '../../collector/intake/direct.ts';
import type { Intake } from '../../collector/intake/intake.ts';
import { relinkQueued } from '../../collector/intake/relink.ts';
import type { LinkEvent, Strength } from '../../collector/linking/event.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import type { Store } from '../../collector/store/store.ts';
import { DAY, HOUR, MINUTE } from '../../protocol/event.ts';
import { event, T0 } from '../collector/linking/histories.ts';
import { postgresFixture } from './fixture.ts';
import { accepted, createCopy, linksOf, reference, table } from './table.ts';

let said = 0;
const fixture = postgresFixture();
afterAll(async () => {
  await fixture.cleanup();
  expect(said).toBeGreaterThan(ROUNDS);
});

const ROUNDS = 8;
const EVENTS = 250;

/** mulberry32 */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Few browsers, people and scans, so that what is taken at one moment is about the same things. */
function manyEvents(random: (below: number) => number): LinkEvent[] {
  const scans = Array.from({ length: 12 }, (_, n) => `scan${n}`);
  const events = Array.from({ length: EVENTS }, (_, n): LinkEvent => {
    const where = {
      anonymous_id: `B${random(8)}`,
      session_id: random(8) === 0 ? null : `S${random(4)}`,
      event_id: `e${n.toString().padStart(4, '0')}`,
    };
    const at = random(2) === 0 ? random(40) * DAY : random(40) * DAY + random(24) * HOUR + random(60) * MINUTE;
    const as = `C${random(5)}`;
    const email = `email:${'abc'[random(3)]}`;
    switch (random(10)) {
      case 0:
      case 1:
        return event('login', at, { ...where, as });
      case 2:
        return event('identify', at, { ...where, as, strength: (['signed', 'stated', 'carried'] as Strength[])[random(3)] ?? 'stated' });
      case 3:
        return event('purchase', at, { ...where, email, ...(random(2) === 0 && { as }) });
      case 4:
        return event(random(3) === 0 ? 'reset' : 'logout', at, where);
      case 5:
      case 6:
        return event('page_view', random(3) * 10 * MINUTE, { ...where, scan_id: scans[random(scans.length)] ?? null });
      default:
        return event('page_view', at, where);
    }
  });
  const scan = { anonymous_id: null, session_id: null };
  return [
    ...events,
    ...scans.map((event_id, n) =>
      event('scan', (n % 4) * 5 * MINUTE, {
        ...{ ...scan, event_id, scan: { code: n % 3 === 2 ? `LETTER${n % 2}` : `SHELF${n}` } },
        ...(n % 3 > 0 && ({ as: `C${n % 5}`, strength: 'carried' } as const)),
        ...(n % 3 === 2 && { single_use: true }),
      }),
    ),
  ];
}

function statementFrom(random: (below: number) => number, last: string | undefined): Statement {
  const [one, other] = [`C${random(5)}`, random(2) === 0 ? `C${random(5)}` : `email:${'abc'[random(3)]}`];
  switch (random(6)) {
    case 0:
      return { type: 'hub', customer_id: one };
    case 1:
      return { type: 'kiosk', anonymous_id: `B${random(8)}` };
    case 2:
      return { type: 'revoke', target: `e${random(EVENTS).toString().padStart(4, '0')}` };
    case 3:
      return { type: 'revoke', target: last ?? 'dec_none' };
    default:
      return { type: 'merge', customers: [one, other], into: one };
  }
}

async function say(store: Store, random: (below: number) => number, now: number): Promise<void> {
  const site_pk = store.sites()[0]?.site_pk ?? 0;
  const draw = [random(1e9)];
  const work = store.write(async (tx) => {
    const decisions = await tx.decisions(site_pk);
    const statement = statementFrom(randomFrom(draw[0] ?? 0), decisions.at(-1)?.decision_id);
    await decide(tx, { site: 'demo', site_pk, statement, author: 'test', reason: 'test', now }, DEFAULT_POLICY);
    // A small budget, so that the rest is left to whoever comes next.
    await relinkQueued(tx, DEFAULT_POLICY, now, 1);
  });
  await work.catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
  });
}

async function submitAll(intake: Intake, store: Store, arrivals: readonly LinkEvent[], random: (below: number) => number): Promise<void> {
  const answers: Promise<unknown>[] = [];
  for (let at = 0; at < arrivals.length; ) {
    const size = 1 + random(6);
    answers.push(intake.submit({ site: 'demo', events: arrivals.slice(at, at + size).map(accepted), refused: [] }));
    at += size;
    if (random(12) === 0) await say(store, random, T0);
    if (random(4) === 0) await wait(random(4));
  }
  await Promise.all(answers);
}

test.each(
  Array.from({ length: ROUNDS }, (_, n) => n + 1),
)('two collectors take shares of the same events at once (seed %i)', async (seed) => {
  const random = randomFrom(seed);
  const events = manyEvents(random);
  const stores = [await fixture.open()];
  stores.push(await fixture.reopen(stores[0] as Store));
  const intakes = stores.map((store) => directIntake({ store, policy: DEFAULT_POLICY, now: () => T0 }));
  // Each event goes to one of them or to both, in an order of its own.
  const shares = stores.map(() => [] as LinkEvent[]);
  for (const one of events) {
    const to = random(4);
    if (to !== 0) shares[0]?.push(one);
    if (to !== 1) shares[1]?.push(one);
  }
  for (const share of shares) share.sort(() => random(3) - 1);

  const [reader] = stores as [Store];
  const copy = createCopy();
  const seen: number[] = [];
  let going = true;
  const follow = async (): Promise<void> => {
    copy.take(await reader.queries.changesSince(copy.position(), 7, null));
    const page = await reader.queries.events({}, seen.at(-1) ?? 0, 5);
    seen.push(...page.map(({ event_pk }) => event_pk));
  };
  const follower = (async () => {
    while (going) await follow();
  })();
  await Promise.all(stores.map((store, n) => submitAll(intakes[n] as Intake, store, shares[n] ?? [], randomFrom(seed * 100 + n))));
  for (const intake of intakes) await intake.relink();
  going = false;
  await follower;
  for (let before = -1; before < copy.position() + seen.length; ) {
    before = copy.position() + seen.length;
    await follow();
  }

  const decisions = await reader.queries.decisions(null, '', 10_000);
  const expected = reference(
    events,
    decisions.map(({ author: _a, reason: _r, ...decision }) => decision),
  );
  said += decisions.length;
  expect(await table(reader)).toEqual(expected);
  expect(copy.links()).toEqual(await linksOf(reader));
  // Nobody who reads in the order of storing misses an event that was stored meanwhile.
  expect(seen.length).toBe(events.length);
  expect(new Set(seen).size).toBe(events.length);
});

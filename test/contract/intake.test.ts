/** The intake's contract, held by every intake: what an acknowledgement means, duplicates, poison, order, linking, an orderly end. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AcceptedEvent, factsOf } from '../../collector/domain/accepted-event.ts';
import { NO_DEVICE } from '../../collector/domain/device.ts';
import { link } from '../../collector/linking/link.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import type { Store } from '../../collector/store/store.ts';
import { historyArbitrary } from '../collector/linking/histories.ts';
import { directFixture, type IntakeFixture, jetstreamFixture, journaledFixture, type OpenIntake } from './intake-fixture.ts';

const T = Date.UTC(2026, 10, 20, 9);
let made = 0;

function event(more: Partial<AcceptedEvent> = {}): AcceptedEvent {
  made += 1;
  const event_id = more.event_id ?? `i${made}`;
  const payload = { url: 'https://shop.example/' };
  return {
    ...{ site: 'demo', event_id, type: 'page_view', time: T + made, occurred_at: T + made, anonymous_id: 'B1', session_id: 'S1' },
    ...{ claim: null, barrier: null, kiosk: false, scan_id: null, scan: null, facts: factsOf(event_id, 'page_view', payload, NO_DEVICE) },
    ...{ scan_flag: null, received_at: T + made, device: NO_DEVICE, payload },
    ...more,
  };
}

async function stored(store: Store): Promise<string[]> {
  return (await store.queries.events({}, 0, 10_000)).map(({ event_id }) => event_id);
}

const submit = ({ intake }: OpenIntake, ...events: AcceptedEvent[]) => intake.submit({ site: 'demo', events, refused: [] });

describe.each([
  ['direct', async () => directFixture()],
  ['journaled', async () => journaledFixture()],
  ['jetstream', jetstreamFixture],
] as [string, () => Promise<IntakeFixture>][])('%s', (_name, start) => {
  let fixture: IntakeFixture;
  beforeAll(async () => {
    fixture = await start();
  });
  afterAll(() => fixture.cleanup());

  test('what was acknowledged outlives a crash of everything the moment after', async () => {
    const before = await fixture.open();
    const events = Array.from({ length: 60 }, (_, n) => event({ anonymous_id: `B${n % 9}`, session_id: `S${n % 9}` }));
    await Promise.all(events.map((one) => submit(before, one)));
    const after = await before.crash();
    await after.atRest();
    expect((await stored(after.store)).sort()).toEqual(events.map(({ event_id }) => event_id).sort());
  });

  test('an event that comes again, at once or later, counts once', async () => {
    const open = await fixture.open();
    const one = event({ event_id: 'again' });
    await Promise.all([submit(open, one), submit(open, one), submit(open, one, one)]);
    await open.atRest();
    await submit(open, one);
    await submit(open, { ...one, time: one.time + 1 });
    await open.atRest();
    expect(await stored(open.store)).toEqual(['again']);
    expect(Object.fromEntries(open.fates)).toEqual({ stored: 1, duplicate: 4, conflicting_duplicate: 1 });
  });

  test('an event that the store refuses sinks no other, and is kept', async () => {
    const open = await fixture.open();
    const poison = event({ event_id: 'poison', type: null as never });
    const good = [event({ anonymous_id: 'B2' }), event({ anonymous_id: 'B2' })];
    await Promise.all([
      submit(open, good[0] as AcceptedEvent, poison, good[1] as AcceptedEvent),
      submit(open, event({ event_id: 'other' })),
    ]);
    await open.atRest();
    expect((await stored(open.store)).sort()).toEqual([...good.map(({ event_id }) => event_id), 'other'].sort());
    expect((await open.store.queries.failed(0, 10)).map(({ event_id, reason }) => [event_id, reason])).toEqual([['poison', 'not_stored']]);
    expect(open.fates.get('not_stored')).toBe(1);
  });

  test('what was refused is kept with its reason, with good events and alone', async () => {
    const open = await fixture.open();
    const refusal = { event_id: null, reason: 'bad_id', raw: '{"odd":"\\ud800 \\u0000"}' } as const;
    await open.intake.submit({ site: 'demo', events: [event()], refused: [refusal] });
    await open.intake.submit({ site: 'demo', events: [], refused: [refusal, refusal] });
    await open.atRest();
    const failed = await open.store.queries.failed(0, 10);
    expect(failed.map(({ reason, raw }) => [reason, raw.toString()])).toEqual(Array(3).fill(['bad_id', refusal.raw]));
  });

  test('one browser’s events are stored in the order in which they were acknowledged, among many others', async () => {
    const open = await fixture.open();
    const browsers = Array.from({ length: 12 }, (_, n) => `order${n}`);
    const ids: string[] = [];
    await Promise.all(
      browsers.map(async (anonymous_id) => {
        for (let n = 0; n < 15; n += 1) {
          const event_id = `${anonymous_id}-${n}`;
          ids.push(event_id);
          await submit(open, event({ anonymous_id, session_id: anonymous_id, event_id }));
        }
      }),
    );
    await open.atRest();
    const order = await stored(open.store);
    expect(order.length).toBe(ids.length);
    for (const browser of browsers) {
      const own = order.filter((id) => id.startsWith(`${browser}-`));
      expect(own).toEqual(Array.from({ length: 15 }, (_, n) => `${browser}-${n}`));
    }
  });

  test('a batch of many browsers, and one as big as batches may be, arrive whole', async () => {
    const open = await fixture.open();
    const many = Array.from({ length: 100 }, (_, n) => event({ anonymous_id: n % 10 === 0 ? null : `many${n}`, session_id: null }));
    const big = Array.from({ length: 100 }, () => event({ payload: { title: 'ü'.repeat(8_000) } }));
    await Promise.all([submit(open, ...many), submit(open, ...big)]);
    await open.atRest();
    expect((await stored(open.store)).length).toBe(200);
  });

  test('drain leaves nothing that was submitted without its answer', async () => {
    const open = await fixture.open();
    let answered = 0;
    for (let n = 0; n < 50; n += 1) void submit(open, event({ anonymous_id: `B${n}` })).then(() => (answered += 1));
    await open.intake.drain();
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(50);
    expect(open.intake.waiting()).toBe(0);
  });

  test('the links are what the reference says, whatever the submissions', { timeout: 120_000 }, async () => {
    const open = await fixture.open();
    const history = fc.sample(historyArbitrary({ scans: false, maxLength: 16 }), { numRuns: 40, seed: 7 });
    // Each history on browsers and customers of its own.
    const events = history.flatMap((one, run) =>
      one.map((made): AcceptedEvent => {
        const named = (id: string | null): string | null => id && `${id}-${run}`;
        const { claim } = made;
        return {
          ...made,
          ...{
            site: 'demo',
            event_id: `${made.event_id}-${run}`,
            anonymous_id: named(made.anonymous_id),
            session_id: named(made.session_id),
          },
          claim: claim && { ...claim, customer_id: named(claim.customer_id) ?? '', email: named(claim.email) },
          ...{ received_at: made.time, device: NO_DEVICE, scan_flag: null, payload: { url: 'https://shop.example/' } },
        };
      }),
    );
    const shuffled = [...events].sort((a, b) => hash(a.event_id) - hash(b.event_id));
    const parts: AcceptedEvent[][] = [];
    for (let at = 0, size = 1; at < shuffled.length; at += size, size = (size % 7) + 1) parts.push(shuffled.slice(at, at + size));
    await Promise.all(parts.map((part) => submit(open, ...part)));
    await Promise.all(parts.slice(0, 20).map((part) => submit(open, ...part)));
    await open.atRest();
    const rows = [];
    for await (const row of open.store.queries.allLinks({ bots: true })) rows.push(row);
    const told = ({
      anonymous_id,
      session_id,
      segment,
      status,
      customer_id,
      rule,
      evidence_event_id,
      owners,
      events: count,
    }: Told): string => [anonymous_id, session_id, segment, status, customer_id, rule, evidence_event_id, owners, count].join(' ');
    const expected = link(events, [], DEFAULT_POLICY);
    expect(expected.length).toBeGreaterThan(100);
    expect(rows.map(told).sort()).toEqual(expected.map(told).sort());
  });
});

interface Told {
  anonymous_id: string;
  session_id: string;
  segment: number;
  status: string;
  customer_id: string | null;
  rule: string | null;
  evidence_event_id: string | null;
  owners: number;
  events: number;
}

function hash(text: string): number {
  let sum = 0;
  for (const char of text) sum = (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0;
  return sum;
}

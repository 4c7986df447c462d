/** Histories for tests: a short way to write events, and fast-check's way to invent them. */
import fc from 'fast-check';
import { factsOf } from '../../../collector/domain/accepted-event.ts';
import type { LinkEvent, Strength } from '../../../collector/linking/event.ts';
import { DAY, HOUR, MINUTE } from '../../../protocol/event.ts';

export const T0 = Date.UTC(2026, 10, 1);

export interface Sketch extends Partial<LinkEvent> {
  /** Customer of a claim. */
  as?: string;
  strength?: Strength;
  email?: string;
}

let made = 0;
/** An event by its differences from a page view of browser B1, session S1. */
export function event(type: string, time: number, { as, strength = 'stated', email, ...rest }: Sketch = {}): LinkEvent {
  made += 1;
  const event_id = `e${made.toString().padStart(6, '0')}`;
  const barrier = type === 'logout' ? 'soft' : type === 'reset' ? 'hard' : null;
  const customer_id = as ?? email;
  return {
    site: 'demo',
    event_id,
    type,
    time: T0 + time,
    occurred_at: T0 + time,
    anonymous_id: 'B1',
    session_id: 'S1',
    claim: customer_id === undefined ? null : { customer_id, email: email ?? null, strength },
    barrier,
    kiosk: false,
    scan_id: null,
    scan: null,
    facts: factsOf(rest.event_id ?? event_id, type, { url: 'https://shop.example/' }, deviceFor(rest.event_id ?? event_id)),
    ...rest,
  };
}

/** `uses`: mostly scans of the code that claims once, within an hour. Few ids and coarse times, so that everything collides: equal milliseconds, window edges, sessions across each other. */
export function historyArbitrary({
  claimers = ['C1', 'C2', 'C3'],
  maxLength = 25,
  scans = false,
  uses = false,
} = {}): fc.Arbitrary<LinkEvent[]> {
  const time = fc.oneof(
    { weight: uses ? 30 : 0, arbitrary: fc.nat(10).map((n) => n * 5 * MINUTE) },
    fc.nat(40).map((days) => days * DAY),
    fc.nat(8).map((n) => n * 10 * MINUTE),
    fc.tuple(fc.nat(40), fc.nat(3)).map(([days, hours]) => days * DAY + hours * HOUR),
    fc.nat(4),
  );
  const customer = fc.constantFrom(...claimers);
  const place = fc.record({ anonymous_id: fc.constantFrom('B1', 'B2'), session_id: fc.constantFrom('S1', 'S2', 'S3', null) });
  const make = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Sketch & { type: string }>({ type: 'page_view' }) },
    { weight: 4, arbitrary: customer.map((as) => ({ type: 'login', as }) as Sketch & { type: string }) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(customer, fc.constantFrom<Strength>('signed', 'carried'))
        .map(([as, strength]) => ({ type: 'identify', as, strength }) as Sketch & { type: string }),
    },
    { weight: 2, arbitrary: fc.constantFrom('logout', 'reset').map((type) => ({ type }) as Sketch & { type: string }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.option(customer, { nil: undefined }), fc.constantFrom('email:a', 'email:b'))
        .map(([as, email]) => ({ type: 'purchase', email, ...(as && { as }) }) as Sketch & { type: string }),
    },
    { weight: uses ? 20 : 0, arbitrary: fc.constantFrom('scan3', 'scan4').map((scan_id) => ({ type: 'page_view', scan_id })) },
    {
      weight: scans ? 4 : 0,
      arbitrary: fc.constantFrom('scan1', 'scan2', 'scan3', 'scan4').map((scan_id) => ({ type: 'page_view', scan_id })),
    },
  );
  return fc.array(fc.tuple(make, time, place, fc.nat(99)), { minLength: 1, maxLength }).map((drawn) => [
    ...drawn.map(([{ type, ...sketch }, at, where], index) =>
      // A permuted id, so that the order of ids is not that of the list.
      event(type, at, { ...where, ...sketch, event_id: `e${((index * 37) % 101).toString().padStart(3, '0')}` }),
    ),
    ...(scans ? scanEvents() : []),
  ]);
}

/** Differs from event to event, so that which event a segment's is of is seen. */
function deviceFor(event_id: string): { device_type: string; bot: boolean } {
  const last = event_id.charCodeAt(event_id.length - 1);
  return { device_type: last % 2 ? 'desktop' : 'mobile', bot: last % 5 === 0 };
}

/** Four scans: of a shelf's code, of a personal one, and two of a personal one that claims once. */
function scanEvents(): LinkEvent[] {
  const scan = (event_id: string, time: number, sketch: Sketch = {}): LinkEvent =>
    event('scan', time, {
      event_id,
      anonymous_id: null,
      session_id: null,
      scan: { code: 'TV55AA', store_id: 'berlin' },
      facts: factsOf(event_id, 'scan', {}, { device_type: 'bot', bot: true }),
      ...sketch,
    });
  const letter: Sketch = { as: 'C3', strength: 'carried', scan: { code: 'LETTER' }, single_use: true };
  return [
    scan('scan1', 10 * MINUTE),
    scan('scan2', 20 * MINUTE, { as: 'C2', strength: 'carried' }),
    scan('scan3', 15 * MINUTE, letter),
    scan('scan4', 25 * MINUTE, letter),
  ];
}

/** What stands in the stream says all that was accepted, in few bytes. */
import { expect, test } from 'vitest';
import { type AcceptedEvent, factsOf } from '../../collector/domain/accepted-event.ts';
import { deviceOf, NO_DEVICE } from '../../collector/domain/device.ts';
import { decodeGroup, encodeGroup, partitionOf } from '../../collector/intake/jetstream-message.ts';
import { encodeEvent, encodeSubmission } from '../../collector/intake/submission-json.ts';

const phone = deviceOf('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1');

function event(more: Partial<AcceptedEvent>): AcceptedEvent {
  const made: AcceptedEvent = {
    ...{ site: 'demo', event_id: 'e1', type: 'page_view', time: 5, occurred_at: 5, anonymous_id: null, session_id: null },
    ...{ claim: null, barrier: null, kiosk: false, scan_id: null, scan: null, scan_flag: null, received_at: 9, device: phone },
    ...{ payload: { url: 'https://x.example/ü?a="b"' }, ...more },
    facts: { page_view: false, products: [], order: null, device_type: null, bot: false, page: null },
  };
  return { ...made, facts: factsOf(made.event_id, made.type, made.payload, made.device) };
}

const EVENTS = [
  event({}),
  event({
    event_id: 'e2',
    type: 'login',
    anonymous_id: 'B1',
    session_id: 'S1',
    claim: { customer_id: 'C 1', email: null, strength: 'stated' },
  }),
  event({ event_id: 'e3', type: 'logout', anonymous_id: 'B1', barrier: 'soft', kiosk: true, occurred_at: 4, received_at: 10 }),
  event({
    event_id: 'e4',
    type: 'scan',
    scan: { code: 'AB12CD', store_id: 'berlin' },
    single_use: true,
    scan_flag: 'bot',
    device: NO_DEVICE,
  }),
  event({ event_id: 'e5', type: 'purchase', scan_id: 's1', payload: { props: { value: '9.99', currency: 'EUR', transaction_id: '7' } } }),
];

test('every field of every event comes back', () => {
  const [shared = event({})] = EVENTS;
  const refused = [{ event_id: null, reason: 'bad_id', raw: '{"a":"\\u0000"}' }] as const;
  const submission = encodeSubmission(
    'demo',
    EVENTS.map((one) => encodeEvent(one, shared)),
    refused,
    shared,
  );
  const group = decodeGroup(encodeGroup({ from: 'p', n: 7, prev: 5 }, [submission, submission]));
  expect(group).toEqual({ from: 'p', n: 7, prev: 5, submissions: Array(2).fill({ site: 'demo', events: EVENTS, refused }) });
});

test('what is not a group of ours is told apart', () => {
  for (const text of ['', '{', '[]', 'null', '{"v":2,"from":"p","n":1,"prev":0,"submissions":[]}', '{"v":1}'])
    expect(decodeGroup(text)).toBeNull();
});

test('a browser has one partition, and browsers are spread over all', () => {
  const counts = new Map<number, number>();
  for (let n = 0; n < 32_000; n += 1) {
    const named = { site: 'demo', anonymous_id: `V1StGXR8_Z5jdHi6${n}`, event_id: `${n}` };
    const partition = partitionOf(named, 32);
    expect(partitionOf({ ...named, event_id: 'other' }, 32)).toBe(partition);
    counts.set(partition, (counts.get(partition) ?? 0) + 1);
  }
  expect(counts.size).toBe(32);
  expect(Math.max(...counts.values())).toBeLessThan(1_200);
});

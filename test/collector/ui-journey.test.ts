/** How a journey is laid out: lanes, order, pauses, sessions and their evidence. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layOut } from '../../collector/ui/journey.ts';
import { viewOf } from '../../collector/ui/journey-view.ts';
import type { LinkRow, TimelineEvent } from '../../collector/ui/types.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../protocol/event.ts';

const START = 1_732_000_000_000;
const event = (event_id: string, at: number, more: Partial<TimelineEvent> = {}): TimelineEvent => ({
  event_id,
  type: 'page_view',
  time: START + at,
  occurred_at: START + at,
  anonymous_id: 'laptop',
  session_id: 'l1',
  url: 'https://shop.example/',
  title: null,
  device_type: 'desktop',
  channel: null,
  props: {},
  scan: null,
  rule: null,
  status: 'linked',
  ...more,
});
const onPhone = { anonymous_id: 'phone', session_id: 'p1', device_type: 'mobile' };
const janes: TimelineEvent[] = [
  event('l1a', 0),
  event('l1b', MINUTE, { type: 'view_item' }),
  event('scan', DAY, { ...onPhone, type: 'scan', scan: { code: 'AB12CD', store_id: 's1', store: 'Berlin', placement: 'shelf' } }),
  event('p1a', DAY + 700, onPhone),
  event('l2a', 3 * DAY, { session_id: 'l2' }),
  event('login', 3 * DAY + 20 * SECOND, { session_id: 'l2', type: 'login' }),
  event('till', 4 * DAY, { anonymous_id: null, session_id: null, device_type: null, type: 'purchase' }),
];
const link = (session_id: string, from: number, to: number, more: Partial<LinkRow> = {}): LinkRow =>
  ({
    site: 'demo',
    session_id,
    anonymous_id: 'laptop',
    segment: 0,
    started_at: START + from,
    ended_at: START + to,
    status: 'linked',
    customer_id: 'jane',
    rule: 'session',
    strength: 'stated',
    evidence_event_id: 'login',
    ...more,
  }) as LinkRow;
const janesLinks = [link('l1', 0, MINUTE, { rule: 'device_before' }), link('l2', 3 * DAY, 3 * DAY + 20 * SECOND)];

test('each browser has a lane, the store stands right above the phone that scanned, the till last', () => {
  expect(layOut(janes, janesLinks).lanes.map((lane) => [lane.label, lane.detail])).toEqual([
    ['Computer', 'laptop'],
    ['Store & QR', 'Berlin'],
    ['Phone', 'phone'],
    ['Till', 'in the shop'],
  ]);
});

test('what brought a session in stands in its channel’s lane, above the session’s first event', () => {
  const came = [
    link('l1', 0, MINUTE, { source: 'google', campaign: 'autumn' }),
    link('l2', 3 * DAY, 3 * DAY + 20 * SECOND, { source: 'bing' }),
  ];
  const channelOf: Record<string, string> = { l1: 'paid_search', l2: 'organic_search', p1: 'qr' };
  const { lanes, entries, marks } = layOut(
    janes.map((one) => ({ ...one, channel: channelOf[one.session_id ?? ''] ?? null })),
    came,
  );
  expect(lanes.map(({ label }) => label)).toEqual(['Search', 'Ads', 'Computer', 'Store & QR', 'Phone', 'Till']);
  const xOf = (id: string): number | undefined => marks.find(({ event }) => event.event_id === id)?.x;
  expect(entries.map(({ lane, to, x, label, detail }) => [lane, to, x, label, detail])).toEqual([
    [1, 2, xOf('l1a'), 'google', 'autumn'],
    [0, 2, xOf('l2a'), 'bing', ''],
  ]);
});

test('a window that begins within a session does not say what brought that session in', () => {
  const late = [event('late', HOUR, { channel: 'paid_search' })];
  expect(layOut(late, [link('l1', 0, 2 * HOUR)]).entries).toEqual([]);
});

test('what the backend tells of a call stands in the service’s lane, anything else in the back office’s', () => {
  const told = ['service_contact', 'refund', 'parcel_sent'].map((type, at) =>
    event(type, at, { anonymous_id: null, session_id: null, type }),
  );
  expect(layOut(told, []).lanes.map(({ label }) => label)).toEqual(['Till', 'Service', 'Back office']);
});

test('a browser is named by what it is, even if the backend spoke of it first', () => {
  const spoken = [event('order', 0, { device_type: 'server' }), event('view', MINUTE, { device_type: 'tablet' })];
  expect(layOut(spoken, []).lanes.map((lane) => [lane.label, lane.device])).toEqual([['Tablet', 'tablet']]);
  expect(layOut([event('a', 0, { device_type: 'unknown' })], []).lanes.map((lane) => lane.label)).toEqual(['Browser']);
});

test('two devices of one kind are told apart', () => {
  const two = [event('a', 0), event('b', 1, { anonymous_id: 'other', session_id: 'o1' })];
  expect(layOut(two, []).lanes.map((lane) => lane.label)).toEqual(['Computer 1', 'Computer 2']);
});

test('a scan stands straight above the page that it opened, and drops onto the phone', () => {
  const { marks } = layOut(janes, janesLinks);
  const scan = marks.find((mark) => mark.event.event_id === 'scan');
  const landing = marks.find((mark) => mark.event.event_id === 'p1a');
  expect([scan?.lane, scan?.drop, landing?.lane]).toEqual([1, 2, 2]);
  expect(scan?.x).toBe(landing?.x);
});

test('idle days shrink to pauses that say how long they were', () => {
  const { pauses, width } = layOut(janes, janesLinks);
  expect(pauses.map((pause) => pause.span)).toEqual([DAY - MINUTE, 2 * DAY - 700, DAY - 20 * SECOND]);
  expect(width).toBeLessThan(1_400);
});

test('a session is one bar with its link; a session linked by another’s event has a thread to it', () => {
  const { bars, marks } = layOut(janes, janesLinks);
  const login = marks.find((mark) => mark.event.event_id === 'login');
  expect(bars.map((bar) => [bar.key, bar.events, bar.link?.rule ?? null, bar.evidence])).toEqual([
    ['laptop l1 0', 2, 'device_before', { lane: 0, x: login?.x }],
    ['phone p1 0', 2, null, null],
    ['laptop l2 0', 2, 'session', null],
  ]);
});

test('the segments of one session are bars of their own', () => {
  const shared = [event('a', 0), event('b', MINUTE), event('c', 5 * MINUTE), event('d', 6 * MINUTE)];
  const links = [link('l1', 0, MINUTE), link('l1', 5 * MINUTE, 6 * MINUTE, { segment: 1 })];
  expect(layOut(shared, links).bars.map((bar) => [bar.key, bar.events])).toEqual([
    ['laptop l1 0', 2],
    ['laptop l1 1', 2],
  ]);
});

test('nobody’s journey is empty', () => {
  expect(layOut([], [])).toMatchObject({ lanes: [], marks: [], bars: [], width: 0 });
});

test('in whatever order, and however often, the events come: the picture is the same', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(janes, { minLength: janes.length }), fc.subarray(janes), (order, again) => {
      expect(layOut([...order, ...again], janesLinks)).toEqual(layOut(janes, janesLinks));
    }),
  );
});

test('marks never run back in time, never leave the picture, and labels of a lane never overlap', () => {
  const anything = fc.record({
    at: fc.integer({ min: 0, max: 40 * DAY }),
    browser: fc.constantFrom('laptop', 'phone', 'tablet', null),
    session: fc.constantFrom('s1', 's2', 's3'),
    type: fc.constantFrom('page_view', 'view_item', 'click', 'scan', 'login', 'purchase', 'my_event'),
  });
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 120 }), (drawn) => {
      const events = drawn.map(({ at, browser, session, type }, index) =>
        event(`e${index}`, at, { anonymous_id: browser, session_id: browser && session, type }),
      );
      const { marks, bars, lanes, width } = layOut(events, []);
      expect(marks).toHaveLength(events.length);
      marks.forEach((mark, index) => {
        const before = marks[index - 1];
        if (before) {
          expect(mark.x).toBeGreaterThanOrEqual(before.x);
          expect(mark.event.occurred_at).toBeGreaterThanOrEqual(before.event.occurred_at);
          if (before.lane === mark.lane) expect(mark.x).toBeGreaterThan(before.x);
        }
        expect(mark.x + Math.max(0, mark.room)).toBeLessThanOrEqual(width);
        expect(lanes[mark.lane]).toBeDefined();
      });
      lanes.forEach((_, lane) => {
        const labelled = marks.filter((mark) => mark.lane === lane && mark.room > 0);
        labelled.forEach((mark, index) => {
          const next = labelled[index + 1];
          if (next) expect(mark.x + mark.room).toBeLessThanOrEqual(next.x);
        });
      });
      for (const bar of bars) expect(bar.from).toBeLessThanOrEqual(bar.to);
    }),
  );
});

test('twenty thousand events are laid out in well under a second', () => {
  const many = Array.from({ length: 20_000 }, (_, index) => event(`e${index}`, index * 20 * MINUTE, { session_id: `s${index >> 4}` }));
  const links = Array.from({ length: 1_000 }, (_, index) => link(`s${index}`, index * 320 * MINUTE, (index + 1) * 320 * MINUTE));
  const began = process.cpuUsage();
  layOut(many, links);
  expect(process.cpuUsage(began).user / 1_000).toBeLessThan(1_000);
});

test('what is drawn of twenty thousand events is a few hundred things, at any zoom, and none of them is lost', () => {
  const many = Array.from({ length: 20_000 }, (_, index) =>
    event(`e${index}`, index * MINUTE, { session_id: `s${index >> 5}`, type: index % 500 === 0 ? 'purchase' : 'page_view' }),
  );
  const links = Array.from({ length: 625 }, (_, index) => link(`s${index}`, index * 32 * MINUTE, (index * 32 + 31) * MINUTE));
  const journey = layOut(many, links);
  for (const zoom of [900 / journey.width, 0.05, 0.9, 2.2]) {
    const view = viewOf(journey, zoom, 0, 1_500 / zoom);
    expect(view.clusters.flat().length + view.bands.flat().length).toBeLessThan(400);
    const all = viewOf(journey, zoom, 0, journey.width);
    expect(all.clusters.flat().reduce((sum, { count }) => sum + count, 0)).toBe(20_000);
    expect(all.bands.flat().reduce((sum, { count }) => sum + count, 0)).toBe(625);
  }
  expect(viewOf(journey, 0.02, 0, journey.width).clusters.flat()[0]?.mark.event.type).toBe('purchase');
});

test('marks that are drawn never touch', () => {
  const journey = layOut(janes, janesLinks);
  for (const zoom of [0.1, 0.57, 1, 2.2])
    for (const lane of viewOf(journey, zoom, 0, journey.width).clusters)
      lane.forEach((cluster, index) => {
        const before = lane[index - 1];
        if (before) expect((cluster.from - before.from) * zoom).toBeGreaterThanOrEqual(18);
      });
});

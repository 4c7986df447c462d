/** Lays a customer's events out as a picture: a lane per channel, browser and place, time from left to right. Pure. */
import type { Millis } from '../../protocol/event.ts';
import { MINUTE } from '../../protocol/event.ts';
import type { LinkRow, TimelineEvent } from './types.ts';
import { shortId, spoken } from './words.ts';

export interface Lane {
  key: string;
  kind: 'channel' | 'browser' | 'store' | 'till' | 'service' | 'backend';
  device: string | null;
  label: string;
  detail: string;
}

export interface Mark {
  event: TimelineEvent;
  lane: number;
  x: number;
  /** What its label may take before it meets its lane's next one, in the picture's units; 0: no label. */
  room: number;
  session: string | null;
  /** A scan drops from the store's lane to the browser's that made it. */
  drop: number | null;
}

/** What brought a session in: it stands in its channel's lane above the session's first event, and drops to it. */
export interface Entry {
  lane: number;
  to: number;
  x: number;
  label: string;
  detail: string;
  room: number;
}

export interface Bar {
  key: string;
  lane: number;
  from: number;
  to: number;
  started_at: Millis;
  events: number;
  link: LinkRow | null;
  /** Where its evidence stands, if that is another session's event in the picture. */
  evidence: { lane: number; x: number } | null;
}

export interface Journey {
  lanes: Lane[];
  marks: Mark[];
  bars: Bar[];
  entries: Entry[];
  /** Idle stretches, drawn as short as the others: `span` says how long they lasted. */
  pauses: { from: number; to: number; span: Millis }[];
  /** The starts of what lies between the pauses, those that there is room to name. */
  starts: { x: number; at: Millis }[];
  width: number;
  /** Few enough events for each to have a label. */
  sparse: boolean;
}

/** Idle longer than this, the clock of the picture stops. As long as a session's idle limit. */
const PAUSE = 30 * MINUTE;

export function layOut(events: readonly TimelineEvent[], links: readonly LinkRow[]): Journey {
  const ordered = [...new Map(events.map((event) => [event.event_id, event])).values()].sort(inTime);
  const segments = segmentsOf(links);
  const arrivals = arrivalsOf(ordered, segments);
  const lanes = lanesOf(ordered, arrivals);
  const laneAt = new Map(lanes.map((lane, index) => [lane.key, index]));
  const sparse = ordered.length <= SPARSE;
  const marks: Mark[] = [];
  const pauses: Journey['pauses'] = [];
  const starts: Journey['starts'] = [];
  let x = MARGIN;
  let before: Mark | undefined;
  for (const event of ordered) {
    const lane = laneAt.get(laneKey(event)) ?? 0;
    if (before === undefined) starts.push({ x, at: event.occurred_at });
    else {
      const idle = event.occurred_at - before.event.occurred_at;
      if (idle > PAUSE) {
        const from = x + footprint(before.event, sparse);
        pauses.push({ from, to: from + PAUSE_WIDTH, span: idle });
        x = from + PAUSE_WIDTH;
        if (x - (starts.at(-1)?.x ?? 0) > START_ROOM) starts.push({ x, at: event.occurred_at });
      } else if (!leadsTo(before.event, event)) x += stepAfter(before.event, event, idle, sparse);
    }
    const home = event.type === 'scan' && event.anonymous_id !== null ? (laneAt.get(event.anonymous_id) ?? null) : null;
    before = { event, lane, x, room: 0, session: null, drop: home };
    marks.push(before);
  }
  const width = marks.length === 0 ? 0 : x + footprint((before as Mark).event, sparse) + MARGIN;
  giveRoom(marks, width, sparse);
  const entries = entriesOf(marks, arrivals, laneAt, width);
  return { lanes, marks, bars: barsOf(marks, segments, laneAt), entries, pauses, starts, width, sparse };
}

/** How high a lane is drawn. */
export function heightOf({ kind }: Lane): number {
  if (kind === 'browser') return 116;
  return kind === 'channel' ? 44 : 76;
}

/** The events that carry the story, labelled however crowded the picture is. */
export function isTurn(type: string): boolean {
  return TURNS.has(type);
}

export type Segments = ReadonlyMap<string, readonly LinkRow[]>;

/** Links by session, to be looked up for each event. */
export function segmentsOf(links: readonly LinkRow[]): Segments {
  const segments = new Map<string, LinkRow[]>();
  for (const link of links) {
    const key = `${link.anonymous_id} ${link.session_id}`;
    const known = segments.get(key);
    if (known) known.push(link);
    else segments.set(key, [link]);
  }
  return segments;
}

/** The segment that an event falls into, else its session's last; null without a session. */
export function segmentOf(event: TimelineEvent, segments: Segments): { key: string; link: LinkRow | null } | null {
  if (event.anonymous_id === null || event.session_id === null) return null;
  const session = `${event.anonymous_id} ${event.session_id}`;
  const rows = segments.get(session) ?? [];
  const link = rows.find((row) => row.started_at <= event.occurred_at && event.occurred_at <= row.ended_at) ?? rows.at(-1) ?? null;
  return { key: `${session} ${link?.segment ?? 0}`, link };
}

function inTime(a: TimelineEvent, b: TimelineEvent): number {
  return a.occurred_at - b.occurred_at || a.time - b.time || rankOf(a) - rankOf(b) || (a.event_id < b.event_id ? -1 : 1);
}

const MARGIN = 26;
const PAUSE_WIDTH = 70;
const SPARSE = 60;
const START_ROOM = 116;
const ENTRY_ROOM = 190;
const STORE = ' store';
/** Lanes of what no browser sent. */
const BACKEND: Readonly<Record<'till' | 'service' | 'backend', Lane>> = {
  till: { key: ' till', kind: 'till', device: null, label: 'Till', detail: 'in the shop' },
  service: { key: ' service', kind: 'service', device: null, label: 'Service', detail: 'calls, chats' },
  backend: { key: ' backend', kind: 'backend', device: null, label: 'Back office', detail: 'no browser' },
};
/** Channels of one lane; the others need none: a scan has the stores' lane, and who came directly came from nowhere. */
const CHANNELS: readonly { key: string; label: string; icon: string; of: (channel: string) => boolean }[] = [
  { key: ' search', label: 'Search', icon: 'search', of: (channel) => channel === 'organic_search' },
  { key: ' ads', label: 'Ads', icon: 'ad', of: (channel) => channel.startsWith('paid_') || channel === 'display' },
  { key: ' mail', label: 'E-mail & SMS', icon: 'mail', of: (channel) => /^(?:email|sms|push)$/.test(channel) },
  { key: ' social', label: 'Social', icon: 'person', of: (channel) => channel === 'organic_social' },
  { key: ' sites', label: 'Other sites', icon: 'link', of: (channel) => /^(?:referral|affiliates|organic_)/.test(channel) },
];
const TURNS = new Set(['scan', 'login', 'sign_up', 'identify', 'logout', 'purchase', 'refund', 'begin_checkout', 'search']);
/** What events carry that no browser sent, or one that says nothing of itself. */
const NO_DEVICE = new Set(['', 'server', 'unknown', 'bot']);
const MINOR = new Set(['click', 'engagement', 'consent', 'form_submit', 'scroll']);

/** A scan stands straight above the page that it opened, though that took its moment. */
function leadsTo(scan: TimelineEvent, landing: TimelineEvent): boolean {
  return scan.type === 'scan' && landing.type !== 'scan' && scan.session_id !== null && scan.session_id === landing.session_id;
}

/** A scan stands right before the page view that claimed it, at its very time. */
function rankOf(event: TimelineEvent): number {
  return event.type === 'scan' ? 0 : 1;
}

function laneKey(event: TimelineEvent): string {
  return event.type === 'scan' ? STORE : (event.anonymous_id ?? BACKEND[backendOf(event.type)].key);
}

function backendOf(type: string): keyof typeof BACKEND {
  if (type === 'purchase' || type === 'refund') return 'till';
  return type === 'service_contact' ? 'service' : 'backend';
}

interface Arrival {
  channel: (typeof CHANNELS)[number];
  label: string;
  detail: string;
}

/** The first events of sessions that a channel brought in, by their ids. */
function arrivalsOf(ordered: readonly TimelineEvent[], segments: Segments): Map<string, Arrival> {
  const seen = new Set<string>();
  const arrivals = new Map<string, Arrival>();
  for (const event of ordered) {
    if (event.anonymous_id === null || event.session_id === null || event.type === 'scan') continue;
    const session = `${event.anonymous_id} ${event.session_id}`;
    if (seen.has(session)) continue;
    seen.add(session);
    const link = segments.get(session)?.find(({ segment }) => segment === 0);
    // A window of a long journey may begin in the middle of a session.
    if (link && event.occurred_at > link.started_at + MINUTE) continue;
    const channel = event.channel ?? link?.channel ?? null;
    const found = channel === null ? undefined : CHANNELS.find(({ of }) => of(channel));
    if (found) arrivals.set(event.event_id, { channel: found, label: link?.source ?? spoken(channel ?? ''), detail: link?.campaign ?? '' });
  }
  return arrivals;
}

function entriesOf(
  marks: readonly Mark[],
  arrivals: ReadonlyMap<string, Arrival>,
  laneAt: ReadonlyMap<string, number>,
  width: number,
): Entry[] {
  const entries: Entry[] = [];
  const lastIn = new Map<number, Entry>();
  for (const mark of marks) {
    const arrival = arrivals.get(mark.event.event_id);
    const lane = arrival && laneAt.get(arrival.channel.key);
    if (!arrival || lane === undefined) continue;
    const entry = {
      lane,
      to: mark.lane,
      x: mark.x,
      label: arrival.label,
      detail: arrival.detail,
      room: Math.min(ENTRY_ROOM, width - mark.x),
    };
    const last = lastIn.get(lane);
    if (last) last.room = Math.min(last.room, entry.x - last.x - 6);
    lastIn.set(lane, entry);
    entries.push(entry);
  }
  return entries;
}

/** Channels on top; browsers as they appear; the stores above the first browser that scanned, so that the drop crosses no other lane. */
function lanesOf(ordered: readonly TimelineEvent[], arrivals: ReadonlyMap<string, Arrival>): Lane[] {
  const devices = new Map<string, string | null>();
  const stores = new Set<string>();
  let scanner: string | null = null;
  const backends = new Set<keyof typeof BACKEND>();
  const brought = new Set([...arrivals.values()].map(({ channel }) => channel));
  for (const event of ordered) {
    if (event.type === 'scan') {
      stores.add(event.scan?.store ?? event.scan?.store_id ?? 'QR code');
      scanner ??= event.anonymous_id;
    }
    if (event.anonymous_id === null) {
      if (event.type !== 'scan') backends.add(backendOf(event.type));
    } else if (!devices.get(event.anonymous_id))
      devices.set(event.anonymous_id, NO_DEVICE.has(event.device_type ?? '') ? null : event.device_type);
  }
  const kinds = [...devices.values()].map(deviceName);
  const store: Lane = { key: STORE, kind: 'store', device: null, label: 'Store & QR', detail: [...stores].join(', ') };
  const lanes = [...devices].flatMap(([key, device], index): Lane[] => {
    const kind = kinds[index] ?? '';
    const several = kinds.filter((other) => other === kind).length > 1;
    const nth = kinds.slice(0, index + 1).filter((other) => other === kind).length;
    const lane: Lane = { key, kind: 'browser', device, label: several ? `${kind} ${nth}` : kind, detail: shortId(key) };
    return key === scanner ? [store, lane] : [lane];
  });
  if (stores.size > 0 && !lanes.includes(store)) lanes.push(store);
  for (const kind of ['till', 'service', 'backend'] as const) if (backends.has(kind)) lanes.push(BACKEND[kind]);
  const channels = CHANNELS.filter((channel) => brought.has(channel)).map(
    ({ key, label, icon }): Lane => ({ key, kind: 'channel', device: icon, label, detail: '' }),
  );
  return [...channels, ...lanes];
}

function deviceName(type: string | null): string {
  if (!type) return 'Browser';
  if (type === 'mobile' || type === 'smartphone') return 'Phone';
  if (type === 'desktop') return 'Computer';
  return type.charAt(0).toUpperCase() + spoken(type).slice(1);
}

/** How much an event's label needs to its right. */
function footprint(event: TimelineEvent, sparse: boolean): number {
  if (isTurn(event.type)) return sparse ? 116 : 96;
  if (MINOR.has(event.type)) return 18;
  return sparse ? 104 : 22;
}

/** Farther apart the longer it took, but never so near that labels cover one another. */
function stepAfter(before: TimelineEvent, event: TimelineEvent, idle: Millis, sparse: boolean): number {
  const slack = Math.min(40, 5 * Math.log2(1 + idle / 15_000));
  const needed = laneKey(before) === laneKey(event) ? footprint(before, sparse) : 30;
  return needed + slack;
}

function giveRoom(marks: readonly Mark[], width: number, sparse: boolean): void {
  const nextX = new Map<number, number>();
  for (const mark of [...marks].reverse()) {
    const until = nextX.get(mark.lane) ?? width;
    const labelled = isTurn(mark.event.type) || (sparse && !MINOR.has(mark.event.type));
    mark.room = labelled ? until - mark.x - 6 : 0;
    if (labelled) nextX.set(mark.lane, mark.x);
  }
}

function barsOf(marks: readonly Mark[], segments: Segments, laneAt: ReadonlyMap<string, number>): Bar[] {
  const bars = new Map<string, Bar>();
  const positions = new Map(marks.map((mark) => [mark.event.event_id, mark]));
  for (const mark of marks) {
    const found = segmentOf(mark.event, segments);
    const lane = mark.event.anonymous_id === null ? undefined : laneAt.get(mark.event.anonymous_id);
    if (found === null || lane === undefined) continue;
    mark.session = found.key;
    const bar = bars.get(found.key);
    if (bar) {
      bar.to = mark.x;
      bar.events += 1;
    } else {
      const { key, link } = found;
      bars.set(key, { key, lane, from: mark.x, to: mark.x, started_at: mark.event.occurred_at, events: 1, link, evidence: null });
    }
  }
  for (const bar of bars.values()) {
    const evidence = bar.link?.evidence_event_id ? positions.get(bar.link.evidence_event_id) : undefined;
    if (evidence && evidence.session !== bar.key) bar.evidence = { lane: evidence.lane, x: evidence.x };
  }
  return [...bars.values()];
}

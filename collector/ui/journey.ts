/** Lays a customer's events out as a picture: a lane per browser and for the stores, time from left to right. Pure. */
import type { Millis } from '../../protocol/event.ts';
import { MINUTE } from '../../protocol/event.ts';
import type { LinkRow, TimelineEvent } from './types.ts';
import { shortId, spoken } from './words.ts';

export interface Lane {
  key: string;
  kind: 'browser' | 'store' | 'backend';
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
  /** Idle stretches, drawn as short as the others: `span` says how long they lasted. */
  pauses: { from: number; to: number; span: Millis }[];
  /** The starts of what lies between the pauses, those that there is room to name. */
  starts: { x: number; at: Millis }[];
  width: number;
  /** How far the picture may be squeezed before marks touch. */
  squeeze: number;
}

/** Idle longer than this, the clock of the picture stops. As long as a session's idle limit. */
const PAUSE = 30 * MINUTE;

export function layOut(events: readonly TimelineEvent[], links: readonly LinkRow[]): Journey {
  const ordered = [...new Map(events.map((event) => [event.event_id, event])).values()].sort(inTime);
  const lanes = lanesOf(ordered);
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
        if (x - (starts.at(-1)?.x ?? 0) > (sparse ? START_ROOM / SQUEEZE : START_ROOM)) starts.push({ x, at: event.occurred_at });
      } else if (!leadsTo(before.event, event)) x += stepAfter(before.event, event, idle, sparse);
    }
    const home = event.type === 'scan' && event.anonymous_id !== null ? (laneAt.get(event.anonymous_id) ?? null) : null;
    before = { event, lane, x, room: 0, session: null, drop: home };
    marks.push(before);
  }
  const width = marks.length === 0 ? 0 : x + footprint((before as Mark).event, sparse) + MARGIN;
  giveRoom(marks, width, sparse);
  return { lanes, marks, bars: barsOf(marks, links, laneAt), pauses, starts, width, squeeze: sparse ? SQUEEZE : 1 };
}

/** The events that carry the story, labelled however crowded the picture is. */
export function isTurn(type: string): boolean {
  return TURNS.has(type);
}

/** The segment's key of the links that an event falls into, else its session's; null without a session. */
export function segmentOf(event: TimelineEvent, links: readonly LinkRow[]): { key: string; link: LinkRow | null } | null {
  if (event.anonymous_id === null || event.session_id === null) return null;
  const session = links.filter((link) => link.session_id === event.session_id && link.anonymous_id === event.anonymous_id);
  const link = session.find((row) => row.started_at <= event.occurred_at && event.occurred_at <= row.ended_at) ?? session.at(-1) ?? null;
  return { key: `${event.anonymous_id} ${event.session_id} ${link?.segment ?? 0}`, link };
}

function inTime(a: TimelineEvent, b: TimelineEvent): number {
  return a.occurred_at - b.occurred_at || a.time - b.time || rankOf(a) - rankOf(b) || (a.event_id < b.event_id ? -1 : 1);
}

const MARGIN = 26;
const PAUSE_WIDTH = 70;
const SPARSE = 60;
const SQUEEZE = 0.64;
const START_ROOM = 116;
const STORE = ' store';
const BACKEND = ' backend';
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
  return event.type === 'scan' ? STORE : (event.anonymous_id ?? BACKEND);
}

/** Browsers as they appear; the stores above the first browser that scanned, so that the drop crosses no other lane. */
function lanesOf(ordered: readonly TimelineEvent[]): Lane[] {
  const devices = new Map<string, string | null>();
  const stores = new Set<string>();
  let scanner: string | null = null;
  let backend = false;
  for (const event of ordered) {
    if (event.type === 'scan') {
      stores.add(event.scan?.store ?? event.scan?.store_id ?? 'QR code');
      scanner ??= event.anonymous_id;
    }
    if (event.anonymous_id === null) backend ||= event.type !== 'scan';
    else if (!devices.get(event.anonymous_id))
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
  if (backend) lanes.push({ key: BACKEND, kind: 'backend', device: null, label: 'Back office', detail: 'no browser' });
  return lanes;
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

function barsOf(marks: readonly Mark[], links: readonly LinkRow[], laneAt: ReadonlyMap<string, number>): Bar[] {
  const bars = new Map<string, Bar>();
  const positions = new Map(marks.map((mark) => [mark.event.event_id, mark]));
  for (const mark of marks) {
    const found = segmentOf(mark.event, links);
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

/** What stands in the stream: groups of submissions as JSON, each numbered by its publisher so that a gap can be seen. */
import { type AcceptedEvent, factsOf } from '../domain/accepted-event.ts';
import type { RefusedEvent } from './decode.ts';
import type { Submission } from './intake.ts';

export interface Group {
  /** Who published it: one run of one collector, and which of its groups on this partition. */
  from: string;
  n: number;
  /** The last group before it that the stream acknowledged to this publisher on this partition; 0: none. */
  prev: number;
  submissions: Submission[];
}

/** Most bytes of one group; a server must take this and a little more (its `max_payload` is 1 MiB by default). */
export const GROUP_BYTES = 384 * 1024;

/** Which partition an event goes to: all of one browser's go the same way, those of no browser anywhere. FNV-1a. */
export function partitionOf(
  { site, anonymous_id, event_id }: Pick<AcceptedEvent, 'site' | 'anonymous_id' | 'event_id'>,
  partitions: number,
): number {
  let hash = mix(0x811c9dc5, site);
  hash = mix(hash, ' ');
  return mix(hash, anonymous_id ?? event_id) % partitions;
}

function mix(start: number, text: string): number {
  let hash = start;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** An event as it stands in the stream: without what follows from the rest, is the same as in `shared`, or is what most events have. */
type Packed = Pick<AcceptedEvent, Kept> & Partial<Omit<AcceptedEvent, Kept | 'facts' | 'site'>>;
type Kept = 'event_id' | 'type' | 'time' | 'payload';

type Shared = Pick<AcceptedEvent, 'device' | 'received_at'>;

export function encodeEvent(event: AcceptedEvent, shared: Shared): string {
  const { event_id, type, time, payload, occurred_at, anonymous_id, session_id, claim, barrier, kiosk, scan_id, scan, single_use } = event;
  const packed: Packed = { event_id, type, time, payload };
  if (occurred_at !== time) packed.occurred_at = occurred_at;
  if (anonymous_id !== null) packed.anonymous_id = anonymous_id;
  if (session_id !== null) packed.session_id = session_id;
  if (claim) packed.claim = claim;
  if (barrier) packed.barrier = barrier;
  if (kiosk) packed.kiosk = kiosk;
  if (scan_id !== null) packed.scan_id = scan_id;
  if (scan) packed.scan = scan;
  if (single_use !== undefined) packed.single_use = single_use;
  if (event.scan_flag !== null) packed.scan_flag = event.scan_flag;
  if (event.device !== shared.device) packed.device = event.device;
  if (event.received_at !== shared.received_at) packed.received_at = event.received_at;
  return JSON.stringify(packed);
}

function unpacked(packed: Packed, site: string, shared: Shared): AcceptedEvent {
  const { event_id, type, time, payload, device = shared.device } = packed;
  return {
    ...{ occurred_at: time, anonymous_id: null, session_id: null, claim: null, barrier: null, kiosk: false, scan_id: null, scan: null },
    ...{ scan_flag: null, device, received_at: shared.received_at, ...packed, site },
    facts: factsOf(event_id, type, payload, device),
  };
}

/** A submission whose events are encoded already. */
export function encodeSubmission(
  site: string,
  events: readonly string[],
  refused: readonly RefusedEvent[],
  { device, received_at }: Partial<Shared> = {},
): string {
  const shared = JSON.stringify({ site, device, received_at }).slice(0, -1);
  return `${shared},"events":[${events.join()}],"refused":${refused.length === 0 ? '[]' : JSON.stringify(refused)}}`;
}

export function encodeGroup({ from, n, prev }: Omit<Group, 'submissions'>, submissions: readonly string[]): string {
  return `{"v":1,"from":${JSON.stringify(from)},"n":${n},"prev":${prev},"submissions":[${submissions.join()}]}`;
}

/** Null: not a group of ours, or of a later version. */
export function decodeGroup(text: string): Group | null {
  try {
    type Encoded = Shared & { site: string; events: Packed[]; refused: RefusedEvent[] };
    const { v, from, n, prev, submissions } = JSON.parse(text) as Omit<Group, 'submissions'> & { v: number; submissions: Encoded[] };
    if (v !== 1 || typeof from !== 'string' || !Number.isInteger(n) || !Number.isInteger(prev)) return null;
    return {
      ...{ from, n, prev },
      submissions: submissions.map(({ site, events, refused, ...shared }) => ({
        site,
        events: events.map((packed) => unpacked(packed, site, shared)),
        refused,
      })),
    };
  } catch {
    return null;
  }
}

/** Submissions as JSON, on their way to a store that applies them later: in a stream's groups, and in a store's journal. */
import { type AcceptedEvent, factsOf } from '../domain/accepted-event.ts';
import type { RefusedEvent } from './decode.ts';
import type { Submission } from './intake.ts';

/** An event as it stands there: without what follows from the rest, is the same as in `Shared`, or is what most events have. */
type Packed = Pick<AcceptedEvent, Kept> & Partial<Omit<AcceptedEvent, Kept | 'facts' | 'site'>>;
type Kept = 'event_id' | 'type' | 'time' | 'payload';

type Shared = Pick<AcceptedEvent, 'device' | 'received_at'>;

export const encodeEvent = (event: AcceptedEvent, shared: Shared): string => JSON.stringify(pack(event, shared));

/** Whole submissions at once, which takes less time than one after the other. */
export function encodeSubmissions(submissions: readonly Submission[]): string {
  return JSON.stringify({
    v: 1,
    submissions: submissions.map(({ site, events, refused }) => {
      const [shared] = events;
      return {
        ...{ site, device: shared?.device, received_at: shared?.received_at },
        events: events.map((event) => pack(event, shared ?? event)),
        refused,
      };
    }),
  });
}

/** Null: not of ours, or of a later version. */
export function decodeSubmissions(text: string): Submission[] | null {
  try {
    const { v, submissions } = JSON.parse(text) as { v: number; submissions: EncodedSubmission[] };
    return v === 1 ? submissions.map(submissionOf) : null;
  } catch {
    return null;
  }
}

function pack(event: AcceptedEvent, shared: Shared): Packed {
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
  return packed;
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

/** As it is parsed. */
export type EncodedSubmission = Shared & { site: string; events: Packed[]; refused: RefusedEvent[] };

export function submissionOf({ site, events, refused, ...shared }: EncodedSubmission): Submission {
  return { site, events: events.map((packed) => unpacked(packed, site, shared)), refused };
}

function unpacked(packed: Packed, site: string, shared: Shared): AcceptedEvent {
  const { event_id, type, time, payload, device = shared.device } = packed;
  return {
    ...{ occurred_at: time, anonymous_id: null, session_id: null, claim: null, barrier: null, kiosk: false, scan_id: null, scan: null },
    ...{ scan_flag: null, device, received_at: shared.received_at, ...packed, site },
    facts: factsOf(event_id, type, payload, device),
  };
}

/** What stands in the stream: groups of submissions as JSON, each numbered by its publisher so that a gap can be seen. */
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import type { Submission } from './intake.ts';
import { type EncodedSubmission, submissionOf } from './submission-json.ts';

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

export function encodeGroup({ from, n, prev }: Omit<Group, 'submissions'>, submissions: readonly string[]): string {
  return `{"v":1,"from":${JSON.stringify(from)},"n":${n},"prev":${prev},"submissions":[${submissions.join()}]}`;
}

/** Null: not a group of ours, or of a later version. */
export function decodeGroup(text: string): Group | null {
  try {
    const { v, from, n, prev, submissions } = JSON.parse(text) as Group & { v: number; submissions: EncodedSubmission[] };
    if (v !== 1 || typeof from !== 'string' || !Number.isInteger(n) || !Number.isInteger(prev)) return null;
    return { from, n, prev, submissions: submissions.map(submissionOf) };
  } catch {
    return null;
  }
}

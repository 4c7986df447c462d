/** What of a journey is drawn at a zoom, in the part that is in sight: whatever its length, a few hundred things. Pure. */
import { type Bar, type Entry, isTurn, type Journey, type Mark } from './journey.ts';

/** Marks that would touch, as one. */
export interface Cluster {
  /** The one that says most. */
  mark: Mark;
  count: number;
  x: number;
  /** From its first to its last, to be zoomed into. */
  from: number;
  to: number;
}

/** Sessions too short to be told apart, as one. */
export interface Band {
  bar: Bar;
  count: number;
  from: number;
  to: number;
  /** To the next one in its lane, for its caption. */
  room: number;
}

export interface View {
  /** By lane. */
  clusters: Cluster[][];
  bands: Band[][];
  entries: Entry[];
  pauses: Journey['pauses'];
  starts: Journey['starts'];
}

/** Pixels between the middles of neighbours that still can be told apart. */
const TOUCH = 19;
const THIN = 7;

/** `from` and `to` are the picture's own units, as all of `journey` is; `zoom` is pixels for each. */
export function viewOf(journey: Journey, zoom: number, from: number, to: number): View {
  const seen = (x: number, until = x): boolean => until >= from && x <= to;
  const clusters: Cluster[][] = journey.lanes.map(() => []);
  const bands: Band[][] = journey.lanes.map(() => []);
  for (const mark of journey.marks) {
    const lane = clusters[mark.lane];
    const last = lane?.at(-1);
    if (last && (mark.x - last.from) * zoom < TOUCH) {
      last.count += 1;
      last.to = mark.x;
      if (weightOf(mark) > weightOf(last.mark)) last.mark = mark;
    } else lane?.push({ mark, count: 1, x: mark.x, from: mark.x, to: mark.x });
  }
  for (const bar of journey.bars) {
    const lane = bands[bar.lane];
    const last = lane?.at(-1);
    const isThin = (bar.to - bar.from) * zoom < THIN;
    if (last && isThin && (last.to - last.from) * zoom < 4 * THIN && (bar.from - last.to) * zoom < THIN) {
      last.count += 1;
      last.to = Math.max(last.to, bar.to);
    } else {
      if (last) last.room = bar.from - last.from;
      lane?.push({ bar, count: 1, from: bar.from, to: bar.to, room: Number.POSITIVE_INFINITY });
    }
  }
  const apart = spaced(zoom);
  return {
    clusters: clusters.map((lane) => lane.filter((cluster) => seen(cluster.from, cluster.to))),
    bands: bands.map((lane) =>
      lane.filter((band) =>
        seen(Math.min(band.from, band.bar.evidence?.x ?? band.from), Math.max(band.to, band.bar.evidence?.x ?? band.to)),
      ),
    ),
    entries: apart(journey.entries, (entry) => entry.lane, TOUCH).filter((entry) => seen(entry.x)),
    pauses: journey.pauses.filter((pause) => seen(pause.from, pause.to)),
    starts: apart(journey.starts, () => 0, 110).filter((start) => seen(start.x)),
  };
}

/** Which of several says most. */
function weightOf({ event: { type } }: Mark): number {
  if (type === 'purchase') return 3;
  if (type === 'login' || type === 'sign_up' || type === 'scan') return 2;
  return isTurn(type) ? 1 : 0;
}

/** Leaves out what stands too near to the one before it in its lane. */
function spaced(zoom: number) {
  return <T extends { x: number }>(things: readonly T[], laneOf: (thing: T) => number, pixels: number): T[] => {
    const last = new Map<number, number>();
    return things.filter((thing) => {
      const before = last.get(laneOf(thing));
      if (before !== undefined && (thing.x - before) * zoom < pixels) return false;
      last.set(laneOf(thing), thing.x);
      return true;
    });
  };
}

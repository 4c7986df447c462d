/** How right linking is against known truth, ours beside the rivals' rules, and how fast: `npm run bench -- linking`. */
import { DEFAULT_POLICY, type LinkingPolicy } from '../collector/linking/policy.ts';
import { DAY } from '../protocol/event.ts';
import { engineSpeed } from './linking/engine.ts';
import { type History, historyOf } from './linking/history.ts';
import { type Assignment, type Score, score } from './linking/measure.ts';
import { footfall } from './linking/ours.ts';
import { RIVALS } from './linking/rivals.ts';
import { textTable } from './linking/table.ts';
import { COMPARED, OTHER_WORLDS, type World } from './linking/worlds.ts';

const SEEDS = [1, 2, 3, 4, 5];

export interface Range {
  mean: number;
  min: number;
  max: number;
}

export interface Row {
  method: string;
  source: string;
  precision: Range;
  recall: Range;
  pair_precision: Range;
}

/** One world: ours and the rivals, then ours with one number of the policy changed. */
export interface Comparison {
  preset: string;
  note: string;
  visits: number;
  methods: Row[];
  policies: Row[];
}

export interface LinkingResult {
  scenario: 'linking';
  seeds: readonly number[];
  presets: Comparison[];
  /** How the comparison comes out where the simulator's parameters are others; measured on demand. */
  other_worlds: Comparison[];
  /** The incremental engine in memory, fed one event at a time in order of arrival. */
  engine: Speed;
  /** The pure function over a whole history at once. */
  reference: Speed;
  /** The shape that all benchmarks share: ours is the engine, the floor the pure function, the ratio the median of the rounds'. */
  ours: Speed;
  floor: Speed;
  ratio: number;
  rounds: number;
}

interface Speed {
  events_per_s: number;
}

interface LinkingOptions {
  seeds?: readonly number[];
  people?: number;
  days?: number;
  /** Measure the other worlds too: twice the time. */
  worlds?: boolean;
}

export async function run({ seeds = SEEDS, worlds = false, ...size }: LinkingOptions = {}): Promise<LinkingResult> {
  const reference: number[] = [];
  const engine: number[] = [];
  const compare = ({ name, note, options }: World, policies: readonly Method[]): Comparison => {
    const scores = new Map<Method, Score[]>([...METHODS, ...policies].map((method) => [method, []]));
    let visits = 0;
    for (const seed of seeds) {
      const history = historyOf({ ...options, seed, ...size });
      visits += history.visits.length / seeds.length;
      for (const [method, found] of scores) found.push(score(history, timed(history, method, reference)));
      engine.push(engineSpeed(history.events));
    }
    const rows = (methods: readonly Method[]): Row[] => methods.map((method) => rowOf(method, scores.get(method) ?? []));
    return { preset: name, note, visits: Math.round(visits), methods: rows(METHODS), policies: rows(policies) };
  };
  const presets = COMPARED.map((world) => compare(world, POLICIES));
  const other_worlds = (worlds ? OTHER_WORLDS : []).map((world) => compare(world, []));
  const ours: Speed = { events_per_s: Math.round(median(engine)) };
  const floor: Speed = { events_per_s: Math.round(median(reference)) };
  const result: LinkingResult = {
    scenario: 'linking',
    seeds,
    presets,
    other_worlds,
    engine: ours,
    reference: floor,
    ours,
    floor,
    ratio: median(engine.map((speed, round) => speed / (reference[round] ?? speed))),
    rounds: engine.length,
  };
  return result;
}

export function table(result: LinkingResult): string {
  return textTable(result);
}

interface Method {
  name: string;
  source: string;
  assign(events: History['events']): Assignment;
}

const changed = (name: string, policy: Partial<LinkingPolicy> = {}): Method => ({
  name,
  source: 'Footfall',
  assign: (events) => footfall(events, { ...DEFAULT_POLICY, ...policy }),
});

const FOOTFALL = changed('Never guess');
const METHODS: readonly Method[] = [FOOTFALL, ...RIVALS];
const POLICIES: readonly Method[] = [
  changed('window 14 days', { window: 14 * DAY }),
  changed('window 30 days', { window: 30 * DAY }),
  changed('window 60 days', { window: 60 * DAY }),
  changed('window 90 days', { window: 90 * DAY }),
  changed('logout hard', { logout: 'hard' }),
  changed('kiosk from 2 owners', { kiosk_owners: 2 }),
];

function timed({ events }: History, method: Method, speeds: number[]): Assignment {
  const started = performance.now();
  const assigned = method.assign(events);
  if (method === FOOTFALL) speeds.push((events.length * 1_000) / (performance.now() - started));
  return assigned;
}

function rowOf({ name, source }: Method, scores: readonly Score[]): Row {
  const range = (field: keyof Score): Range => {
    const values = scores.map((found) => found[field]);
    return { mean: values.reduce((sum, value) => sum + value, 0) / values.length, min: Math.min(...values), max: Math.max(...values) };
  };
  return { method: name, source, precision: range('precision'), recall: range('recall'), pair_precision: range('pair_precision') };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

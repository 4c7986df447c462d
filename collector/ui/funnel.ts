/** The steps of a funnel: how many came to each, and where most were lost. Pure. */

export interface FunnelRow {
  entry: string;
  entered: number;
  viewed: number;
  carted: number;
  purchased: number;
}

export interface FunnelStep {
  name: 'entered' | 'viewed' | 'carted' | 'purchased';
  count: number;
  /** Of those who entered, 0 to 1. */
  share: number;
  /** Of those at the step before, who did not come to this one; null at the first. */
  lost: number | null;
  /** More are lost here, in heads, than at any other step. */
  worst: boolean;
}

const STEPS = ['entered', 'viewed', 'carted', 'purchased'] as const;

export function stepsOf(row: FunnelRow): FunnelStep[] {
  const gone = STEPS.map((name, at) => (at === 0 ? 0 : row[STEPS[at - 1] ?? 'entered'] - row[name]));
  const most = Math.max(...gone);
  return STEPS.map((name, at) => {
    const before = at === 0 ? null : row[STEPS[at - 1] ?? 'entered'];
    return {
      name,
      count: row[name],
      share: row.entered === 0 ? 0 : row[name] / row.entered,
      lost: before === null || before === 0 ? null : (before - row[name]) / before,
      worst: most > 0 && gone.indexOf(most) === at,
    };
  });
}

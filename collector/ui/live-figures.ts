/** What the collector's metrics say about the last minute: two readings, and what happened between them. Pure. */

/** Values by name and labels: `footfall_events_total{fate="stored"}`. */
export type Reading = ReadonlyMap<string, number>;

export interface Figures {
  events_per_s: number;
  /** Null while nothing was acknowledged. */
  ack_p99_ms: number | null;
  /** Since the collector started. */
  rejected: { reason: string; count: number }[];
}

/** Reads Prometheus' text format, as far as this collector writes it. */
export function readMetrics(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const parts = /^(footfall_[^ ]+) ([\d.e+-]+)$/.exec(line);
    if (parts) values.set(parts[1] ?? '', Number(parts[2]));
  }
  return values;
}

export function figuresBetween(before: Reading, after: Reading, seconds: number): Figures {
  const stored = 'footfall_events_total{fate="stored"}';
  return {
    events_per_s: seconds > 0 ? Math.max(0, (after.get(stored) ?? 0) - (before.get(stored) ?? 0)) / seconds : 0,
    ack_p99_ms: quantileBetween(before, after, 0.99),
    rejected: [...after]
      .flatMap(([name, count]) => {
        const reason = /^footfall_events_rejected_total\{reason="([^"]*)"\}$/.exec(name)?.[1];
        return reason === undefined || count === 0 ? [] : [{ reason, count }];
      })
      .sort((a, b) => b.count - a.count),
  };
}

/** The upper bound of the bucket that the quantile falls into, in milliseconds: what can be said for sure. */
function quantileBetween(before: Reading, after: Reading, quantile: number): number | null {
  const buckets = [...after].flatMap(([name, count]) => {
    const le = /^footfall_ack_seconds_bucket\{le="([^"]+)"\}$/.exec(name)?.[1];
    return le === undefined ? [] : [{ le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count: count - (before.get(name) ?? 0) }];
  });
  buckets.sort((a, b) => a.le - b.le);
  const all = buckets.at(-1)?.count ?? 0;
  if (all <= 0) return null;
  return (buckets.find(({ count }) => count >= all * quantile)?.le ?? Number.POSITIVE_INFINITY) * 1_000;
}

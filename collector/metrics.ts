/** Prometheus metrics: what came in, what was refused or dropped and why, what commits cost. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** What is read only when somebody looks. */
export interface Readings {
  waiting(): number;
  ahead(): number;
  held(): { requests: number; bytes: number };
  browserCache(): { hits: number; misses: number };
  relinks(): Promise<number>;
}

export function createMetrics({
  waiting = () => 0,
  ahead = () => 0,
  held = () => ({ requests: 0, bytes: 0 }),
  browserCache = () => ({ hits: 0, misses: 0 }),
  relinks = async () => 0,
}: Partial<Readings>) {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  /** Counts in a plain map, handed over when somebody looks: the library's own look-up of a label costs more than storing an event's row. */
  const counter = <L extends string>(name: string, help: string, label: L) => {
    const counts = new Map<string | number, number>();
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of counts) this.inc({ [label]: value } as Record<L, string | number>, count);
      },
    });
    return {
      inc(labels: Record<L, string | number>, by = 1): void {
        const value = labels[label];
        counts.set(value, (counts.get(value) ?? 0) + by);
      },
    };
  };
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  gauge('footfall_submissions_waiting', 'Requests that wait for their commit', waiting);
  gauge('footfall_journal_ahead_bytes', 'Bytes that are acknowledged in the journal and not applied yet', ahead);
  gauge('footfall_held_bytes', 'Bytes of bodies between arriving and being stored', () => held().bytes);
  gauge('footfall_relinks_waiting', 'Spans of browsers whose links wait to be judged again', relinks);
  new Counter({
    name: 'footfall_browser_cache_total',
    help: 'Browsers that events needed, by whether they were in memory',
    labelNames: ['result'],
    registers,
    collect() {
      const { hits, misses } = browserCache();
      this.reset();
      this.inc({ result: 'hit' }, hits);
      this.inc({ result: 'miss' }, misses);
    },
  });
  return {
    registry,
    requests: counter('footfall_collect_requests_total', 'Answers of POST /e by status', 'status'),
    events: counter('footfall_events_total', 'Events by what became of them', 'fate'),
    rejected: counter('footfall_events_rejected_total', 'Events refused, kept in failed_events', 'reason'),
    dropped: counter('footfall_dropped_total', 'Parts of accepted events that were dropped, and events that tags gave up', 'reason'),
    scans: counter('footfall_scans_total', 'Scans by flag (counted: none)', 'flag'),
    acks: new Histogram({
      name: 'footfall_ack_seconds',
      help: 'From the last byte of a batch to its answer',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    commits: new Histogram({
      name: 'footfall_commit_seconds',
      help: 'Duration of commits, fsync included',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    }),
    commitEvents: new Histogram({
      name: 'footfall_commit_events',
      help: 'Events of a commit',
      buckets: [1, 5, 10, 25, 50, 100, 250, 500, 1000],
      registers,
    }),
  };
}

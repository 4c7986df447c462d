/** Prometheus metrics: what came in, what was refused or dropped and why, what commits cost. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(gauges: { waiting: () => number }) {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  new Gauge({
    name: 'footfall_submissions_waiting',
    help: 'Requests that wait for their commit',
    registers,
    collect() {
      this.set(gauges.waiting());
    },
  });
  return {
    registry,
    requests: counter('footfall_collect_requests_total', 'Answers of POST /e by status', ['status']),
    events: counter('footfall_events_total', 'Events by what became of them', ['fate']),
    rejected: counter('footfall_events_rejected_total', 'Events refused, kept in failed_events', ['reason']),
    dropped: counter('footfall_dropped_total', 'Parts of accepted events that were dropped, and events that tags gave up', ['reason']),
    scans: counter('footfall_scans_total', 'Scans by flag (counted: none)', ['flag']),
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

/** What only the scale-out shape measures: publishing, the stream's backlog, and the linkers' work. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Stream } from './jetstream-stream.ts';

export type StreamMetrics = ReturnType<typeof createStreamMetrics>;

/** How long one answer about the stream serves: its three gauges are read together. */
const FRESH_MS = 500;

export function createStreamMetrics(registry: Registry, { state }: Pick<Stream, 'state'>) {
  const registers = [registry];
  let asked_at = Number.NEGATIVE_INFINITY;
  let answer: ReturnType<Stream['state']> = Promise.reject(new Error('not asked yet'));
  answer.catch(() => undefined);

  const gauge = (name: string, help: string, read: (state: Awaited<ReturnType<Stream['state']>>) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        if (performance.now() - asked_at > FRESH_MS) {
          asked_at = performance.now();
          answer = state();
        }
        // A stream that cannot be asked must not hide every other metric.
        this.set(await answer.then(read, () => Number.NaN));
      },
    });
  };
  gauge('footfall_stream_groups', 'Groups that wait in the stream; NaN: it cannot be asked', ({ messages }) => messages);
  gauge('footfall_stream_bytes', 'Bytes that wait in the stream', ({ bytes }) => bytes);
  gauge('footfall_stream_lag_seconds', 'Age of the oldest group in the stream', ({ lag_seconds }) => lag_seconds);
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  return {
    publishes: new Histogram({
      name: 'footfall_publish_seconds',
      help: 'From publishing a group to its acknowledgement by the stream',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    publishedEvents: new Histogram({
      name: 'footfall_publish_events',
      help: 'Events of a published group',
      buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500],
      registers,
    }),
    retries: counter('footfall_publish_retries_total', 'Publishes that were tried again'),
    refusals: counter('footfall_publish_refused_total', 'Groups that the stream did not take', ['reason']),
    partitions: new Gauge({ name: 'footfall_linker_partitions', help: 'Partitions that this linker owns', registers }),
    groups: counter('footfall_linker_groups_total', 'Groups applied and acknowledged by this linker'),
    redeliveries: counter('footfall_linker_redeliveries_total', 'Groups that came again, because their acknowledgement did not arrive'),
    gaps: counter('footfall_stream_gaps_total', 'Acknowledged groups that were not delivered, not even late'),
    takeovers: counter('footfall_linker_takeovers_total', 'Partitions taken from a linker that fell silent'),
    salvaged: counter('footfall_linker_salvaged_total', 'Groups fetched from the stream itself, because it did not deliver them'),
    waits: counter('footfall_linker_store_waits_total', 'Times that a partition waited because the store took nothing'),
  };
}

/** /metrics: what docs/operations.md names is there, and counts what happened. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
let text: string;
beforeAll(async () => {
  server = await startServer({}, { now: START });
  const first = wire('page_view', { event_id: 'm1', time: START });
  await server.post([first, { event_id: 'm2', type: 'BAD', time: START }]);
  await server.post([first]);
  await server.post([wire('page_view', { event_id: 'm3', time: START + 1 })]);
  text = await server.metrics();
});
afterAll(() => server.close());

const value = (series: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1),
  );

test('the documents name each metric of ours, and no other', () => {
  const documents = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const named = new Set([...documents.matchAll(/^\| `(footfall_\w+)` \|/gm)].map((match) => match[1]));
  const served = new Set([...text.matchAll(/^# TYPE (footfall_\w+) /gm)].map((match) => match[1]));
  expect([...served].sort()).toEqual([...named].sort());
});

test('events, refusals, answers and commits are counted', () => {
  expect(value('footfall_events_total{fate="stored"}')).toBe(2);
  expect(value('footfall_events_total{fate="duplicate"}')).toBe(1);
  expect(value('footfall_events_rejected_total{reason="bad_type"}')).toBe(1);
  expect(value('footfall_collect_requests_total{status="200"}')).toBe(1);
  expect(value('footfall_collect_requests_total{status="204"}')).toBe(2);
  expect(value('footfall_ack_seconds_count')).toBe(3);
  expect(value('footfall_commit_events_sum')).toBe(3);
  expect(value('footfall_commit_seconds_sum')).toBeGreaterThan(0);
});

test('queue, memory, cache and lag are read when asked', () => {
  expect(value('footfall_submissions_waiting')).toBe(0);
  expect(value('footfall_held_bytes')).toBe(0);
  expect(value('footfall_relinks_waiting')).toBe(0);
  expect(value('footfall_browser_cache_total{result="miss"}')).toBe(1);
  expect(value('footfall_browser_cache_total{result="hit"}')).toBe(1);
  expect(value('nodejs_eventloop_lag_max_seconds')).toBeGreaterThanOrEqual(0);
});

/** Two collectors, three NATS servers, two linkers and PostgreSQL under load, while each kind of part is killed and frozen in turn. */
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgres } from '../../../collector/store/postgres.ts';
import { pause } from '../faults/process.ts';
import { type Parts, startParts } from './parts.ts';
import { linksOf, startVisitors } from './visitors.ts';

/** `npm run faults` asks for many rounds: then outages are long. */
const LONG = Number(process.env['FAULT_ROUNDS'] ?? 0) > 10;
const seconds = (short: number, long: number): Promise<void> => pause((LONG ? long : short) * 1_000);

let parts: Parts;
beforeAll(async () => {
  parts = await startParts();
});
afterAll(() => parts.stop());

type Fault = [name: string, serves: boolean, make: (parts: Parts) => Promise<void>];

/** `serves`: no request may be refused meanwhile; else those that are get 503, and are taken later. */
const FAULTS: readonly Fault[] = [
  ['nothing', true, () => seconds(5, 5)],
  [
    'collectors restarted in turn',
    false,
    async ({ collectors }) => {
      for (const collector of collectors) {
        expect(await collector.stop()).toBe(0);
        await collector.start();
      }
    },
  ],
  [
    'a collector killed',
    false,
    async ({ collectors: [one] }) => {
      one.signal('SIGKILL');
      await seconds(1, 5);
      await one.start();
    },
  ],
  [
    'a collector frozen',
    false,
    async ({ collectors: [, one] }) => {
      one.signal('SIGSTOP');
      await seconds(2, 20);
      one.signal('SIGCONT');
    },
  ],
  [
    'a linker killed',
    true,
    async ({ linkers: [one] }) => {
      one.signal('SIGKILL');
      await seconds(1, 15);
      await one.start();
    },
  ],
  [
    'a linker frozen, until it was taken for dead',
    true,
    async ({ linkers: [, one] }) => {
      one.signal('SIGSTOP');
      await seconds(9, 20);
      one.signal('SIGCONT');
      await seconds(1, 5);
    },
  ],
  [
    'a NATS server killed',
    false,
    async ({ nats: { nodes } }) => {
      nodes[0]?.signal('SIGKILL');
      await seconds(3, 15);
      nodes[0]?.start();
      await seconds(2, 10);
    },
  ],
  [
    'a NATS server frozen',
    false,
    async ({ nats: { nodes } }) => {
      nodes[1]?.signal('SIGSTOP');
      await seconds(5, 20);
      nodes[1]?.signal('SIGCONT');
      await seconds(2, 10);
    },
  ],
  [
    'PostgreSQL killed',
    true,
    async ({ postgres, signalPostgres }) => {
      signalPostgres('SIGKILL');
      await seconds(8, 60);
      await postgres.restart();
    },
  ],
  [
    'PostgreSQL frozen',
    true,
    async ({ signalPostgres }) => {
      signalPostgres('SIGSTOP');
      await seconds(4, 40);
      signalPostgres('SIGCONT');
    },
  ],
  [
    'two of three NATS servers killed',
    false,
    async ({ nats: { nodes } }) => {
      for (const node of nodes.slice(1)) node.signal('SIGKILL');
      await seconds(4, 20);
      for (const node of nodes.slice(1)) node.start();
      await seconds(4, 10);
    },
  ],
];

test('nothing acknowledged is lost or doubled, and the links are the pure function of what was sent', { timeout: 900_000 }, async () => {
  const visitors = startVisitors(parts.collectors.map(({ url }) => url));
  const report: object[] = [];
  const phases: { fault: string; from: number }[] = [];
  for (const [fault, serves, make] of FAULTS) {
    // What the fault before it held up counts there.
    while (visitors.oldest() > 1_000) await new Promise((resolve) => setTimeout(resolve, 100));
    visitors.phase();
    phases.push({ fault, from: visitors.acknowledged.length });
    const started = performance.now();
    await make(parts);
    const { acknowledged, answers, slowest_ms } = visitors.phase();
    const { 204: taken = 0, ...refused } = answers;
    report.push({
      fault,
      s: Math.round((performance.now() - started) / 1_000),
      acknowledged,
      refused: JSON.stringify(refused),
      slowest_ms,
    });
    expect(Object.keys(refused), `${fault}: only 503, or no answer`).toEqual(
      Object.keys(refused).filter((status) => /^(?:503|error)$/.test(status)),
    );
    if (serves) expect(refused, `${fault}: nobody is refused`).toEqual({});
    if (serves) expect(taken, `${fault}: collecting goes on`).toBeGreaterThan(50);
  }
  expect(await visitors.stop(), 'batches that were never taken').toBe(0);
  console.table(report);
  const drained = await atRest(parts);

  const store = await openPostgres(parts.postgres.url);
  const ids = new Map<string, number>();
  for (let after = 0; ; ) {
    const page = await store.queries.events({}, after, 1_000);
    for (const { event_id } of page) ids.set(event_id, (ids.get(event_id) ?? 0) + 1);
    after = page.at(-1)?.event_pk ?? 0;
    if (page.length === 0) break;
  }
  const rows: Told[] = [];
  for await (const row of store.queries.allLinks({ bots: true })) rows.push(row);
  const failed = await store.queries.failed(0, 10);
  await store.close();

  const sent = visitors.acknowledged;
  const missing = sent.flatMap(({ event_id }, n) => (ids.has(event_id) ? [] : [n]));
  for (const n of missing)
    console.error(`lost: ${sent[n]?.event_id}, acknowledged during: ${phases.filter(({ from }) => from <= n).at(-1)?.fault}`);
  const lost = missing.length;
  const doubled = [...ids.values()].filter((count) => count > 1).length;
  const expected = linksOf(sent);
  const [told, reference] = [rows.map(line).sort(), expected.map(line).sort()];
  const wrong = told.filter((row) => !reference.includes(row)).length;
  console.info(
    `cluster: ${sent.length} events acknowledged, lost ${lost}, doubled ${doubled}; ${told.length} links, ${wrong} not as the reference says; ` +
      `at rest ${Math.round(drained / 100) / 10} s after the load`,
  );
  expect({ lost, doubled, unknown: ids.size - sent.length, failed }).toEqual({ lost: 0, doubled: 0, unknown: 0, failed: [] });
  expect(told).toEqual(reference);
  expect(new Set(rows.map(({ status }) => status)).size, 'linked, anonymous, ambiguous, …').toBeGreaterThan(3);
  const gaps = await Promise.all(parts.linkers.map((linker) => linker.metric('footfall_stream_gaps_total')));
  expect(gaps).toEqual([0, 0]);
});

/** Resolves with how long it took until the stream was empty and no session waited to be judged again. */
async function atRest(parts: Parts): Promise<number> {
  const [linker] = parts.linkers;
  const started = performance.now();
  for (let quiet = 0; quiet < 3; ) {
    if (performance.now() - started > 120_000) throw new Error(`the linkers do not come to rest:\n${await stateOf(parts)}`);
    const answers = (await linker.metric('footfall_linker_partitions')) > 0;
    const [groups, relinks] = await Promise.all([linker.metric('footfall_stream_groups'), linker.metric('footfall_relinks_waiting')]);
    quiet = answers && groups === 0 && relinks === 0 ? quiet + 1 : 0;
    await pause(300);
  }
  return performance.now() - started;
}

/** What hangs, for whoever reads the failure. */
async function stateOf({ linkers, nats }: Parts): Promise<string> {
  const nc = await nats.connect();
  const jsm = await jetstreamManager(nc);
  const consumers = [];
  for await (const { name, num_pending, num_ack_pending, num_waiting, cluster } of jsm.consumers.list('footfall'))
    consumers.push({ name, num_pending, num_ack_pending, num_waiting, leader: cluster?.leader });
  await nc.close();
  const metrics = await Promise.all(
    linkers.map(async ({ url }) => {
      const text = await fetch(`${url}/metrics`)
        .then((answer) => answer.text())
        .catch(String);
      return text.split('\n').filter((line) => /^footfall_(?:linker|stream|relinks|submissions)/.test(line));
    }),
  );
  return JSON.stringify({ consumers, metrics }, null, 1);
}

interface Told {
  anonymous_id: string;
  session_id: string;
  segment: number;
  status: string;
  customer_id: string | null;
  person_id: string | null;
  rule: string | null;
  evidence_event_id: string | null;
  owners: number;
  events: number;
}

function line({
  anonymous_id,
  session_id,
  segment,
  status,
  customer_id,
  person_id,
  rule,
  evidence_event_id,
  owners,
  events,
}: Told): string {
  return [anonymous_id, session_id, segment, status, customer_id, person_id, rule, evidence_event_id, owners, events].join(' ');
}

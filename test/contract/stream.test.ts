/** A whole collector with a stream before its store: what an operator sees of it, and what is said when something is wrong with it. */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsCluster, type NatsNode, startNats } from '../../bench/harness/nats.ts';
import type { Patience } from '../../collector/collector.ts';
import type { Config } from '../../collector/config.ts';
import { startServer, type TestServer, wire } from '../collector/server.ts';

let nats: NatsCluster;
let folder: string;
const open: TestServer[] = [];
beforeAll(async () => {
  nats = await startNats({ servers: 1, credentials: 'footfall:secret', config: 'authorization { user: footfall, password: secret }' });
  folder = mkdtempSync(join(tmpdir(), 'footfall-stream-'));
});
afterAll(async () => {
  for (const server of open) await server.close();
  await nats.stop();
  rmSync(folder, { recursive: true });
});

async function serve(nats_stream: string, settings: Partial<Config> = {}, patience: Partial<Patience> = {}): Promise<TestServer> {
  const data_dir = join(folder, nats_stream);
  const clock = { now: Date.now() };
  const server = await startServer({ nats_url: nats.url, nats_stream, partitions: 4, data_dir, ...settings }, clock, patience);
  open.push(server);
  return server;
}

async function close(server: TestServer): Promise<void> {
  open.splice(open.indexOf(server), 1);
  await server.close();
}

async function refusal(starting: Promise<TestServer>): Promise<string> {
  return starting.then(
    () => 'it started',
    (error: Error) => error.message,
  );
}

async function eventually<T>(ask: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const value = await ask();
    if (good(value) || tries > 300) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const page = (event_id: string, anonymous_id = 'B1') => wire('page_view', { event_id, anonymous_id, time: Date.now() });
const metricsOf = async ({ url }: TestServer): Promise<string> => (await fetch(`${url}/metrics`)).text();

test('events, scans and logins that were published are linked, and each metric of the stream is documented', async () => {
  const server = await serve('whole');
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect((await server.post([page('w1'), { ...page('w2'), type: 'BAD' }])).status).toBe(200);
  expect((await server.post([{ ...wire('login', { event_id: 'w3', time: Date.now() }), customer_id: 'C1' }])).status).toBe(204);
  const [link] = await eventually(
    () => server.links(),
    ([one]) => one?.status === 'linked',
  );
  expect(link).toMatchObject({ customer_id: 'C1', events: 2, rule: 'session', evidence_event_id: 'w3' });
  const { body } = await server.send<{ failed: { reason: string }[] }>('GET', '/v1/failed');
  expect(body.failed.map(({ reason }) => reason)).toEqual(['bad_type']);

  const text = await eventually(
    () => metricsOf(server),
    (said) => /^footfall_stream_groups 0$/m.test(said) && /^footfall_linker_partitions 4$/m.test(said),
  );
  expect(text).toMatch(/^footfall_events_total\{fate="published"\} 2$/m);
  expect(text).toMatch(/^footfall_events_total\{fate="stored"\} 2$/m);
  expect(text).toMatch(/^footfall_stream_groups 0$/m);
  expect(text).toMatch(/^footfall_linker_partitions 4$/m);
  const named = [...readFileSync('docs/scaling.md', 'utf8').matchAll(/^\| `(footfall_(?:stream|linker|publish)\w+)` \|/gm)].map(
    ([, name]) => name,
  );
  const served = [...text.matchAll(/^# TYPE (footfall_(?:stream|linker|publish)\w+) /gm)].map(([, name]) => name);
  expect(served.sort()).toEqual(named.sort());
  await close(server);
});

test('an import and a decision go to the store itself, and say what became of them', async () => {
  const server = await serve('direct');
  const line = JSON.stringify({ ...wire('login', { event_id: 'd1', time: Date.now() }), customer_id: 'C7', site: 'demo' });
  const { body } = await server.send<{ accepted: number; duplicate: number }>('POST', '/v1/import', JSON.parse(line) as object);
  expect(body).toMatchObject({ accepted: 1, duplicate: 0 });
  const decided = await server.send<{ changed: number }>('POST', '/v1/decisions', { type: 'kiosk', anonymous_id: 'B1', reason: 'a till' });
  expect(decided.status).toBe(201);
  await close(server);
});

test('an erasure waits for what stands in the stream, and is refused where that takes too long', async () => {
  const server = await serve('erased', {}, { erase: 300 });
  const login = (n: number) => ({ ...wire('login', { event_id: `e${n}`, anonymous_id: `E${n}`, time: Date.now() }), customer_id: 'C9' });
  await server.post([login(1)]);
  await eventually(
    () => server.links('customer_id=C9'),
    (links) => links.length === 1,
  );
  const erasing = () => server.send<{ title: string }>('DELETE', '/v1/customers/C9?site=demo');
  await server.store.write(async () => {
    expect((await server.post([login(2)])).status).toBe(204);
    const refused = await erasing();
    expect([refused.status, refused.body.title]).toEqual([503, expect.stringContaining('not all stored yet')]);
  });
  expect(await eventually(erasing, ({ status }) => status !== 503)).toMatchObject({ status: 200, body: { report: { events: 2 } } });
  expect(await server.links('customer_id=C9')).toEqual([]);
  await close(server);
});

test.each([
  ['credentials', () => ({ nats_url: nats.url.replace('secret', 'guess') }), /^NATS_URL: the server refused these credentials$/],
  ['no server', () => ({ nats_url: 'nats://127.0.0.1:9' }), /^NATS_URL: no server answers at 127\.0\.0\.1:9 \(/],
  ['more replicas than servers', () => ({ nats_replicas: 3 }), /^NATS_URL: JetStream is not usable there \(.*replicas.*\)$/],
])('wrong %s stop the start with one line, without the password', async (name, settings, message) => {
  const said = await refusal(serve(name.replaceAll(' ', '-'), settings()));
  expect(said).toMatch(message);
  expect(said).not.toMatch(/secret|guess/);
});

test('other partitions than the stream has, and a stream that is not ours, stop the start', async () => {
  await close(await serve('parts'));
  expect(await refusal(serve('parts', { partitions: 8 }))).toMatch(/^NATS_STREAM=parts: it has 4 partitions, PARTITIONS says 8/);
  const nc = await nats.connect();
  await (await jetstreamManager(nc)).streams.add({ name: 'theirs', subjects: ['theirs.>'] });
  await nc.close();
  expect(await refusal(serve('theirs'))).toMatch(/^NATS_STREAM=theirs: a stream of this name exists and is not ours/);
});

test('a stream that is lost is not made again: 503 now, and a start that says so', async () => {
  const server = await serve('lost');
  expect((await server.post([page('l1')])).status).toBe(204);
  const nc = await nats.connect();
  await (await jetstreamManager(nc)).streams.delete('lost');
  const refused = await server.post([page('l2')]);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
  expect(await metricsOf(server)).toMatch(/^footfall_stream_groups Nan$/im);
  await close(server);
  expect(await refusal(serve('lost'))).toMatch(/^NATS_STREAM=lost: this stream was there and is gone, .* remove .*stream\.json$/);
  rmSync(join(folder, 'lost', 'stream.json'));
  const again = await serve('lost');
  expect((await again.post([page('l3')])).status).toBe(204);
  await close(again);
  await nc.close();
});

test('a full stream answers 507, keeps what it has, and takes events again once linkers made room', async () => {
  // Nobody takes anything from it, as when every linker is down.
  const nc = await nats.connect();
  const jsm = await jetstreamManager(nc);
  const server = await serve('full', { nats_max_bytes: 60_000 });
  await eventually(
    () => jsm.consumers.list('full').next(),
    (list) => list.length === 4,
  );
  await server.store.write(async () => {
    // The store is busy for as long as this transaction lasts: nothing is applied.
    const sent: number[] = [];
    for (let n = 0; n < 60 && !sent.includes(507); n += 1)
      sent.push((await server.post([{ ...page(`f${n}`, `B${n}`), props: { note: 'x'.repeat(2_000) } }])).status);
    expect(sent.filter((status) => status === 204).length).toBeGreaterThan(10);
    const refused = await server.post([{ ...page('f-late'), props: { note: 'x'.repeat(2_000) } }]);
    expect([sent.at(-1), refused.status, refused.headers.get('retry-after')]).toEqual([507, 507, '5']);
    acknowledged = sent.filter((status) => status === 204).length;
  });
  const status = await eventually(
    async () => (await server.post([page('f-after')])).status,
    (answer) => answer === 204,
  );
  expect(status).toBe(204);
  const ids = await eventually(
    async () => (await server.store.queries.events({}, 0, 1_000)).map(({ event_id }) => event_id),
    // Other partitions than that of the last event may still be at it.
    (list) => list.includes('f-after') && list.length > acknowledged,
  );
  expect(ids.length).toBe(acknowledged + 1);
  await close(server);
  await nc.close();
});
let acknowledged = 0;

test.each([
  ['nothing else comes', false],
  ['others keep coming', true],
])(
  'groups that the stream keeps and no longer delivers are fetched from it, and count once: %s',
  { timeout: 90_000 },
  async (name, busy) => {
    const own = await startNats({ servers: 1 });
    const [node] = own.nodes as [NatsNode];
    const restart = async (meanwhile: () => void): Promise<void> => {
      await node.stop();
      meanwhile();
      node.start();
      await own.ready();
    };
    const [kept, copy] = [node.groupsOf('forgotten'), join(folder, name)];

    const collector = await serve('forgotten', { nats_url: own.url, role: 'collector', data_dir: join(folder, `${name}: publishes`) });
    const events = Array.from({ length: 12 }, (_, n) => page(`f${n}`, `B${n}`));
    for (const event of events) expect((await collector.post([event])).status).toBe(204);
    await close(collector);
    await restart(() => cpSync(kept, copy, { recursive: true }));

    const linker = await serve('forgotten', { nats_url: own.url, data_dir: join(folder, `${name}: links`) });
    const stored = async (): Promise<string[]> =>
      (await linker.store.queries.events({}, 0, 10_000)).map(({ event_id }) => event_id).filter((event_id) => event_id.startsWith('f'));
    const value = async (metric: string): Promise<number> =>
      Number(new RegExp(`^${metric} (\\S+)$`, 'm').exec(await metricsOf(linker))?.[1] ?? Number.NaN);
    expect((await eventually(stored, ({ length }) => length === 12)).sort()).toEqual(events.map(({ event_id }) => event_id).sort());
    expect(
      await eventually(
        () => value('footfall_stream_groups'),
        (count) => count === 0,
      ),
    ).toBe(0);

    // The stream has its groups again, while its consumers remember that they were acknowledged.
    await restart(() => {
      rmSync(kept, { recursive: true });
      cpSync(copy, kept, { recursive: true });
    });
    let others = 0;
    const another = (): void => {
      others += 1;
      void linker.post([page(`o${others}`, `B${others % 12}`)]);
    };
    const traffic = busy ? setInterval(another, 100) : undefined;
    // Among others, one that is acknowledged in that moment may be taken for passed over, and one published twice.
    const expected = busy ? expect.toSatisfy((count: number) => count >= 12, 'at least 12') : 12;
    expect(
      await eventually(
        () => value('footfall_linker_salvaged_total'),
        (count) => count >= 12,
      ),
    ).toEqual(expected);
    clearInterval(traffic);
    expect(
      await eventually(
        () => value('footfall_stream_groups'),
        (count) => count === 0,
      ),
    ).toBe(0);
    expect(await value('footfall_events_total\\{fate="duplicate"\\}')).toEqual(expected);
    expect((await stored()).length).toBe(12);
    if (busy) expect(others).toBeGreaterThan(20);
    await close(linker);
    await own.stop();
  },
);

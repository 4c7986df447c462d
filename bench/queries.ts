/** What analysts and marketing read from a full store: exports, profiles, timelines, changes; and what that costs acknowledgements. */
import { Agent, get } from 'node:http';
import { batch, pageView } from './harness/bodies.ts';
import { fill, shops, tokenOf } from './harness/fill.ts';
import { type Figures, median, sendLoad } from './harness/load.ts';
import { type BenchServer, machine, startProcess } from './harness/servers.ts';

/** Events stored; `QUERY_EVENTS` names another number. */
const EVENTS = Number(process.env['QUERY_EVENTS'] ?? 1_000_000);
const ROUNDS = 3;
const CUSTOMERS = 300;
/** How often each is asked for again. */
const AGAIN = 10;
const FORMATS = ['csv', 'ndjson', 'parquet'] as const;

interface Export {
  rows_per_s: number;
  seconds: number;
  /** Memory of the server while it answered, at most. */
  peak_rss_mb: number;
}

interface Latency {
  p50_ms: number;
  p99_ms: number;
}

interface Compared<T> {
  scenario: string;
  ours: T;
  floor: T;
  ratio: number;
  rounds: number;
}

type Acks = Pick<Figures, 'requests_per_s' | 'p50_ms' | 'p99_ms'>;

interface Result extends Compared<Export> {
  events: number;
  links: number;
  exports: Compared<Export>[];
  reads: Compared<Latency>[];
  /** Page views at a steady rate, alone and while one CSV export follows another. */
  acks: { alone: Acks; beside_exports: Acks; exports_per_minute: number };
  machine: object;
}

export async function run(): Promise<Result> {
  const first = await startProcess('ours');
  await fill(first, shops(), EVENTS);
  // What is asked first after a start finds nothing in the collector's own memory.
  const server = await first.restart();
  const floor = await startProcess('reads', server.data_dir);
  const headers = { authorization: `Bearer ${tokenOf(server)}` };
  const customers = await namedCustomers(server, headers);
  const cold = await reads('first asked after a start', server, floor, customers, headers);
  const again = Array.from({ length: AGAIN }, () => customers).flat();
  const hot = await reads('asked again', server, floor, again, headers);
  const exports: Compared<Export>[] = [];
  for (const format of FORMATS) exports.push(await compareExports(format, server, floor, headers));
  const acks = await acknowledgements(server, headers);
  await floor.stop();
  await server.stop();
  const [main] = exports as [Compared<Export>];
  const links = Math.round(main.ours.rows_per_s * main.ours.seconds);
  return { ...main, scenario: 'queries', events: EVENTS, links, exports, reads: [...cold, ...hot], acks, machine: machine() };
}

/** Customers spread over all that have a link. */
async function namedCustomers(server: BenchServer, headers: Record<string, string>): Promise<string[]> {
  const text = await (await fetch(`${server.url}/v1/links?format=ndjson&status=linked`, { headers })).text();
  const lines = text.trim().split('\n');
  const ids = [...new Set(lines.map((line) => (JSON.parse(line) as { customer_id: string }).customer_id))];
  const step = Math.max(1, Math.floor(ids.length / CUSTOMERS));
  return ids.filter((_, index) => index % step === 0).slice(0, CUSTOMERS);
}

async function reads(
  when: string,
  server: BenchServer,
  floor: BenchServer,
  customers: readonly string[],
  headers: Record<string, string>,
): Promise<Compared<Latency>[]> {
  const places = await placesInFeed(server, headers);
  const place = (n: number): FeedPlace => places[n % places.length] ?? { cursor: '', position: 0 };
  const kinds: { name: string; ours: (index: number) => string; floor: (index: number) => string }[] = [
    {
      name: 'profile',
      ours: (n) => `/v1/customers/${encodeURIComponent(customers[n] ?? '')}?site=demo`,
      floor: (n) => `/profile?of=${encodeURIComponent(customers[n] ?? '')}`,
    },
    {
      name: 'timeline',
      ours: (n) => `/v1/customers/${encodeURIComponent(customers[n] ?? '')}/timeline?site=demo&limit=100`,
      floor: (n) => `/timeline?of=${encodeURIComponent(customers[n] ?? '')}`,
    },
    {
      name: '100 changes since a cursor',
      ours: (n) => `/v1/links/changes?since=${place(n).cursor}&limit=100`,
      floor: (n) => `/changes?of=${place(n).position}`,
    },
  ];
  const results: Compared<Latency>[] = [];
  for (const kind of kinds) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let n = 0; n < customers.length; n += 1) {
      ours.push(await timed(`${server.url}${kind.ours(n)}`, headers));
      theirs.push(await timed(`${floor.url}${kind.floor(n)}`, {}));
    }
    results.push({
      scenario: `${kind.name}, ${when}`,
      ours: latency(ours),
      floor: latency(theirs),
      ratio: rounded(median(theirs) / median(ours)),
      rounds: customers.length,
    });
  }
  return results;
}

interface FeedPlace {
  cursor: string;
  position: number;
}

/** Places all over the change feed, as a consumer comes by them. */
async function placesInFeed(server: BenchServer, headers: Record<string, string>): Promise<FeedPlace[]> {
  const places: FeedPlace[] = [];
  for (let since = ''; places.length < CUSTOMERS; ) {
    const answer = await fetch(`${server.url}/v1/links/changes?limit=1000${since && `&since=${since}`}`, { headers });
    const { changes, next_cursor } = (await answer.json()) as { changes: { position: number }[]; next_cursor: string };
    const last = changes.at(-1);
    // The end of the feed has no hundred changes after it.
    if (!last || changes.length < 1_000) break;
    places.push({ cursor: next_cursor, position: last.position });
    since = next_cursor;
  }
  return places;
}

/** One connection that stays open, as a shop's backend has. `fetch` alone would take as long as what is measured. */
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function timed(url: string, headers: Record<string, string>): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    get(url, { headers, agent }, (answer) => {
      answer.on('end', () => resolve(performance.now() - began)).resume();
      if (answer.statusCode !== 200) reject(new Error(`${url}: ${answer.statusCode}`));
    }).on('error', reject);
  });
}

async function compareExports(
  format: string,
  server: BenchServer,
  floor: BenchServer,
  headers: Record<string, string>,
): Promise<Compared<Export>> {
  const rows = await countRows(`${server.url}/v1/links?format=csv&bots=include`, headers);
  const [ours, theirs]: [Export[], Export[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    ours.push(await exported(server, `/v1/links?format=${format}&bots=include`, headers, rows));
    // Nothing is plainer than text: Parquet is held against it as well.
    theirs.push(await exported(floor, `/?of=${format === 'ndjson' ? format : 'csv'}`, {}, rows));
  }
  return {
    scenario: `all links as ${format}`,
    ours: middle(ours),
    floor: middle(theirs),
    ratio: rounded(median(ours.map((one, index) => one.rows_per_s / (theirs[index]?.rows_per_s ?? 1)))),
    rounds: ROUNDS,
  };
}

async function countRows(url: string, headers: Record<string, string>): Promise<number> {
  const text = await (await fetch(url, { headers })).text();
  return text.trim().split('\n').length - 1;
}

async function exported(server: BenchServer, path: string, headers: Record<string, string>, rows: number): Promise<Export> {
  let peak = server.rss();
  const watch = setInterval(() => {
    peak = Math.max(peak, server.rss());
  }, 20);
  const began = performance.now();
  const answer = await fetch(`${server.url}${path}`, { headers });
  if (!answer.ok || !answer.body) throw new Error(`${path}: ${answer.status}`);
  for await (const _ of answer.body) peak = Math.max(peak, 0);
  const seconds = (performance.now() - began) / 1_000;
  clearInterval(watch);
  return { rows_per_s: Math.round(rows / seconds), seconds: rounded(seconds), peak_rss_mb: Math.round(peak) };
}

async function acknowledgements(server: BenchServer, headers: Record<string, string>): Promise<Result['acks']> {
  let at = 0;
  const load = async (): Promise<Acks> => {
    const bodies = Array.from({ length: 40_000 }, () => batch([pageView(at++, at % 20_000)]));
    const { requests_per_s, p50_ms, p99_ms } = await sendLoad(server, {
      bodies,
      path: '',
      events_per_request: 1,
      seconds: 5,
      delay_ms: 12,
    });
    return { requests_per_s, p50_ms, p99_ms };
  };
  await load();
  const alone = await load();
  let done = false;
  let exports = 0;
  const began = performance.now();
  const exporting = (async () => {
    for (; !done; exports += 1) await exported(server, '/v1/links?format=csv&bots=include', headers, 0);
  })();
  const beside_exports = await load();
  done = true;
  await exporting;
  return { alone, beside_exports, exports_per_minute: Math.round((exports / (performance.now() - began)) * 60_000) };
}

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

function latency(values: readonly number[]): Latency {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 100) / 100;
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

function middle(rounds: readonly Export[]): Export {
  const of = (name: keyof Export): number => median(rounds.map((one) => one[name]));
  return { rows_per_s: of('rows_per_s'), seconds: of('seconds'), peak_rss_mb: Math.max(...rounds.map((one) => one.peak_rss_mb)) };
}

export function table({ events, links, exports, reads: lookups, acks }: Result): string {
  return [
    `${events.toLocaleString('en')} events stored, ${links.toLocaleString('en')} links.`,
    '',
    '| | rows/s | seconds | peak RSS MB | floor rows/s | seconds | ratio |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...exports.map(
      ({ scenario, ours, floor, ratio }) =>
        `| ${scenario} | ${ours.rows_per_s} | ${ours.seconds} | ${ours.peak_rss_mb} | ${floor.rows_per_s} | ${floor.seconds} | ${ratio} |`,
    ),
    '',
    '| | p50 ms | p99 ms | floor p50 ms | p99 ms | ratio |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lookups.map(
      ({ scenario, ours, floor, ratio }) =>
        `| ${scenario} | ${ours.p50_ms} | ${ours.p99_ms} | ${floor.p50_ms} | ${floor.p99_ms} | ${ratio} |`,
    ),
    '',
    '| acknowledgements | requests/s | p50 ms | p99 ms |',
    '| --- | --- | --- | --- |',
    `| alone | ${acks.alone.requests_per_s} | ${acks.alone.p50_ms} | ${acks.alone.p99_ms} |`,
    `| beside ${acks.exports_per_minute} CSV exports a minute | ${acks.beside_exports.requests_per_s} | ${acks.beside_exports.p50_ms} | ${acks.beside_exports.p99_ms} |`,
  ].join('\n');
}

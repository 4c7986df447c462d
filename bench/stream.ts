/** How soon a login is a message of the stream, and a link of the API: beside a steady load of page views. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { openStream } from '../test/collector/event-source.ts';
import { batch, pageView } from './harness/bodies.ts';
import { machine, startProcess } from './harness/servers.ts';

/** Page views a second beside the logins; `STREAM_LOAD` names others. */
const LOADS = (process.env['STREAM_LOAD'] ?? '0,5000,10000').split(',').map(Number);
const LOGINS = 300;
const GAP_MS = 25;
const TICK_MS = 10;
/** Page views of one request. */
const EVENTS = 5;
/** Page views of one session. */
const VIEWS = 10;

interface Latency {
  page_views_per_s: number;
  logins: number;
  message_p50_ms: number;
  message_p99_ms: number;
  link_p50_ms: number;
  link_p99_ms: number;
}

export async function run(): Promise<{ scenario: string; levels: Latency[]; machine: object }> {
  const server = await startProcess('ours');
  const token = readFileSync(join(server.data_dir, 'admin-token'), 'utf8').trim();
  const levels: Latency[] = [];
  for (const load of LOADS) levels.push(await measure(server.url, token, load));
  await server.stop();
  return { scenario: 'stream', levels, machine: machine() };
}

async function measure(url: string, token: string, load: number): Promise<Latency> {
  const source = await openStream(`${url}/v1/stream?types=upsert`, token);
  const sent = new Map<string, number>();
  const [messages, links]: [number[], number[]] = [[], []];
  const reading = (async () => {
    for await (const { data } of source.messages) {
      const began = sent.get(data.link?.session_id ?? '');
      if (began === undefined || data.link?.status !== 'linked') continue;
      messages.push(performance.now() - began);
      if (messages.length === LOGINS) return;
    }
  })();
  const stop = steady(url, load);
  await new Promise((resolve) => setTimeout(resolve, 500));
  for (let n = 0; n < LOGINS; n += 1) {
    const id = `login-${load}-${n}`;
    const began = performance.now();
    sent.set(id, began);
    const login = { event_id: id, type: 'login', time: Date.now(), anonymous_id: id, session_id: id, customer_id: id };
    await fetch(`${url}/e`, { method: 'POST', body: batch([login]) });
    const answer = await fetch(`${url}/v1/links?session_id=${id}`, { headers: { authorization: `Bearer ${token}` } });
    if (((await answer.json()) as { links: unknown[] }).links.length !== 1) throw new Error('an acknowledged login is no link');
    links.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, GAP_MS));
  }
  await reading;
  source.close();
  const page_views_per_s = await stop();
  const [m, l] = [messages, links].map(percentiles) as [Percentiles, Percentiles];
  return { page_views_per_s, logins: LOGINS, message_p50_ms: m.p50, message_p99_ms: m.p99, link_p50_ms: l.p50, link_p99_ms: l.p99 };
}

/** Sends so many page views a second, whatever the answers take. Answers how to end it, which says how many were stored a second. */
function steady(url: string, perSecond: number): () => Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const began = performance.now();
  let [sent, stored] = [0, 0];
  const timer = setInterval(() => {
    const due = ((performance.now() - began) / 1_000) * perSecond;
    for (; sent + EVENTS <= due; sent += EVENTS) {
      const body = batch(Array.from({ length: EVENTS }, (_, i) => pageView(sent + i, Math.floor((sent + i) / VIEWS))));
      const req = request(`${url}/e`, { method: 'POST', agent }, (res) => {
        if (res.resume().statusCode === 204) stored += EVENTS;
      });
      req.on('error', () => undefined).end(body);
    }
  }, TICK_MS);
  return async () => {
    clearInterval(timer);
    const rate = Math.round(stored / ((performance.now() - began) / 1_000));
    agent.destroy();
    return rate;
  };
}

interface Percentiles {
  p50: number;
  p99: number;
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99) };
}

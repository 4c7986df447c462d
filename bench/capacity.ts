/** What each stage of the scale-out shape costs, and whether the model made of these costs foretells the whole under load. */
import { readdirSync, readFileSync } from 'node:fs';
import { jetstreamManager } from '@nats-io/jetstream';
import { startCluster } from '../test/postgres.ts';
import { batch, pageView } from './harness/bodies.ts';
import { cpuFor, needsAt, type StageCosts } from './harness/capacity-model.ts';
import { sendLoad } from './harness/load.ts';
import { startNats } from './harness/nats.ts';
import { type BenchServer, machine, startProcess } from './harness/servers.ts';

const EVENTS_PER_REQUEST = 5;
/** Bodies are made ahead: more than any machine takes. */
const MOST_PER_S = 40_000;
const PUBLISHING_SECONDS = 4;
const BROWSERS = 4_000;
const MIXED_SECONDS = 10;
const ASSUMED = { utilisation: 0.6, bytes_per_event: 400 };

export async function run(): Promise<object> {
  const [nats, postgres] = await Promise.all([startNats(), startCluster({ fsync: true })]);
  const env = { NATS_URL: nats.url, DATABASE_URL: postgres.url };
  const nc = await nats.connect();
  const start = (role: string): Promise<BenchServer> => startProcess('ours', undefined, { ...env, ROLE: role });
  const collector = await start('collector');
  const jsm = await jetstreamManager(nc);
  const groupsLeft = async (): Promise<number> => (await jsm.streams.info('footfall')).state.messages;
  const streamCpu = (): number => nats.nodes.reduce((sum, { pid }) => sum + cpuOf(pid()), 0);
  const storeCpu = (): number => treeCpu(postgres.process.pid ?? 0);
  let made = 0;
  const send = async (seconds: number): Promise<number> => {
    const bodies = Array.from({ length: (seconds * MOST_PER_S) / EVENTS_PER_REQUEST }, () => {
      const browser = Math.floor(Math.random() * BROWSERS);
      return batch(Array.from({ length: EVENTS_PER_REQUEST }, () => pageView(made++, browser)));
    });
    const { events_per_s } = await sendLoad(collector, { bodies, path: '', events_per_request: EVENTS_PER_REQUEST, seconds });
    return events_per_s * seconds;
  };

  // Warm, and applied before anything is measured.
  const linker = await start('linker');
  await send(2);
  await until(async () => (await groupsLeft()) === 0);

  // Servers that have nothing to do still beat, ask and elect.
  const rest = async (used: () => number): Promise<number> => {
    const from = used();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    return (used() - from) / 4;
  };
  const every = (): number => collector.cpu() + linker.cpu() + streamCpu() + storeCpu();
  const [idle, stream_idle] = await Promise.all([rest(every), rest(streamCpu)]);
  await linker.stop();

  // Publishing alone.
  let [mine, theirs, started] = [collector.cpu(), streamCpu(), performance.now()];
  const published = await send(PUBLISHING_SECONDS);
  const collect = perEvent(collector.cpu() - mine, published);
  const stream_in = perEvent(streamCpu() - theirs - stream_idle * secondsSince(started), published);

  // Applying alone.
  const second = await start('linker');
  const all = await groupsLeft();
  await until(async () => (await groupsLeft()) < all);
  const begun = await groupsLeft();
  [mine, theirs, started] = [second.cpu(), streamCpu(), performance.now()];
  const stored = storeCpu();
  await until(async () => (await groupsLeft()) === 0);
  const applied = (published * begun) / all;
  const took = secondsSince(started);
  const costs: StageCosts = {
    collect,
    stream: stream_in + perEvent(streamCpu() - theirs - stream_idle * took, applied),
    link: perEvent(second.cpu() - mine, applied),
    store: perEvent(storeCpu() - stored, applied),
  };

  // Both at once, as in earnest: what does the model say of the CPU that they need?
  const used = (): number => collector.cpu() + second.cpu() + streamCpu() + storeCpu();
  const before = used();
  started = performance.now();
  const mixed = await send(MIXED_SECONDS);
  await until(async () => (await groupsLeft()) === 0);
  const measured = used() - before;
  const foretold = cpuFor({ published: mixed, applied: mixed }, costs) + idle * secondsSince(started);

  for (const server of [collector, second]) await server.stop();
  await nc.close();
  await nats.stop();
  await postgres.stop();
  return {
    scenario: 'capacity',
    cpu_us_per_event: rounded(costs),
    idle_cores: Math.round(idle * 1_000) / 1_000,
    linker_events_per_s: Math.round(applied / took),
    mixed: {
      events: mixed,
      acknowledged_per_s: Math.round(mixed / MIXED_SECONDS),
      cpu_s_foretold: Math.round(foretold * 10) / 10,
      cpu_s_measured: Math.round(measured * 10) / 10,
      ratio: Math.round((foretold / measured) * 100) / 100,
    },
    plans: [10_000, 100_000, 1_000_000].map((events_per_s) => {
      const { cores, ...needs } = needsAt(events_per_s, costs, ASSUMED);
      return { events_per_s, ...needs, nats_cores: Math.ceil(cores.stream / ASSUMED.utilisation) };
    }),
    machine: machine(),
  };
}

const secondsSince = (moment: number): number => (performance.now() - moment) / 1_000;
const perEvent = (seconds: number, events: number): number => (seconds * 1e6) / events;

function rounded({ collect, stream, link, store }: StageCosts): StageCosts {
  const [c = 0, s = 0, l = 0, d = 0] = [collect, stream, link, store].map((cost) => Math.round(cost * 10) / 10);
  return { collect: c, stream: s, link: l, store: d };
}

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await done()); tries += 1) {
    if (tries > 3_000) throw new Error('the linkers do not come to an end');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ticks of a hundredth of a second in which a process ran, and with `ended` those of its children that are gone. */
function cpuOf(pid: number, ended = false): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const [user, system, users, systems] = [11, 12, 13, 14].map((at) => Number(fields[at]));
    return ((user ?? 0) + (system ?? 0) + (ended ? (users ?? 0) + (systems ?? 0) : 0)) / 100;
  } catch {
    return 0;
  }
}

/** PostgreSQL: the server, and a process for each connection. */
function treeCpu(parent: number): number {
  const children = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]) === parent;
    } catch {
      return false;
    }
  });
  return cpuOf(parent, true) + children.reduce((sum, pid) => sum + cpuOf(Number(pid)), 0);
}

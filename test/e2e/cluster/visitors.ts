/** Visitors who browse, log in and out on their own and on shared browsers, and send as the tag does: again until it is taken. */
import { NO_DEVICE } from '../../../collector/domain/device.ts';
import { SITE_DEFAULTS, type SiteRecord } from '../../../collector/domain/site.ts';
import { decodeEvent } from '../../../collector/intake/decode.ts';
import { enrich } from '../../../collector/intake/enrich.ts';
import { type Link, link } from '../../../collector/linking/link.ts';
import { DEFAULT_POLICY } from '../../../collector/linking/policy.ts';
import type { WireEvent } from '../../../protocol/event.ts';

export interface Visitors {
  /** Events that a 2xx acknowledged. */
  acknowledged: WireEvent[];
  /** What happened since the last call: acknowledged events, answers by status (`error`: none), slowest batch from first try to 2xx. */
  phase(): { acknowledged: number; answers: Record<string, number>; slowest_ms: number };
  /** How long the oldest batch under way has been tried, in ms. */
  oldest(): number;
  /** Ends it once every batch was taken. Answers how many never were. */
  stop(): Promise<number>;
}

const PATIENCE = 15_000;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 2_000;
const GIVE_UP = 120_000;
/** Between two batches of a connection. */
const PACE = 25;

export function startVisitors(urls: readonly string[], { browsers = 200, connections = 16 } = {}): Visitors {
  const acknowledged: WireEvent[] = [];
  let answers: Record<string, number> = {};
  let taken = 0;
  let slowest = 0;
  let given_up = 0;
  let stopped = false;
  /** Of each connection, when its batch under way was first tried. */
  const tried = new Array<number>(connections).fill(Number.POSITIVE_INFINITY);
  const every = Array.from({ length: browsers }, (_, n) => visitor(n));

  async function send(own: readonly (() => WireEvent[])[], turn: number): Promise<void> {
    for (let n = turn; !stopped; n += 1) {
      const events = own[n % own.length]?.() ?? [];
      const started = performance.now();
      tried[turn] = started;
      let wait = FIRST_WAIT;
      for (let attempt = 0; ; attempt += 1) {
        const status = await post(urls[(turn + attempt) % urls.length] ?? '', events);
        answers[status] = (answers[status] ?? 0) + 1;
        if (status === 204) break;
        if (performance.now() - started > GIVE_UP) {
          given_up += 1;
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, wait * (1 + Math.random())));
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
      tried[turn] = Number.POSITIVE_INFINITY;
      acknowledged.push(...events);
      taken += events.length;
      slowest = Math.max(slowest, performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, PACE));
    }
  }
  const senders = Array.from({ length: connections }, (_, c) =>
    send(
      every.filter((_visitor, n) => n % connections === c),
      c,
    ),
  );
  return {
    acknowledged,
    phase() {
      const past = { acknowledged: taken, answers, slowest_ms: Math.round(slowest) };
      [taken, answers, slowest] = [0, {}, 0];
      return past;
    },
    oldest: () => performance.now() - Math.min(...tried),
    async stop() {
      stopped = true;
      await Promise.all(senders);
      return given_up;
    },
  };
}

/** What the links must be of these events, by the reference. */
export function linksOf(events: readonly WireEvent[]): Link[] {
  const site: SiteRecord = {
    ...{ ...SITE_DEFAULTS, site: 'demo', name: 'demo', origins: [], site_pk: 1 },
    ...{ email_key: Buffer.alloc(32), scan_key: Buffer.alloc(32) },
  };
  const receipt = { site, device: NO_DEVICE, backend: false, received_at: Number.MAX_SAFE_INTEGER, keep_times: true };
  const accepted = events.map((event) => {
    const decoded = decodeEvent(event, event.time);
    if (!('event' in decoded)) throw new Error(`not a good event: ${decoded.reason}`);
    return enrich(decoded.event, { sent_at: event.time }, receipt, () => undefined);
  });
  return link(accepted, [], DEFAULT_POLICY);
}

/** One browser's batches, one after the other. Some are shared by people who log in in turn; on some nobody ever does. */
function visitor(n: number): () => WireEvent[] {
  const anonymous_id = `browser-${n}`;
  const people = n % 5 === 0 ? [`C${n % 40}`, `C${(n + 1) % 40}`] : [`C${n % 60}`];
  const random = seeded(n + 1);
  let count = 0;
  let session = 0;
  let last = 0;
  return () => {
    const batch: WireEvent[] = [];
    for (let size = 1 + Math.floor(random() * 3); size > 0; size -= 1) {
      count += 1;
      if (random() < 0.08) session += 1;
      last = Math.max(Date.now(), last + 1);
      const chance = random();
      const person = people[Math.floor(random() * people.length)] ?? '';
      const common = {
        event_id: `${anonymous_id}-${count}`,
        time: last,
        anonymous_id,
        session_id: `session-${n}-${session}`,
        url: 'http://x.example/p',
      };
      if (chance < 0.04 && n % 7 > 0) batch.push({ ...common, type: 'login', customer_id: person });
      else if (chance < 0.05) batch.push({ ...common, type: 'logout' });
      else if (chance < 0.053) batch.push({ ...common, type: 'reset' });
      else batch.push({ ...common, type: 'page_view' });
    }
    return batch;
  };
}

async function post(url: string, events: readonly WireEvent[]): Promise<number | 'error'> {
  const body = JSON.stringify({ v: 1, site: 'demo', sent_at: Date.now(), events });
  try {
    const answer = await fetch(`${url}/e`, { method: 'POST', body, signal: AbortSignal.timeout(PATIENCE) });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 'error';
  }
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A consumer of the change feed ends with the table that the collector has, whatever arrives meanwhile and however often it is killed. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../../collector/simulate/random.ts';
import type { LinkRow } from '../../collector/store/link-row.ts';
import { DAY, HOUR, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { START, startServer, type TestServer } from '../collector/server.ts';

const EVENTS = 50_000;
const LOGINS = 1_600;
const MERGES = 120;
const REVOKES = 280;
const KILLS = 10;
const BROWSERS = 1_200;
const CUSTOMERS = 400;

let server: TestServer;
const folder = mkdtempSync(join(tmpdir(), 'footfall-feed-'));
const random = randomFrom('feed', 11);
const pick = <T>(list: readonly T[]): T => list[random.int(list.length)] as T;
beforeAll(async () => {
  server = await startServer({ demo: true }, { now: START + 40 * DAY });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test('killed ten times while 50,000 events, logins, merges and undos arrive, it has every link', { timeout: 600_000 }, async () => {
  await post(Array.from({ length: 2_000 }, (_, i) => plainEvent(i)));
  let kills = 0;
  const writing = write(() => kills);
  let done = false;
  const ended = (): void => {
    done = true;
  };
  void writing.then(ended, ended);
  while (kills < KILLS) {
    const life = consumer();
    await once(life.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, random.int(400)));
    expect(life.exitCode).toBeNull();
    life.kill('SIGKILL');
    await once(life, 'exit');
    expect(done).toBe(false);
    kills += 1;
  }
  expect(await writing).toEqual({ merges: MERGES, revokes: REVOKES });
  await expect.poll(() => server.store.queries.relinksWaiting(), { timeout: 120_000 }).toBe(0);
  const [code] = (await once(consumer('last life'), 'exit')) as [number];
  expect(code).toBe(0);

  const copy = new Database(join(folder, 'copy.db'), { readonly: true });
  const copied = copy.prepare<[], { link: string }>('SELECT link FROM copy').all();
  copy.close();
  const links: LinkRow[] = [];
  for await (const link of server.store.queries.allLinks({ bots: true })) links.push(link);
  const outcomes = new Set(links.map(({ rule, status }) => rule ?? status));
  expect([...outcomes].sort()).toEqual(
    ['ambiguous', 'anonymous', 'device_after', 'device_before', 'device_between', 'kiosk', 'session'].sort(),
  );
  expect(links.some(({ customer_id, person_id }) => customer_id !== person_id)).toBe(true);
  expect(outcomesOf(copied.map(({ link }) => JSON.parse(link) as LinkRow))).toEqual(outcomesOf(links));
});

/**
 * Everything that is sent, in lanes beside each other, a share of it for each life of the consumer and one for the last;
 * statements begin when there is something to state.
 */
async function write(kills: () => number): Promise<{ merges: number; revokes: number }> {
  const events = Array.from({ length: EVENTS - 2_000 - LOGINS }, (_, i) => plainEvent(i + 2_000));
  const logins = Array.from({ length: LOGINS }, (_, i) => {
    const visit = plainEvent(i);
    // Every other one by whose browser it is, so that sessions lie between two logins of one customer whatever is revoked.
    const customer = i % 2 === 0 ? Number(visit.anonymous_id?.split('-')[1]) % CUSTOMERS : random.int(CUSTOMERS);
    return { ...visit, event_id: `login-${i}`, type: 'login', customer_id: customerOf(customer) };
  });
  for (const login of logins) events.splice(random.int(events.length), 0, login);
  const batches: Partial<WireEvent>[][] = [];
  for (let i = 0; i < events.length; i += 100) batches.push(events.slice(i, i + 100));
  const share = Math.ceil(batches.length / (KILLS + 1));
  const said: string[] = [];
  let sent = 0;
  let lanes = 3;
  const lane = async (): Promise<void> => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) {
      sent += 1;
      while (sent > (kills() + 1) * share) await new Promise((resolve) => setTimeout(resolve, 5));
      await post(batch);
      for (const { type, event_id = '' } of batch) if (type === 'login') said.push(event_id);
    }
    lanes -= 1;
  };
  const made = { merges: 0, revokes: 0 };
  const decisions: string[] = [];
  /** False where that was said already. */
  const decide = async (statement: object): Promise<boolean> => {
    const said = { site: 'demo', reason: 'test', ...statement };
    const { status, body } = await server.send<{ decision_id: string }>('POST', '/v1/decisions', said);
    if (status === 409) return false;
    expect([200, 201]).toContain(status);
    decisions.push(body.decision_id);
    return true;
  };
  const state = async (): Promise<void> => {
    while (made.merges < MERGES || made.revokes < REVOKES) {
      if (said.length < 20 && lanes > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      else if (made.merges < MERGES && random.int(4) === 0) {
        const from = 1 + random.int(CUSTOMERS - 1);
        const customers = [customerOf(from), customerOf(from - 1)];
        if (await decide({ type: 'merge', customers, into: pick(customers) })) made.merges += 1;
      } else if (made.revokes < REVOKES) {
        const target = decisions.length > 4 && random.int(3) === 0 ? pick(decisions) : pick(said);
        if (await decide({ type: 'revoke', target })) made.revokes += 1;
      }
    }
  };
  await Promise.all([lane(), lane(), lane(), state()]);
  return made;
}

const customerOf = (n: number): string => `C${String(n).padStart(3, '0')}`;

/** An event of one of three sessions on one of many browsers, at any moment of a month. */
function plainEvent(i: number): Partial<WireEvent> {
  const browser = random.int(BROWSERS);
  const session = random.int(3);
  return {
    event_id: `event-${i}`,
    type: 'page_view',
    time: START + browser * MINUTE + session * 9 * DAY + random.int(3) * HOUR + i,
    anonymous_id: `browser-${browser}`,
    session_id: `session-${browser}-${session}`,
    url: `http://localhost/p/${i % 100}`,
  };
}

async function post(events: Partial<WireEvent>[]): Promise<void> {
  for (let i = 0; i < events.length; i += 100) expect((await server.post(events.slice(i, i + 100))).status).toBe(204);
}

function consumer(...lastLife: string[]): ChildProcessByStdio<null, Readable, null> {
  const script = ['test/e2e/feed-consumer.mjs', server.url, server.admin_token, join(folder, 'copy.db'), ...lastLife];
  return spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What the feed tells of, by segment. */
function outcomesOf(links: readonly LinkRow[]): object {
  return Object.fromEntries(
    links
      .map((link) => {
        const { site, anonymous_id, session_id, segment, status, customer_id, person_id, rule, strength, candidates } = link;
        const { evidence_event_id, evidence_type, evidence_at, link_version } = link;
        const evidence = { evidence_event_id, evidence_type, evidence_at };
        return [
          `${site} ${anonymous_id} ${session_id} ${segment}`,
          { status, customer_id, person_id, rule, strength, ...evidence, candidates, link_version },
        ] as const;
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

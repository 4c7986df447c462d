/** The cases that docs/linking.md names, through a real collector: each on a browser of its own. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinkRow } from '../../../collector/store/link-row.ts';
import { DAY, HOUR, MINUTE, type WireEvent } from '../../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from '../server.ts';

let server: TestServer;
let anonymous_id = '';
let cases = 0;
beforeAll(async () => {
  server = await startServer({}, { now: START + 100 * DAY });
});
afterAll(() => server.close());

/** A new browser for the case. */
function browser(): string {
  cases += 1;
  anonymous_id = `case-${cases}`;
  return anonymous_id;
}
const ev = (type: string, session_id: string, time: number, more: Partial<WireEvent> = {}): WireEvent =>
  wire(type, { anonymous_id, session_id, time: START + time, ...more });
const view = (session_id: string, time: number, more: Partial<WireEvent> = {}): WireEvent => ev('page_view', session_id, time, more);
const login = (session_id: string, time: number, customer_id: string, more: Partial<WireEvent> = {}): WireEvent =>
  ev('login', session_id, time, { customer_id, ...more });
const hash = (email: string): string => createHash('sha256').update(email).digest('hex');
const send = async (...events: WireEvent[]): Promise<void> => expect((await server.post(events)).status).toBe(204);
const backend = async (event: Partial<WireEvent>): Promise<void> =>
  expect((await server.post([event], { headers: { authorization: `Bearer ${server.admin_token}` } })).status).toBe(204);
const links = async (id = anonymous_id): Promise<LinkRow[]> =>
  (await server.links(`anonymous_id=${id}`)).sort((a, b) => a.session_id.localeCompare(b.session_id) || a.segment - b.segment);
/** `session: who or status (rule)` of each segment. */
const said = async (id = anonymous_id): Promise<string[]> =>
  (await links(id)).map(({ session_id, status, customer_id, rule }) => `${session_id}: ${customer_id ?? status}${rule ? ` ${rule}` : ''}`);
async function decide(statement: object): Promise<string> {
  const { status, body } = await server.send<{ decision_id: string }>('POST', '/v1/decisions', { reason: 'case', ...statement });
  expect(status).toBe(201);
  return body.decision_id;
}

test('a queue of X’s events flushed after Y logged in stays X’s', async () => {
  browser();
  await send(login('S2', HOUR, 'Y'));
  await send(view('S1', 0), login('S1', MINUTE, 'X'), view('S1', 2 * MINUTE));
  expect(await said()).toEqual(['S1: X session', 'S2: Y session']);
  expect((await links())[0]?.events).toBe(3);
});

test('an old login that arrives after a newer one takes only its own session', async () => {
  browser();
  await send(view('S2', DAY), login('S3', 2 * DAY, 'new'));
  expect(await said()).toEqual(['S2: new device_before', 'S3: new session']);
  await send(login('S1', 0, 'old'));
  expect(await said()).toEqual(['S1: old session', 'S2: ambiguous', 'S3: new session']);
});

test('the window’s edge is included, a millisecond more is not', async () => {
  browser();
  await send(view('S1', 0), login('S2', 30 * DAY, 'C'));
  expect(await said()).toEqual(['S1: C device_before', 'S2: C session']);
  browser();
  await send(view('S1', 0), login('S2', 30 * DAY + 1, 'C'));
  expect(await said()).toEqual(['S1: anonymous', 'S2: C session']);
});

test('a clock a day ahead, set back in a session, or slow with uneven latency: order is the tag’s, display the collector’s', async () => {
  browser();
  const now = server.clock.now;
  const at = (session_id: string, type: string, time: number, more = {}) => wire(type, { anonymous_id, session_id, time, ...more });
  await server.post([at('S1', 'page_view', now + DAY), at('S1', 'login', now + DAY + 1, { customer_id: 'C' })], { sent_at: now + DAY + 2 });
  const [ahead] = await links();
  expect(ahead).toMatchObject({ customer_id: 'C', started_at: now - 2 });
  // The tag stamps max(now, last + 1): a clock set back goes on a millisecond at a time, and the order holds.
  await server.post([at('S1', 'page_view', now + DAY + 2)], { sent_at: now });
  expect(await said()).toEqual(['S1: C session']);
  browser();
  const slow = now - 7.5 * MINUTE;
  await server.post([at('S1', 'page_view', slow - 20_000)], { sent_at: slow - 19_000 });
  await server.post([at('S1', 'login', slow - 10_000, { customer_id: 'C' })], { sent_at: slow });
  const [late] = await links();
  expect(late?.customer_id).toBe('C');
  expect(late?.started_at).toBeLessThanOrEqual(late?.ended_at ?? 0);
  expect(late?.ended_at).toBeLessThanOrEqual(now);
});

test('a logout and a login in one millisecond, in two tabs: the logout is before', async () => {
  browser();
  await send(
    login('S1', 0, 'A'),
    view('S1', MINUTE),
    login('S1', 2 * MINUTE, 'B', { tab_id: 't2' }),
    ev('logout', 'S1', 2 * MINUTE, { tab_id: 't1' }),
  );
  expect(await said()).toEqual(['S1: A session', 'S1: B session']);
  expect((await links()).map(({ events }) => events)).toEqual([3, 1]);
});

test('a login as Y without a logout cuts the session, or takes the next', async () => {
  browser();
  await send(login('S1', 0, 'X'), view('S1', 1), login('S1', 2, 'Y'), view('S1', 3));
  expect(await said()).toEqual(['S1: X session', 'S1: Y session']);
  browser();
  await send(login('S1', 0, 'X'), view('S2', DAY), login('S3', 2 * DAY, 'Y'));
  expect(await said()).toEqual(['S1: X session', 'S2: ambiguous', 'S3: Y session']);
});

test('two tabs, one still showing the old customer: each claim holds its own stretch', async () => {
  browser();
  await send(
    login('S1', 0, 'old'),
    login('S1', 10, 'new'),
    ev('identify', 'S1', 20, { customer_id: 'old' }),
    ev('purchase', 'S1', 30, { customer_id: 'new' }),
  );
  expect(await said()).toEqual(['S1: old session', 'S1: new session', 'S1: old session', 'S1: new session']);
});

test('a revoked claim stays revoked when its duplicate is retried', async () => {
  browser();
  const claim = login('S1', 1, 'C');
  await send(view('S1', 0), claim);
  await decide({ type: 'revoke', target: claim.event_id });
  expect(await said()).toEqual(['S1: anonymous']);
  await send(claim);
  expect(await said()).toEqual(['S1: anonymous']);
  expect((await links())[0]?.events).toBe(2);
});

test('a revoke revoked brings the claim back', async () => {
  browser();
  const claim = login('S2', DAY, 'C');
  await send(view('S1', 0), claim);
  const before = await links();
  const first = await decide({ type: 'revoke', target: claim.event_id });
  expect(await said()).toEqual(['S1: anonymous', 'S2: anonymous']);
  const second = await decide({ type: 'revoke', target: first });
  expect(await said()).toEqual(['S1: C device_before', 'S2: C session']);
  await decide({ type: 'revoke', target: second });
  expect(await said()).toEqual(['S1: anonymous', 'S2: anonymous']);
  expect(before.map(({ customer_id }) => customer_id)).toEqual(['C', 'C']);
});

test('ids that name nobody leave the session anonymous', async () => {
  browser();
  await send(
    ...['', ' 0 ', 'NULL', 'undefined', 'NaN', 'None', 'guest', 'Anonymous', 'true', 'false', '[object Object]', '0000', '---'].map(
      (id, n) => login('S1', n, id),
    ),
  );
  expect(await said()).toEqual(['S1: anonymous']);
});

test('a guest becomes the account that used the e-mail, until the address is somebody else’s too', async () => {
  browser();
  const email_sha256 = hash('jane@mail.example');
  await send(ev('purchase', 'S1', 0, { email_sha256 }));
  const [guest] = await links();
  expect(guest?.customer_id).toMatch(/^email:[0-9a-f]{64}$/);
  expect(guest?.person_id).toBe(guest?.customer_id);
  await send(ev('sign_up', 'S2', DAY, { customer_id: 'G1', email_sha256 }));
  expect((await links()).map(({ person_id }) => person_id)).toEqual(['G1', 'G1']);
  const first = anonymous_id;
  browser();
  await send(ev('sign_up', 'S1', 40 * DAY, { customer_id: 'G2', email_sha256 }));
  expect((await links(first)).map(({ person_id }) => person_id)).toEqual([guest?.customer_id, 'G1']);
  // The strongest strength found decides: the backend says whose it is.
  await backend({ ...ev('identify', 'S9', 41 * DAY, { customer_id: 'G2', email_sha256 }), anonymous_id: 'elsewhere' });
  expect((await links(first)).map(({ person_id }) => person_id)).toEqual(['G2', 'G1']);
});

test('a guest that a merge took from its account is the account’s again once that is revoked', async () => {
  browser();
  const email_sha256 = hash('kim@mail.example');
  await send(ev('purchase', 'S1', 0, { email_sha256 }), ev('sign_up', 'S2', DAY, { customer_id: 'K1', email_sha256 }));
  const before = await links();
  const persons = async (): Promise<unknown[]> => (await links()).map(({ person_id }) => person_id);
  expect(await persons()).toEqual(['K1', 'K1']);
  const guest = before[0]?.customer_id ?? '';
  const merge = await decide({ type: 'merge', customers: ['K2', guest], into: 'K2' });
  expect(await persons()).toEqual(['K2', 'K1']);
  const revoke = await decide({ type: 'revoke', target: merge });
  expect(await persons()).toEqual(['K1', 'K1']);
  await decide({ type: 'revoke', target: revoke });
  expect(await persons()).toEqual(['K2', 'K1']);
});

test('logged in as one, paying with another’s e-mail: the raw id goes before', async () => {
  browser();
  await send(login('S1', 0, 'P1'), ev('purchase', 'S1', 1, { customer_id: 'P1', email_sha256: hash('other@mail.example') }));
  expect(await said()).toEqual(['S1: P1 session']);
});

test('a web id and a loyalty id merged: what was ambiguous is linked, and un-merged again', async () => {
  browser();
  await send(login('S1', 0, 'web'), view('S2', DAY), login('S3', 2 * DAY, 'loyalty'));
  expect(await said()).toEqual(['S1: web session', 'S2: ambiguous', 'S3: loyalty session']);
  const before = await links();
  const merge = await decide({ type: 'merge', customers: ['web', 'loyalty'], into: 'web' });
  expect(await said()).toEqual(['S1: web session', 'S2: web device_between', 'S3: loyalty session']);
  expect((await links()).map(({ person_id }) => person_id)).toEqual(['web', 'web', 'web']);
  expect(await server.links('person_id=web')).toHaveLength(3);
  await decide({ type: 'revoke', target: merge });
  const plain = ({ link_version: _v, changed_at: _c, cause_event_id: _e, ...row }: LinkRow) => row;
  expect((await links()).map(plain)).toEqual(before.map(plain));
});

test('a back-office order in the middle of a visit counts on both sides; one without a browser is kept, unlinked', async () => {
  browser();
  await send(view('S1', 0), view('S1', HOUR));
  const { session_id: _none, ...order } = ev('purchase', '', HOUR / 2, { customer_id: 'T1' });
  await backend(order);
  expect(await said()).toEqual(['S1: T1 device_between']);
  expect((await links())[0]).toMatchObject({ evidence_gap_ms: 0, strength: 'signed' });
  const { session_id: _s, anonymous_id: _a, ...till } = ev('purchase', '', 0, { customer_id: 'T2' });
  await backend(till);
  expect(await server.links('customer_id=T2')).toEqual([]);
  expect(await server.store.queries.events({ event_id: till.event_id }, 0, 1)).toHaveLength(1);
});

test('a forged customer id beside a signed one: the signed one is the evidence, and both are seen', async () => {
  browser();
  await send(view('S1', 0), login('S1', 1, 'victim'));
  await backend(ev('purchase', 'S1', 2, { customer_id: 'buyer' }));
  expect(await said()).toEqual(['S1: victim session', 'S1: buyer session']);
  expect((await links()).map(({ strength }) => strength)).toEqual(['stated', 'signed']);
  await server.send('PATCH', '/v1/sites/demo', { identity: 'require' });
  browser();
  await send(view('S1', 0), login('S1', 1, 'victim'));
  expect(await said()).toEqual(['S1: anonymous']);
  await server.send('PATCH', '/v1/sites/demo', { identity: 'off' });
});

test('a far claim inside the window turns a link ambiguous', async () => {
  browser();
  await send(view('S1', 29 * DAY), login('S2', 30 * DAY, 'near'));
  expect(await said()).toEqual(['S1: near device_before', 'S2: near session']);
  await send(login('S0', 0, 'far'));
  expect(await said()).toEqual(['S0: far session', 'S1: ambiguous', 'S2: near session']);
  expect((await links())[1]?.candidates.map(({ customer_id, gap_ms }) => [customer_id, gap_ms])).toEqual([
    ['near', DAY],
    ['far', 29 * DAY],
  ]);
});

test('late evidence makes a kiosk, an undo makes it none again; each changed link is told once, with its cause', async () => {
  browser();
  await send(view('S1', 5 * DAY), login('S2', 6 * DAY, 'K1'), login('S3', 7 * DAY, 'K2'));
  expect(await said()).toEqual(['S1: ambiguous', 'S2: K1 session', 'S3: K2 session']);
  type Feed = { changes: { link: LinkRow; old: LinkRow | null; cause_event_id: string }[]; next_cursor: string };
  const { changes_cursor } = await server.get<{ changes_cursor: string }>('/v1/links?limit=1');
  const claim = login('S4', 4 * DAY, 'K3');
  await send(claim);
  expect(await said()).toEqual(['S1: kiosk', 'S2: K1 session', 'S3: K2 session', 'S4: K3 session']);
  const feed = await server.get<Feed>(`/v1/links/changes?since=${changes_cursor}`);
  expect(
    feed.changes.map(({ link, old, cause_event_id }) => [link.session_id, old?.status ?? null, link.status, cause_event_id]).sort(),
  ).toEqual([
    ['S1', 'ambiguous', 'kiosk', claim.event_id],
    ['S4', null, 'linked', claim.event_id],
  ]);
  const decision_id = await decide({ type: 'revoke', target: claim.event_id });
  expect(await said()).toEqual(['S1: ambiguous', 'S2: K1 session', 'S3: K2 session', 'S4: ambiguous']);
  const undone = await server.get<Feed>(`/v1/links/changes?since=${feed.next_cursor}`);
  expect(
    undone.changes.map(({ link, old, cause_event_id }) => [link.session_id, old?.status ?? null, link.status, cause_event_id]).sort(),
  ).toEqual([
    ['S1', 'kiosk', 'ambiguous', decision_id],
    ['S4', 'linked', 'ambiguous', decision_id],
  ]);
});

test('a declared kiosk is one at once, by its own word or by a decision', async () => {
  browser();
  await send(login('S1', 0, 'D1'), view('S2', DAY));
  expect(await said()).toEqual(['S1: D1 session', 'S2: D1 device_after']);
  const decision = await decide({ type: 'kiosk', anonymous_id });
  expect(await said()).toEqual(['S1: D1 session', 'S2: kiosk']);
  await decide({ type: 'revoke', target: decision });
  expect(await said()).toEqual(['S1: D1 session', 'S2: D1 device_after']);
  await send(view('S3', 2 * DAY, { kiosk: true }));
  expect(await said()).toEqual(['S1: D1 session', 'S2: kiosk', 'S3: kiosk']);
});

test('a hub’s claims link nothing and cut nothing', async () => {
  browser();
  await send(view('S1', 0), login('S1', 1, 'till-7'), view('S1', 2), login('S1', 3, 'H1'), view('S2', DAY));
  expect(await said()).toEqual(['S1: till-7 session', 'S1: H1 session', 'S2: ambiguous']);
  await decide({ type: 'hub', customer_id: 'till-7' });
  expect(await said()).toEqual(['S1: H1 session', 'S2: H1 device_after']);
});

test('logouts weaken, resets and withdrawn consent end', async () => {
  browser();
  await send(login('S1', 0, 'L'), ev('logout', 'S1', 1), view('S1', 2), view('S2', DAY));
  expect(await said()).toEqual(['S1: L session', 'S1: L device_after_logout', 'S2: L device_after_logout']);
  for (const end of [ev('reset', 'S1', 1), ev('consent', 'S1', 1, { consent: 'denied' })]) {
    const id = browser();
    await send(login('S1', 0, 'L'), { ...end, anonymous_id: id, event_id: `${end.event_id}-${id}` }, view('S2', DAY));
    expect(await said()).toEqual(['S1: L session', 'S2: logged_out']);
  }
});

test('a forwarded mailing: its five readers stay five strangers elsewhere', async () => {
  await server.send('POST', '/v1/codes', { code: 'MAIL1', target: `${server.url}/demo/`, kind: 'personal', customer_id: 'M1' });
  const now = server.clock.now;
  for (let reader = 0; reader < 5; reader += 1) {
    const id = browser();
    const scan = await fetch(`${server.url}/q/MAIL1`, {
      redirect: 'manual',
      headers: { 'user-agent': 'Mozilla/5.0 (Android 14; Mobile) Firefox/140.0' },
    });
    const token = new URL(scan.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
    await server.post([
      wire('page_view', { anonymous_id: id, session_id: 'S1', time: now - DAY }),
      wire('page_view', { anonymous_id: id, session_id: 'S2', time: now, scan: token }),
      wire('page_view', { anonymous_id: id, session_id: 'S3', time: now + 1 }),
    ]);
    expect(await said(id)).toEqual(['S1: anonymous', 'S2: M1 session', 'S3: anonymous']);
    expect((await links(id))[1]?.strength).toBe('carried');
  }
});

test('decisions that name the unknown or contradict themselves are refused, with the field', async () => {
  browser();
  const claim = login('S1', 0, 'R1');
  await send(claim);
  const refused = async (statement: object) => {
    const { status, body } = await server.send<{ field: string }>('POST', '/v1/decisions', { reason: 'case', ...statement });
    return [status, body.field];
  };
  expect(await refused({ type: 'merge', customers: ['R1'], into: 'R1' })).toEqual([400, 'customers']);
  expect(await refused({ type: 'merge', customers: ['R1', 'R1 '], into: 'R1' })).toEqual([400, 'customers']);
  expect(await refused({ type: 'merge', customers: ['R1', 'R2'], into: 'R3' })).toEqual([400, 'into']);
  expect(await refused({ type: 'merge', customers: ['R1', 'null'], into: 'R1' })).toEqual([400, 'customers']);
  expect(await refused({ type: 'revoke', target: 'nothing' })).toEqual([404, 'target']);
  expect(await refused({ type: 'revoke', target: 'dec_nothing' })).toEqual([404, 'target']);
  expect(await refused({ type: 'kiosk', anonymous_id: 'nobody' })).toEqual([404, 'anonymous_id']);
  expect(await refused({ type: 'guess' })).toEqual([400, 'type']);
  expect(await refused({ type: 'hub', customer_id: 'R1', reason: ' ' })).toEqual([400, 'reason']);
  await decide({ type: 'revoke', target: claim.event_id });
  expect(await refused({ type: 'revoke', target: claim.event_id })).toEqual([409, 'target']);
  // A cycle of `into` is well-defined: the latest says who the person is.
  await decide({ type: 'merge', customers: ['cy1', 'cy2'], into: 'cy1' });
  await decide({ type: 'merge', customers: ['cy1', 'cy2'], into: 'cy2' });
  await send(login('S2', DAY, 'cy1'));
  expect((await links())[1]?.person_id).toBe('cy2');
});

test('a dry run says what would change and changes nothing', async () => {
  browser();
  await send(login('S1', 0, 'dry1'), view('S2', DAY), login('S3', 2 * DAY, 'dry2'));
  const before = await links();
  const statement = { type: 'merge', customers: ['dry1', 'dry2'], into: 'dry1', reason: 'case' };
  const { status, body } = await server.send<{ changed: number; persons: number; links: object[] }>(
    'POST',
    '/v1/decisions?dry_run=1',
    statement,
  );
  expect([status, body.changed, body.persons]).toEqual([200, 1, 1]);
  expect(body.links).toEqual([expect.objectContaining({ session_id: 'S2', old: expect.objectContaining({ status: 'ambiguous' }) })]);
  expect(await links()).toEqual(before);
  const said = await server.send<{ changed: number }>('POST', '/v1/decisions', statement);
  expect(said.body.changed).toBe(1);
  const { decisions } = await server.get<{ decisions: object[] }>('/v1/decisions?limit=1000');
  expect(decisions.at(-1)).toMatchObject({ type: 'merge', author: 'admin', reason: 'case', into: 'dry1' });
});

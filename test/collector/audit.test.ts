/** Tokens, limits and the audit log over real HTTP: who may do what, how often, and what is noted of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEntry } from '../../collector/store/store.ts';
import { DAY } from '../../protocol/event.ts';
import { START, startServer, type TestServer, wire } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ audit_days: 10 });
  await server.post([wire('login', { event_id: 'l1', time: START, customer_id: 'C-anna', email_sha256: 'a'.repeat(64) })]);
});
afterAll(() => server.close());

interface Made {
  token: string;
  token_id: string;
  expires_at: number | null;
}
const make = async (body: object): Promise<Made> => (await server.send<Made>('POST', '/v1/tokens', body)).body;
const as = (token: string, path: string, method = 'GET', body?: object, at = server): Promise<Response> =>
  fetch(at.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
const entries = async (query = ''): Promise<AuditEntry[]> => (await server.get<{ entries: AuditEntry[] }>(`/v1/audit${query}`)).entries;

const callsOf = (noted: readonly AuditEntry[]): number => noted.reduce((sum, { calls }) => sum + calls, 0);

test('a token is rotated without a gap: the second lives before the first is revoked', async () => {
  const first = await make({ name: 'dashboards', scopes: ['read'], days: 30 });
  const second = await make({ name: 'dashboards', scopes: ['read'], days: 30 });
  for (const { token } of [first, second]) expect((await as(token, '/v1/links')).status).toBe(200);
  expect((await server.send('DELETE', `/v1/tokens/${first.token_id}`)).status).toBe(204);
  expect((await as(first.token, '/v1/links')).status).toBe(401);
  expect((await as(second.token, '/v1/links')).status).toBe(200);
  const { tokens } = await server.get<{ tokens: (Made & { revoked_at: number | null })[] }>('/v1/tokens');
  expect(tokens.find(({ token_id }) => token_id === first.token_id)?.revoked_at).toBe(server.clock.now);
  expect(JSON.stringify(tokens)).not.toContain(second.token);
  expect((await server.send('PATCH', `/v1/tokens/${first.token_id}`, { name: 'again' })).status).toBe(404);
});

test('scopes, sites and the end of a live token can be changed, and hold at once', async () => {
  const { token, token_id } = await make({ name: 'x', scopes: ['read'] });
  expect((await as(token, '/v1/stores', 'POST', { id: 's1' })).status).toBe(403);
  expect((await server.send('PATCH', `/v1/tokens/${token_id}`, { scopes: ['read', 'write'], sites: ['demo'] })).body).toMatchObject({
    ...{ name: 'x', scopes: ['read', 'write'], sites: ['demo'], expires_at: null },
  });
  expect((await as(token, '/v1/stores', 'POST', { id: 's1' })).status).toBe(201);
  await server.send('PATCH', `/v1/tokens/${token_id}`, { expires_at: server.clock.now + 1_000 });
  expect((await as(token, '/v1/links')).status).toBe(200);
  server.clock.now += 1_000;
  expect((await as(token, '/v1/links')).status).toBe(401);
});

test('an admin of one site gives away no other, and does nothing about all', async () => {
  await server.send('POST', '/v1/sites', { site: 'other' });
  const { token } = await make({ name: 'branch', scopes: ['read', 'admin'], sites: ['other'] });
  for (const sites of [null, ['demo'], ['other', 'demo']])
    expect((await as(token, '/v1/tokens', 'POST', { name: 'y', scopes: ['read'], sites })).status).toBe(403);
  expect((await as(token, '/v1/tokens', 'POST', { name: 'y', scopes: ['read'], sites: ['other'] })).status).toBe(201);
  const { tokens } = (await (await as(token, '/v1/tokens')).json()) as { tokens: { sites: string[] | null }[] };
  expect(tokens.map(({ sites }) => sites)).toEqual([['other'], ['other']]);
  for (const [method, path] of [
    ['POST', '/v1/backup'],
    ['POST', '/v1/failed/retry'],
    ['POST', '/v1/sites'],
    ['PATCH', '/v1/sites/demo'],
  ] as const)
    expect([path, (await as(token, path, method, { site: 'third' })).status]).toEqual([path, path === '/v1/sites/demo' ? 400 : 403]);
  expect((await as(token, '/v1/sites/demo', 'PATCH', {})).status).toBe(403);
});

test('a token learns no name of a site that it does not reach, and sends nothing to it by a retry', async () => {
  for (const site of ['two', 'three']) await server.send('POST', '/v1/sites', { site });
  const { token } = await make({ name: 'two and three', scopes: ['read', 'write'], sites: ['two', 'three'] });
  const asked = await as(token, '/v1/customers/C-anna');
  expect([asked.status, ((await asked.json()) as { title: string }).title]).toEqual([400, 'site: expected one of two, three']);
  const line = JSON.stringify(wire('login', { event_id: 'planted', time: START, customer_id: 'C-planted' }));
  const sent = (query: string, body: string): Promise<Response> =>
    fetch(`${server.url}/v1/import?${query}`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body });
  expect((await sent('site=demo&signed=1', line)).status).toBe(403);
  expect(await (await sent('site=two', line.replace('{', '{"site":"demo",'))).json()).toMatchObject({ accepted: 0, rejected: 1 });
  await server.send('POST', '/v1/failed/retry');
  expect((await server.get<{ events: [] }>('/v1/events?event_id=planted')).events).toEqual([]);
});

test('edits at once all stand, and none revives a revoked token', async () => {
  const { token_id } = await make({ name: 'one', scopes: ['read'] });
  const path = `/v1/tokens/${token_id}`;
  const [named, narrowed] = await Promise.all([
    server.send('PATCH', path, { name: 'two' }),
    server.send('PATCH', path, { sites: ['demo'] }),
  ]);
  expect([named.status, narrowed.status]).toEqual([200, 200]);
  const tokenNow = async () =>
    (await server.get<{ tokens: { token_id: string; revoked_at: number | null }[] }>('/v1/tokens')).tokens.find(
      (row) => row.token_id === token_id,
    );
  expect(await tokenNow()).toMatchObject({ name: 'two', sites: ['demo'], scopes: ['read'], expires_at: null });
  await Promise.all([server.send('DELETE', path), ...[1, 2, 3].map((n) => server.send('PATCH', path, { name: `n${n}` }))]);
  expect((await tokenNow())?.revoked_at).not.toBeNull();
  await Promise.all([
    server.send('PATCH', '/v1/sites/demo', { name: 'Renamed' }),
    server.send('PATCH', '/v1/sites/demo', { timezone: 'Europe/Paris' }),
  ]);
  const { sites } = await server.get<{ sites: object[] }>('/v1/sites');
  expect(sites).toContainEqual(expect.objectContaining({ site: 'demo', name: 'Renamed', timezone: 'Europe/Paris' }));
});

test('reads of personal data are noted within a second: who, what kind, when, but no id', async () => {
  const { token, token_id } = await make({ name: 'support desk', scopes: ['read'] });
  for (let n = 0; n < 3; n += 1) await as(token, '/v1/customers/C-anna?site=demo');
  await as(token, '/v1/customers/lookup', 'POST', { site: 'demo', email_sha256: 'a'.repeat(64) });
  await as(token, '/v1/links?customer_id=C-anna');
  await as(token, '/v1/links?format=csv');
  await as(token, '/v1/events?type=login');
  await as(token, '/v1/sessions/S1/explain');
  await as(token, '/v1/stores');
  await expect.poll(async () => callsOf(await entries(`?token_id=${token_id}`))).toBe(9);
  const noted = await entries(`?token_id=${token_id}`);
  const [about] = await entries('?customer_id=C-anna&limit=1');
  const anna = about?.subject;
  expect(anna).toMatch(/^[\w-]{22}$/);
  expect(noted.map(({ action, subject_kind, subject, fields, calls }) => [action, subject_kind, subject === anna, fields, calls])).toEqual(
    expect.arrayContaining([
      ['GET /v1/customers/:id', 'customer', true, ['site'], expect.any(Number)],
      ['POST /v1/customers/lookup', null, false, ['email_sha256', 'site'], 1],
      ['POST /v1/customers/lookup', 'customer', true, ['email_sha256', 'site'], 1],
      ['GET /v1/links', 'customer', true, expect.arrayContaining(['customer_id']), 1],
      ['GET /v1/links', null, false, expect.arrayContaining(['format']), 1],
      ['GET /v1/events', null, false, ['type'], 1],
      ['GET /v1/sessions/:id/explain', 'session', false, [], 1],
    ]),
  );
  expect(callsOf(noted.filter(({ action }) => action === 'GET /v1/customers/:id'))).toBe(3);
  expect(noted.some(({ action }) => action.includes('stores'))).toBe(false);
  expect(noted.every(({ token_name }) => token_name === 'support desk')).toBe(true);
  // Any two letters may be in a hash.
  expect(noted.every((row) => row.subject === null || /^[\w-]{22}$/.test(row.subject))).toBe(true);
  expect(JSON.stringify(noted.map((row) => ({ ...row, token_id: '', subject: '' })))).not.toMatch(/C-anna|aaaa|login-1|S1/);
});

test('a decision and its entry are stored together; a dry run decides nothing', async () => {
  const said = { type: 'hub', site: 'demo', customer_id: 'C-anna', reason: 'the till' };
  await server.send('POST', '/v1/decisions?dry_run=1', said);
  await expect
    .poll(() => entries('?action=POST%20/v1/decisions'))
    .toMatchObject([{ subject_kind: 'customer', site: 'demo', fields: expect.arrayContaining(['dry_run']) }]);
  const { body } = await server.send<{ decision_id: string }>('POST', '/v1/decisions', said);
  expect(await entries('?action=POST%20/v1/decisions&limit=1')).toMatchObject([
    { subject_kind: 'decision', subject: body.decision_id, token_name: 'admin', site: 'demo', calls: 1 },
  ]);
});

test('the only site of a token is noted without being named, and whose a personal code is', async () => {
  const { token, token_id } = await make({ name: 'one site', scopes: ['read', 'write'], sites: ['demo'] });
  const code = { code: 'ANNA1', kind: 'personal', customer_id: 'C-anna', target: 'https://shop.example/x' };
  expect((await as(token, '/v1/codes', 'POST', code)).status).toBe(201);
  await as(token, '/v1/links');
  await as(token, '/v1/codes/ANNA1');
  await expect
    .poll(async () => (await entries(`?token_id=${token_id}`)).map((row) => [row.action, row.site, row.subject_kind]))
    .toEqual(
      expect.arrayContaining([
        ['GET /v1/links', 'demo', null],
        ['GET /v1/codes/:code', 'demo', 'customer'],
      ]),
    );
  const [about] = await entries('?customer_id=C-anna&limit=1');
  expect(about?.action).toBe('GET /v1/codes/:code');
});

test('an export and an erasure are noted; the erasure by its own id', async () => {
  const path = '/v1/customers/C-anna';
  const token = server.admin_token;
  expect((await as(token, `${path}/export?site=demo`)).status).toBe(200);
  await expect.poll(async () => (await entries('?action=GET%20/v1/customers/:id/export')).length).toBe(1);
  const { body } = await server.send<{ erasure_id: string }>('DELETE', `${path}?site=demo`);
  expect(body.erasure_id).toMatch(/^ers_/);
  expect(await entries('?action=DELETE%20/v1/customers/:id')).toMatchObject([{ subject_kind: 'erasure', subject: body.erasure_id }]);
});

test('the log has pages, newest first, and loses what is older than it is kept', async () => {
  const all = await entries('?limit=1000');
  const paged: AuditEntry[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { entries: AuditEntry[]; next_cursor: string | null } = await server.get(`/v1/audit?limit=3&cursor=${cursor}`);
    paged.push(...page.entries);
    cursor = page.next_cursor;
  }
  expect(paged).toEqual(all);
  expect(all[0]?.action).toBe('DELETE /v1/customers/:id');
  server.clock.now += 11 * DAY;
  await server.get('/v1/links');
  await expect.poll(async () => (await entries()).map(({ action }) => action)).toEqual(['GET /v1/links']);
});

test('a refused batch is a problem with its reason, and a token is a token however its scheme is written', async () => {
  const batch = JSON.stringify({ v: 1, site: 'nowhere', sent_at: START, events: [] });
  const refused = await fetch(`${server.url}/e`, { method: 'POST', body: batch });
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect(await refused.json()).toEqual({ type: 'about:blank', status: 403, title: 'unknown site', reason: 'unknown_site' });
  const broken = await fetch(`${server.url}/e`, { method: 'POST', body: '{' });
  expect(await broken.json()).toMatchObject({ status: 400, reason: 'bad_json' });
  const headers = { authorization: `bearer ${server.admin_token}` };
  expect((await fetch(`${server.url}/v1/sites`, { headers })).status).toBe(200);
});

test('what was read just before the end is noted as well', async () => {
  const first = await startServer({ data_dir: `${server.data_dir}/ends` });
  await first.get('/v1/links');
  await first.close();
  const again = await startServer({ data_dir: first.data_dir });
  expect((await again.get<{ entries: AuditEntry[] }>('/v1/audit')).entries).toMatchObject([{ action: 'GET /v1/links' }]);
  await again.close();
});

test('each token has its own limit, told in the standard headers; over it the answer is a 429 problem', async () => {
  const limited = await startServer({ api_rate: 5 });
  const { token } = (await limited.send<Made>('POST', '/v1/tokens', { name: 'busy', scopes: ['read'] })).body;
  const answers = [];
  for (let n = 0; n < 6; n += 1) answers.push(await as(token, '/v1/stores', 'GET', undefined, limited));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
  expect(answers[0]?.headers.get('ratelimit-policy')).toMatch(/^"api"; q=5; w=60/);
  expect(answers[0]?.headers.get('ratelimit')).toMatch(/^"api"; r=4; t=\d+/);
  const refused = answers[5];
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await refused?.json()).toMatchObject({ status: 429 });
  expect((await limited.send('GET', '/v1/stores')).status).toBe(200);
  for (let n = 0; n < 5; n += 1)
    expect((await as('sk_nobody_nobody_nobody_nobody', '/v1/stores', 'GET', undefined, limited)).status).toBe(401);
  expect((await as('sk_nobody_nobody_nobody_other', '/v1/stores', 'GET', undefined, limited)).status).toBe(429);
  await limited.close();
});

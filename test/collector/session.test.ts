/** Sessions of people's browsers: what the cookie is, what it allows, what it never allows, and how it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { SESSION_LENGTH } from '../../collector/http/session.ts';
import { DAY } from '../../protocol/event.ts';
import { START, startServer, type TestServer } from './server.ts';

let server: TestServer;
afterEach(() => server.close());

interface Sent {
  method?: string;
  cookie?: string;
  origin?: string | null;
  headers?: Record<string, string>;
  body?: object;
  base?: string;
}

async function ask(
  path: string,
  { method = 'GET', cookie, origin = server.url, headers = {}, body, base = server.url }: Sent = {},
): Promise<Response> {
  return fetch(base + path, {
    method,
    headers: { 'content-type': 'application/json', ...(cookie && { cookie }), ...(origin && { origin }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}
const titleOf = async (answer: Response): Promise<string> => ((await answer.json()) as { title: string }).title;
const cookieOf = (answer: Response): string => answer.headers.getSetCookie()[0] ?? '';
async function signIn(token = server.admin_token, more: Sent = {}): Promise<string> {
  const answer = await ask('/ui/session', { method: 'POST', body: { token }, ...more });
  expect(answer.status).toBe(201);
  return cookieOf(answer).split(';')[0] ?? '';
}
async function newToken(scopes: string[], more: object = {}): Promise<{ token: string; token_id: string }> {
  return (await server.send<{ token: string; token_id: string }>('POST', '/v1/tokens', { name: 'Ann', scopes, ...more })).body;
}

test('a token becomes a cookie that no script sees, no other site sends, and no http host gets', async () => {
  server = await startServer();
  const answer = await ask('/ui/session', { method: 'POST', body: { token: ` ${server.admin_token}\n` } });
  const port = new URL(server.url).port;
  expect(cookieOf(answer)).toMatch(
    new RegExp(`^__Host-footfall-${port}=[\\w.-]+; Max-Age=43200; Path=/; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$`),
  );
  expect(cookieOf(answer)).not.toContain(server.admin_token);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(await answer.json()).toEqual({
    token_id: 'admin',
    name: 'admin',
    scopes: ['read', 'write', 'admin'],
    sites: null,
    expires_at: START + SESSION_LENGTH,
  });
});

test('with the cookie the API answers as with the token: its scopes, its sites, its name', async () => {
  server = await startServer();
  const { token } = await newToken(['read'], { sites: ['demo'] });
  const cookie = await signIn(token);
  expect((await ask('/v1/links?site=demo', { cookie })).status).toBe(200);
  expect((await ask('/v1/links?site=other', { cookie })).status).toBe(403);
  expect((await ask('/v1/decisions', { method: 'POST', cookie, body: {} })).status).toBe(403);
  expect(await (await ask('/ui/session', { cookie })).json()).toMatchObject({ name: 'Ann', scopes: ['read'], sites: ['demo'] });
  const body = { type: 'merge', site: 'demo', customers: ['C1', 'C2'], into: 'C1', reason: 'same card' };
  expect((await ask('/v1/decisions', { method: 'POST', cookie: await signIn(), body })).status).toBe(201);
  expect((await server.get<{ decisions: object[] }>('/v1/decisions')).decisions).toMatchObject([{ author: 'admin' }]);
});

test.each([
  ['another site', 'https://evil.example'],
  ['another port of this machine', 'http://localhost:1'],
  ['a sandboxed frame', 'null'],
  ['nobody', null],
])('a write by cookie from %s is refused, and so is signing in or out', async (_who, origin) => {
  server = await startServer();
  const cookie = await signIn();
  const body = { type: 'merge', site: 'demo', customers: ['C1', 'C2'], into: 'C1', reason: 'x' };
  expect((await ask('/v1/decisions', { method: 'POST', cookie, origin, body })).status).toBe(403);
  expect((await ask('/ui/session', { method: 'DELETE', cookie, origin })).status).toBe(403);
  expect((await ask('/ui/session', { method: 'POST', origin, body: { token: server.admin_token } })).status).toBe(403);
  expect((await ask('/ui/session', { cookie })).status).toBe(200);
});

test('a header goes before the cookie, also when it is wrong', async () => {
  server = await startServer();
  const cookie = await signIn();
  expect((await ask('/v1/links', { cookie, headers: { authorization: 'Bearer sk_aaaaaaaaaaaaaaaaaaaaaaaa' } })).status).toBe(401);
});

test('it ends after twelve hours, when its token is revoked or expires, and when its owner signs out', async () => {
  server = await startServer();
  const ended = async (cookie: string): Promise<string> => {
    const answer = await ask('/v1/links', { cookie });
    expect(answer.status).toBe(401);
    return titleOf(answer);
  };
  const { token, token_id } = await newToken(['read']);
  const revoked = await signIn(token);
  await server.send('DELETE', `/v1/tokens/${token_id}`);
  expect(await ended(revoked)).toBe('The token of this session is not valid any more: sign in again.');

  const cookie = await signIn();
  const out = await ask('/ui/session', { method: 'DELETE', cookie });
  expect([out.status, cookieOf(out)]).toEqual([204, expect.stringContaining('Max-Age=0')]);
  expect(await ended(cookie)).toBe('You have signed out: sign in again.');

  const { token: short } = await newToken(['read'], { days: 1 });
  server.clock.now = START + DAY - 1;
  const late = await signIn(short);
  server.clock.now = START + DAY;
  expect(await ended(late)).toContain('not valid any more');
  const day = await signIn();
  server.clock.now += SESSION_LENGTH;
  expect(await ended(day)).toBe('Your session has expired: sign in again.');
});

test('a cookie that was made or changed elsewhere opens nothing', async () => {
  server = await startServer();
  const cookie = await signIn();
  const [name, value = ''] = cookie.split('=');
  const [id, expires, hash, mac] = value.split('.');
  const forged = [
    `${id}.${Number(expires) + DAY}.${hash}.${mac}`,
    `${id}.${expires}.${'A'.repeat(43)}.${mac}`,
    `${value}x`,
    'x',
    '',
    server.admin_token,
  ];
  for (const one of forged) expect((await ask('/v1/links', { cookie: `${name}=${one}` })).status).toBe(401);
});

test('sessions outlive a restart, and a new admin token ends them', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'footfall-'));
  server = await startServer({ data_dir });
  const port = Number(new URL(server.url).port);
  const cookie = await signIn((await newToken(['read'])).token);
  const restart = async (settings: object): Promise<void> => {
    await server.close();
    server = await startServer({ data_dir, port, ...settings });
  };
  await restart({});
  expect((await ask('/v1/links', { cookie })).status).toBe(200);
  await restart({ admin_token: 'sk_another-admin-token-for-this-start' });
  expect(await titleOf(await ask('/v1/links', { cookie }))).toContain('not one of this collector');
  rmSync(data_dir, { recursive: true });
});

test('without Secure it is given on a loopback name over plain http only', async () => {
  server = await startServer();
  const plain = await ask('/ui/session', { method: 'POST', body: { token: server.admin_token, plain: true } });
  expect(cookieOf(plain)).toMatch(/^footfall-\d+=.*HttpOnly; SameSite=Strict$/);
  const cookie = cookieOf(plain).split(';')[0] ?? '';
  expect((await ask('/v1/links', { cookie })).status).toBe(200);
  const { port } = new URL(server.url);
  await server.close();
  const origin = 'https://data.shop.example';
  server = await startServer({ public_url: origin, port: Number(port) });
  const base = `http://localhost:${port}`;
  const behind = (body: object): Promise<Response> => ask('/ui/session', { method: 'POST', origin, base, body });
  expect((await behind({ token: server.admin_token, plain: true })).status).toBe(400);
  expect((await behind({ token: server.admin_token })).status).toBe(201);
});

test('a token that may not read is told so; one that is none is refused', async () => {
  server = await startServer();
  const { token } = await newToken(['write']);
  expect((await ask('/ui/session', { method: 'POST', body: { token } })).status).toBe(403);
  expect((await ask('/ui/session', { method: 'POST', body: { token: 'sk_nothing' } })).status).toBe(401);
  expect((await ask('/ui/session')).status).toBe(401);
});

/** The API against its own description: each operation answers a good request as described, and a bad one with a problem. */
import express from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BAD, GOOD, made_token, prepare, type Request } from './api-requests.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
let document: Document;
/** What express itself was told while the collector started. */
const routes = recordRoutes();
const narrow = { read: '', write: '', admin: '' };

beforeAll(async () => {
  server = await startServer();
  routes.stop();
  await prepare(server);
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
  for (const scope of ['read', 'write', 'admin'] as const)
    narrow[scope] = (await server.send<{ token: string }>('POST', '/v1/tokens', { name: scope, scopes: [scope] })).body.token;
});
afterAll(() => server.close());

async function call([name, { query = '', body, type = 'application/json', headers = {} }]: [string, Request], token = server.admin_token) {
  const [method = '', path = ''] = name.replace('/ID', `/${made_token.id}`).split(' ');
  return fetch(server.url + path + query, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body !== undefined && { 'content-type': type }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    redirect: 'manual',
  });
}

test('every route of the API is in the document, and the other way round', () => {
  const found = routes.found().filter((route) => route.includes('/v1/'));
  const described = operations().map(({ name }) => name);
  expect(described.filter((name) => name.includes('/v1/')).sort()).toEqual([...new Set(found)].sort());
});

test('every other route is in the document, or one of the pages and of the demo', () => {
  const others = routes.found().filter((route) => !route.includes('/v1/'));
  const described = operations().map(({ name }) => name);
  expect(
    others.filter((route) => !described.includes(route) && !/^GET \/(?:$|ui\/|t\/|t\.js\.map|qr\/)|^\w+ \/ui\/session$/.test(route)),
  ).toEqual([]);
});

test('every operation has a good and a bad request here', () => {
  for (const [requests, needed] of [
    [GOOD, operations()],
    // Of those that need no token, tests of their own hold the refusals.
    [BAD, operations().filter(({ security }) => security?.length !== 0)],
  ] as const) {
    const called = new Set(requests.map(([name]) => operationOf(name)?.name));
    expect(needed.map(({ name }) => name).filter((name) => !called.has(name))).toEqual([]);
  }
});

describe('a good request is answered as described', () => {
  test.each(GOOD.map((request, index) => [`${request[0]}${request[1].query ?? ''}`, index] as const))('%s', async (_name, index) => {
    const request = GOOD[index] as (typeof GOOD)[0];
    const operation = operationOf(request[0]);
    const response = await call(request);
    const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    // A PostgreSQL is backed up by its own tools.
    if (request[0] === 'POST /v1/backup' && process.env['STORE'] === 'postgres') return expectProblem(response, 501);
    const described = operation?.responses[response.status];
    expect(described, `${response.status} is described`).toBeDefined();
    expect(response.status).toBeLessThan(400);
    if (type === 'text/event-stream') return response.body?.cancel();
    const text = await response.text();
    if (!described?.content) return expect(text).toBe('');
    expect(Object.keys(described.content)).toContain(type);
    if (type === 'application/json') expect(schemaOf(described.content[type]?.schema ?? {}).parse(JSON.parse(text))).toBeDefined();
    expect(text.length).toBeGreaterThan(0);
  });
});

describe('a bad request is refused with a problem that names the field', () => {
  test.each(
    BAD.map((request, index) => [`${request[0]}${request[1].query ?? ''} ${JSON.stringify(request[1].body ?? '')}`, index] as const),
  )('%s', async (_name, index) => {
    const request = BAD[index] as (typeof BAD)[0];
    const { status = 400, field } = request[1];
    await expectProblem(await call(request), status, field);
  });
});

test('without a token, with too narrow a scope, and with an unknown parameter, every operation refuses in the same shape', async () => {
  for (const { name, security } of operations()) {
    if (security?.length === 0) continue;
    const path = name.replaceAll(/\{\w+\}/g, 'x');
    const given = { headers: { 'content-type': 'application/json' } };
    await expectProblem(await call([path, given], ''), 401);
    await expectProblem(await call([path, given], `sk_${'x'.repeat(43)}`), 401);
    const scope = scopeOf(name);
    const other = scope === 'admin' ? 'read' : scope === 'write' ? 'read' : 'write';
    await expectProblem(await call([path, given], narrow[other]), 403);
    await expectProblem(await call([path, { ...given, query: '?no_such=1' }]), 400, 'no_such');
  }
});

test('the docs page shows every operation, and runs and loads nothing', async () => {
  const response = await fetch(`${server.url}/docs`);
  const page = await response.text();
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page).not.toMatch(/<script|<link|<img|src=|url\(|@import|https?:\/\/(?!localhost)/);
  for (const { name } of operations()) expect(page).toContain(`<code>${name.replaceAll('&', '&amp;')}</code>`);
});

test('the document is OpenAPI 3.1, and its references lead somewhere', () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  for (const [, name = ''] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(Object.keys(document.components.schemas)).toContain(name);
  const ids = operations().map(({ operationId }) => operationId);
  expect(new Set(ids.filter(Boolean)).size).toBe(ids.filter(Boolean).length);
});

async function expectProblem(response: Response, status: number, field?: string): Promise<void> {
  expect([response.url, response.status]).toEqual([response.url, status]);
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = (await response.json()) as Record<string, unknown>;
  expect(schemaOf({ $ref: '#/components/schemas/Problem' }).parse(problem)).toMatchObject({ status, title: expect.any(String) as string });
  if (field !== undefined) expect(problem['field']).toBe(field);
}

interface Operation {
  operationId?: string;
  description?: string;
  security?: object[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

function operations(): (Operation & { name: string })[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, name: `${method.toUpperCase()} ${path}` })),
  );
}

/** The operation that a request calls: the one with the most of its path spelt out. */
function operationOf(request: string): (Operation & { name: string }) | undefined {
  const fitting = operations().filter(({ name }) =>
    new RegExp(`^${name.replaceAll(/[.]/g, '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(request),
  );
  return fitting.sort((a, b) => a.name.split('{').length - b.name.split('{').length)[0];
}

const scopeOf = (name: string): string => /Scope: (\w+)/.exec(operations().find((one) => one.name === name)?.description ?? '')?.[1] ?? '';

function schemaOf(schema: object): z.ZodType {
  const whole = { ...schema, $defs: document.components.schemas };
  return z.fromJSONSchema(
    JSON.parse(JSON.stringify(whole).replaceAll('#/components/schemas/', '#/$defs/')) as Parameters<typeof z.fromJSONSchema>[0],
  );
}

/** Keeps what every router is told: `GET /v1/links`, with `{name}` for parameters. */
function recordRoutes(): { found: () => string[]; stop: () => void } {
  const prototype = express.Router.prototype as { route(path: string): { methods: Record<string, boolean> } };
  const { route } = prototype;
  const made: { path: string; methods: Record<string, boolean> }[] = [];
  prototype.route = function recorded(path) {
    const one = route.call(this, path);
    for (const each of [path].flat()) made.push({ path: each, methods: one.methods });
    return one;
  };
  return {
    found: () =>
      made.flatMap(({ path, methods }) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`),
      ),
    stop: () => {
      prototype.route = route;
    },
  };
}

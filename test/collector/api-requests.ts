/** One good and one bad request at least for each operation of the API, on what `prepare` makes. */
import { START, type TestServer, wire } from './server.ts';

export interface Request {
  /** With its question mark. */
  query?: string;
  body?: unknown;
  /** Of the body, where it is not JSON. */
  type?: string;
  headers?: Record<string, string>;
}

export async function prepare(server: TestServer): Promise<void> {
  await server.post([
    wire('page_view', { time: START }),
    wire('login', { event_id: 'login-1', time: START + 1_000, customer_id: 'C1' }),
    wire('login', { time: START + 2_000, anonymous_id: 'B2', session_id: 'S2', customer_id: 'C2' }),
  ]);
  await server.send('POST', '/v1/gs1/targets', { site: 'demo', link: '/01/09521000100015', target: `${server.url}/demo/` });
}

const BATCH = { v: 1, site: 'demo', sent_at: START, events: [] };

export const GOOD: readonly [string, Request][] = [
  ['POST /e', { body: BATCH }],
  ['POST /e', { body: { ...BATCH, events: [{ event_id: 'x', type: '!', time: START }] } }],
  ['GET /q/TV55AA', {}],
  ['GET /01/09521000100015', {}],
  ['GET /t.js', {}],
  ['GET /t/manifest.json', {}],
  ['GET /healthz', {}],
  ['GET /readyz', {}],
  ['GET /metrics', {}],
  ['GET /openapi.json', {}],
  ['GET /docs', {}],
  ['GET /v1/stores', { query: '?site=demo' }],
  ['POST /v1/stores', { body: { id: 'paris', site: 'demo', name: 'Paris' } }],
  ['PATCH /v1/stores/paris', { query: '?site=demo', body: { gln: '4012345000009' } }],
  ['POST /v1/customers/lookup', { body: { customer_id: 'C1' } }],
  ['GET /v1/customers', { query: '?order=recent' }],
  ['GET /v1/customers', { query: '?segment=loyal' }],
  ['GET /v1/customers/C1', {}],
  ['GET /v1/customers/C1/timeline', { query: '?limit=1' }],
  ['GET /v1/events', { query: '?type=login' }],
  ['GET /v1/reports/links', {}],
  ['GET /v1/reports/funnel', { query: '?by=browser' }],
];

export const BAD: readonly [string, Request & { status?: number; field?: string }][] = [
  ['GET /v1/nothing', { status: 404 }],
  ['GET /v1/stores', { query: '?site=demo&site=other', field: 'site' }],
  ['POST /v1/stores', { body: { id: 'paris', gln: '1' }, field: 'gln' }],
  ['POST /v1/stores', { body: { name: 'Paris' }, field: 'id' }],
  ['PATCH /v1/stores/paris', { body: { id: 'lyon' }, field: 'id' }],
  ['PATCH /v1/stores/nowhere', { body: { name: 'x' }, status: 404 }],
  ['POST /v1/customers/lookup', { body: { customer_id: 1 }, field: 'customer_id' }],
  ['POST /v1/customers/lookup', { body: {} }],
  ['GET /v1/customers', { query: '?segment=rich', field: 'segment' }],
  ['GET /v1/customers', { query: '?cursor=!', field: 'cursor' }],
  ['GET /v1/customers/nobody', { status: 404 }],
  ['GET /v1/customers/nobody/timeline', { status: 404 }],
  ['GET /v1/customers/C1/timeline', { query: '?before=x', field: 'before' }],
  ['GET /v1/events', { query: '?cursor=!', field: 'cursor' }],
  ['GET /v1/events', { query: '?from=yesterday', field: 'from' }],
  ['GET /v1/reports/links', { query: '?from=2026-01-02&to=2026-01-01', field: 'to' }],
  ['GET /v1/reports/funnel', { query: '?by=household', field: 'by' }],
];

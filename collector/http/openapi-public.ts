/** What needs no token, for the OpenAPI document: what browsers and phones call, and what watches the collector. */
import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { LIMITS, REJECT_REASONS } from '../../protocol/event.ts';

const Rejected = z.object({ event_id: z.string().nullable(), reason: z.enum(REJECT_REASONS), field: z.string().optional() });
const WireEvent = z
  .looseObject({
    event_id: z.string(),
    type: z.string(),
    time: z.int(),
    anonymous_id: z.string().optional(),
    session_id: z.string().optional(),
    customer_id: z.string().optional(),
    url: z.string().optional(),
    props: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'WireEvent', description: 'docs/protocol.md has all fields' });
const Batch = z.object({
  v: z.int(),
  site: z.string(),
  sent_at: z.int(),
  dropped: z.int().optional(),
  events: z.array(WireEvent).max(LIMITS.events),
});

const text = (type: string) => ({ content: { [type]: { schema: { type: 'string' as const } } } });
const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const Refused = z.looseObject({ type: z.string(), status: z.int(), title: z.string(), reason: z.string().optional() });
const refused = { content: { 'application/problem+json': { schema: Refused } } };
const byPath = (name: string) => ({ requestParams: { path: z.object({ [name]: z.string() }) } });

/** One that anyone may call. */
function open(summary: string, responses: Record<string, object>, more: Partial<ZodOpenApiOperationObject> = {}) {
  const described = Object.entries(responses).map(([status, response]) => [status, { description: summary, ...response }]);
  return {
    summary,
    tags: ['no token needed'],
    security: [],
    responses: Object.fromEntries(described) as ZodOpenApiResponsesObject,
    ...more,
  };
}

export const PUBLIC_PATHS: ZodOpenApiPathsObject = {
  '/e': {
    post: open(
      'Takes a batch of events; 204: all stored durably, or known already',
      {
        204: {},
        200: json(z.object({ accepted: z.int(), rejected: z.array(Rejected) })),
        ...Object.fromEntries([400, 403, 413, 429, 503, 507].map((status) => [status, refused])),
      },
      { requestBody: { content: { 'application/json': { schema: Batch } }, required: true } },
    ),
  },
  '/q/{code}': { get: open('A printed code: stores the scan, then sends on', { 302: {}, 404: text('text/html') }, byPath('code')) },
  '/{ai}/{value}': {
    get: open(
      'A GS1 Digital Link: stores the scan, then sends on',
      { 307: {}, 404: text('text/html') },
      {
        requestParams: { path: z.object({ ai: z.string(), value: z.string() }), query: z.object({ linkType: z.string().optional() }) },
      },
    ),
  },
  '/t.js': { get: open('The tag', { 200: text('text/javascript') }) },
  '/t/manifest.json': { get: open('The versions of the tag, with their integrity', { 200: json(z.looseObject({})) }) },
  '/healthz': { get: open('Alive', { 200: json(z.object({ status: z.literal('alive') })) }) },
  '/readyz': { get: open('Ready: a row was written and read back', { 200: json(z.object({ status: z.literal('ready') })) }) },
  '/metrics': { get: open('Prometheus metrics', { 200: text('text/plain') }) },
  '/openapi.json': { get: open('This document', { 200: json(z.looseObject({ openapi: z.string() })) }) },
  '/docs': { get: open('This document as a page', { 200: text('text/html') }) },
};

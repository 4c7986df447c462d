/** The OpenAPI 3.1 document, made from the descriptions that check the requests. */
import { z } from 'zod';
import { createDocument, type ZodOpenApiObject, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import { type Endpoint, statusOf } from './endpoint.ts';
import { PUBLIC_PATHS } from './openapi-public.ts';

export type OpenApi = ReturnType<typeof createDocument>;

export interface OpenApiOptions {
  endpoints: readonly Endpoint[];
  version: string;
  url: string;
}

export function openApi({ endpoints, version, url }: OpenApiOptions): OpenApi {
  const paths: ZodOpenApiPathsObject = { ...PUBLIC_PATHS };
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint, path) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: { title: 'Footfall', version, description: 'Which sessions belong to which customer, with the evidence.' },
    servers: [{ url }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A token: sk_…' } },
      responses: {
        Problem: {
          description: 'Refused: why, and which field does not fit (RFC 9457)',
          content: { 'application/problem+json': { schema: ShownProblem } },
        },
      },
    },
  } satisfies ZodOpenApiObject);
}

const ShownProblem = z
  .looseObject({ type: z.string(), status: z.int(), title: z.string(), field: z.string().optional() })
  .meta({ id: 'Problem' });

function operation(endpoint: Endpoint, path: string): ZodOpenApiOperationObject {
  const { method, scope, summary, query, body, upload, answers, media = [] } = endpoint;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const streams = Object.fromEntries(media.map((type) => [type, { schema: { type: 'string' as const } }]));
  const usual = statusOf(endpoint);
  const statuses = Object.entries({ [usual]: null, ...answers }).map(([status, schema]) => {
    const content = { ...(schema && { 'application/json': { schema } }), ...(Number(status) === usual && streams) };
    return [status, { description: summary, ...(Object.keys(content).length > 0 && { content }) }];
  });
  return {
    operationId: [method.toLowerCase(), ...path.split(/[^a-z0-9]+/i).filter((part) => part && part !== 'v1')].join('_'),
    summary,
    description: `Scope: ${scope}.`,
    tags: [path.split('/')[2] ?? ''],
    requestParams: {
      ...(names.length > 0 && { path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) }),
      ...(query && { query: z.strictObject(query) }),
    },
    ...(body && { requestBody: { content: { 'application/json': { schema: body } }, required: true } }),
    ...(upload && { requestBody: { content: { [upload.type]: { schema: { type: 'string' as const } } }, required: true } }),
    responses: { ...Object.fromEntries(statuses), default: { $ref: '#/components/responses/Problem' } },
  };
}

/** `GET /openapi.json`, and the same for people: a page of our own at `/docs`, without scripts or anyone else's files. */
import { createHash } from 'node:crypto';
import { Router } from 'express';
import { type OpenApi, type OpenApiOptions, openApi } from './openapi.ts';

export function docsRoutes(options: () => OpenApiOptions): Router {
  const router = Router();
  let made: { document: OpenApi; page: string } | undefined;
  const document = (): { document: OpenApi; page: string } => {
    if (made === undefined) {
      const described = openApi(options());
      made = { document: described, page: pageOf(described) };
    }
    return made;
  };
  router.get('/openapi.json', (_req, res) => void res.json(document().document));
  router.get('/docs', (_req, res) => void res.set(HEADERS).type('html').send(document().page));
  return router;
}

type Operation = NonNullable<NonNullable<OpenApi['paths']>[string]['get']>;
/** What of JSON Schema our documents use. */
interface Schema {
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  type?: string | string[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
}

const METHODS = ['get', 'post', 'patch', 'delete'] as const;

function pageOf({ info, paths = {}, components, servers }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item?.[method];
      return operation ? [{ path, method, operation, tag: operation.tags?.[0] ?? '' }] : [];
    }),
  );
  const tags = [...new Set(operations.map(({ tag }) => tag))].sort();
  const sections = tags.map((tag) => {
    const inside = operations.filter((one) => one.tag === tag);
    const shown = inside.map(({ path, method, operation }) => operationOf(method.toUpperCase(), path, operation, servers?.[0]?.url ?? ''));
    return `<section><h2 id="${slug(tag)}">${escaped(tag)}</h2>${shown.join('')}</section>`;
  });
  const schemas = Object.entries(components?.schemas ?? {}).map(
    ([name, schema]) => `<dt id="schema-${escaped(name)}">${escaped(name)}</dt><dd><pre>${outline(schema as Schema)}</pre></dd>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escaped(info.title)} API</title><style>${STYLE}</style></head>
<body><header><h1>${escaped(info.title)} API <small>${escaped(info.version)}</small></h1>
<p>${escaped(info.description ?? '')} Send a token with each request: <code>Authorization: Bearer sk_…</code>. A refusal is a problem
(RFC 9457) whose <code>field</code> names what does not fit. Programs read <a href="/openapi.json">openapi.json</a>.</p>
<nav aria-label="Endpoints">${tags.map((tag) => `<a href="#${slug(tag)}">${escaped(tag)}</a>`).join(' ')} <a href="#schemas">schemas</a></nav></header>
<main>${sections.join('')}<section><h2 id="schemas">schemas</h2><dl>${schemas.join('')}</dl></section></main></body></html>
`;
}

function operationOf(method: string, path: string, operation: Operation, url: string): string {
  const { summary = '', description = '', parameters = [], requestBody, responses = {} } = operation;
  const given = parameters.flatMap((parameter) => ('name' in parameter ? [parameter] : []));
  const rows = given.map(
    ({ name, in: place, required, schema, description: about = '' }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${place}${required ? ', needed' : ''}</td><td><code>${outline(schema as Schema)}</code></td><td>${escaped(about)}</td></tr>`,
  );
  const [type, body] = requestBody && 'content' in requestBody ? (Object.entries(requestBody.content)[0] ?? []) : [];
  const answers = Object.entries(responses).flatMap(([status, answer]) => {
    if (!('description' in (answer as object))) return [];
    const contents = Object.entries((answer as { content?: Record<string, { schema?: Schema }> }).content ?? {});
    if (contents.length === 0) return [`<dt>${status}</dt><dd>nothing in it</dd>`];
    return contents.map(([media, { schema }]) => `<dt>${status} <code>${escaped(media)}</code></dt><dd><pre>${outline(schema)}</pre></dd>`);
  });
  return `<article id="${slug(`${method} ${path}`)}"><h3><code>${method} ${escaped(path)}</code></h3>
<p>${escaped(summary)}. ${escaped(description)}</p>
${rows.length > 0 ? `<table><thead><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table>` : ''}
${type ? `<h4>Body <code>${escaped(type)}</code></h4><pre>${outline(body?.schema)}</pre>` : ''}
<h4>Answers</h4><dl>${answers.join('')}</dl>
<h4>Example</h4><pre>${escaped(curlOf(method, url + path, operation, type, body?.schema))}</pre></article>`;
}

function curlOf(method: string, url: string, { security }: Operation, type: string | undefined, schema: Schema | undefined): string {
  const lines = [
    `curl${method === 'GET' ? '' : ` -X ${method}`} '${url.replaceAll(/\{(\w+)\}/g, (_all, name: string) => name.toUpperCase())}'`,
  ];
  if (security?.length !== 0) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (type)
    lines.push(
      `-H 'Content-Type: ${type}'`,
      type === 'application/json' ? `-d '${JSON.stringify(sampleOf(schema))}'` : '--data-binary @FILE',
    );
  return lines.join(' \\\n  ');
}

/** The smallest value of a schema: its needed fields only. */
function sampleOf(schema: Schema | undefined): unknown {
  if (schema === undefined || schema.$ref) return {};
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const [choice] = schema.oneOf ?? schema.anyOf ?? [];
  if (choice) return sampleOf(choice);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'array') return [sampleOf(schema.items)];
  if (type === 'integer' || type === 'number') return 1;
  if (type === 'boolean') return true;
  if (type === 'string') return '…';
  return Object.fromEntries((schema.required ?? []).map((name) => [name, sampleOf(schema.properties?.[name])]));
}

/** A schema as one would note it down: `{ id: string, gln?: string | null }`; as HTML. */
function outline(schema: Schema | undefined, depth = 0): string {
  if (schema === undefined || Object.keys(schema).length === 0) return 'anything';
  if (schema.$ref) {
    const name = escaped(schema.$ref.split('/').at(-1) ?? '');
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (schema.const !== undefined) return escaped(JSON.stringify(schema.const));
  if (schema.enum) return schema.enum.map((value) => escaped(JSON.stringify(value))).join(' | ');
  const choices = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (choices) return choices.map((choice) => outline(choice, depth)).join(schema.allOf ? ' &amp; ' : ' | ');
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? 'object'];
  return types
    .map((type) => (type === 'object' ? fields(schema, depth) : type === 'array' ? `${outline(schema.items, depth)}[]` : type))
    .join(' | ');
}

function fields({ properties = {}, required = [], additionalProperties }: Schema, depth: number): string {
  const indent = '  '.repeat(depth + 1);
  const lines = Object.entries(properties).map(
    ([name, schema]) => `${indent}${escaped(name)}${required.includes(name) ? '' : '?'}: ${outline(schema, depth + 1)}`,
  );
  if (typeof additionalProperties === 'object') lines.push(`${indent}[name]: ${outline(additionalProperties, depth + 1)}`);
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`;
}

const slug = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

const STYLE = `
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1f2937;background:#fff}
code,pre{font:14px/1.5 ui-monospace,monospace}
pre{overflow-x:auto;padding:.6rem .8rem;background:#f3f4f6;border-radius:.4rem;margin:.3rem 0 1rem}
h2{margin-top:3rem;border-bottom:2px solid #0d9488}h3{margin:2.2rem 0 .2rem}h4{margin:.8rem 0 0}small{color:#6b7280;font-weight:400}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-bottom:1px solid #e5e7eb}
nav a{display:inline-block;margin-right:.6rem}a{color:#0f766e}dt{font-weight:600}dd{margin:0}
@media(prefers-color-scheme:dark){body{color:#e5e7eb;background:#111827}pre{background:#1f2937}a{color:#5eead4}th,td{border-color:#374151}}
`;

const HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

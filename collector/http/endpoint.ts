/** One description of an endpoint: it lets requests in, checks them, and is what the OpenAPI document is made from. */
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import type { AuditEntry, Scope } from '../store/store.ts';
import type { Audit, Subject } from './audit.ts';
import { type Access, type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { parse } from './problem.ts';

type Shape = Record<string, z.ZodType>;
type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
type Answers = Record<number, z.ZodType | null>;
/** The names in a path: `code` of `/v1/codes/:code`. */
type Names<P extends string> = P extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer More}`
    ? Name | Names<More>
    : Rest extends `${infer Name}.${string}`
      ? Name
      : Rest
  : never;

export interface Description<Q extends Shape = Shape, B extends z.ZodType = z.ZodType, A extends Answers = Answers> {
  scope: Scope;
  /** Only for tokens that reach every site: it tells or does something about all of them. */
  every_site?: true;
  /** What it answers or does, in a line. */
  summary: string;
  /** Personal data that it reads goes into the audit log: whose id `:id` is, or a selection of many. */
  reads?: Subject | 'selection';
  /** Parameters of the query. Any other is refused. */
  query?: Q;
  /** A JSON body. */
  body?: B;
  /** A body of another kind, which the handler reads, or `read` does before it. */
  upload?: { type: string; read?: RequestHandler };
  /** Bodies by status, null for none. */
  answers: A;
  /** The status that the handler need not set; else the smallest of them, or 200. */
  status?: number;
  /** Other types that the answer of this status may have; the handler sends those itself. */
  media?: readonly string[];
}

/** What a handler gets: checked, and let in. */
export interface Call<P extends string, Q extends Shape, B extends z.ZodType> {
  query: z.output<z.ZodObject<Q>>;
  body: z.output<B>;
  params: Record<Names<P>, string>;
  access: Access;
  /** What the audit log notes of this call: a decision writes it in its own transaction. */
  noted: AuditEntry;
  /** Notes that personal data of this one, or (null) of nobody in particular, were read as well. */
  noteRead(kind: Subject | null, id: string, site?: string): void;
  req: Request;
  res: Response;
}

/** What a handler gives: the body of one of its answers, or nothing where it has sent the answer itself. */
type Given<A extends Answers> = { [Status in keyof A]: A[Status] extends z.ZodType ? z.input<A[Status]> : undefined }[keyof A];

export interface Endpoint extends Description {
  method: Method;
  /** With `:name` where a parameter stands. */
  path: string;
}

export interface Api {
  endpoint<const P extends `${Method} /v1/${string}`, Q extends Shape, B extends z.ZodType, A extends Answers>(
    /** As `GET /v1/stores/:id`. */
    name: P,
    description: Description<Q, B, A>,
    handle: (call: Call<P, Q, B>) => Promise<Given<A> | undefined>,
  ): void;
  /** All that were described, in the order of their routes. */
  readonly endpoints: readonly Endpoint[];
  readonly router: Router;
}

export function statusOf({ status, answers }: Pick<Description, 'status' | 'answers'>): number {
  return status ?? Number(Object.keys(answers)[0] ?? 200);
}

export interface ApiOptions {
  auth: Auth;
  audit: Audit;
  /** Goes before every endpoint. */
  limit: RequestHandler;
  /** Resolves when what was acknowledged by now can be read. */
  settled: () => Promise<void>;
  /** All that there are. */
  sites: () => readonly { site: string }[];
  now: () => Millis;
}

export function createApi({ auth, audit, limit, settled, sites, now }: ApiOptions): Api {
  const router = Router();
  router.use('/v1', limit);
  const endpoints: Endpoint[] = [];
  return {
    router,
    endpoints,
    endpoint(name, description, handle) {
      const [method, path] = name.split(' ') as [Method, string];
      const { scope, upload } = description;
      const query = z.strictObject(description.query ?? {});
      const status = statusOf(description);
      endpoints.push({ ...(description as unknown as Description), method, path });
      const before = [requireScope(auth, scope, now), ...(upload?.read ? [upload.read] : [])];
      router[method.toLowerCase() as 'get'](path, ...before, async (req, res) => {
        if (description.every_site && accessOf(res).sites !== null) throw new Problem(403, 'This needs a token for every site');
        const given = Object.entries(req.query).filter(([, value]) => value !== '');
        // An id that its sender does not have must not select everything.
        for (const name of Object.keys(NAMED)) if (req.query[name] === '' && name in query.shape) throw badField(name, 'expected an id');
        const call = {
          query: parse(query, Object.fromEntries(given), 'query'),
          body: description.body && parse(description.body, req.body ?? {}, 'body'),
          ...{ params: req.params, access: accessOf(res), req, res: res.status(status) },
        };
        const { site } = call.query as { site?: string };
        siteFor(call.access, site);
        if (site !== undefined && !sites().some((known) => known.site === site))
          throw new Problem(404, `No such site: ${site}`, { field: 'site' });
        await settled();
        const about = aboutOf(description.reads, call);
        const reached = call.access.sites ?? sites().map((known) => known.site);
        const [only = null] = reached.length === 1 ? reached : [];
        const noted = audit.entry(call.access, name, { ...about, site: about.site ?? only });
        if (description.reads) audit.read(noted);
        const noteRead = (kind: Subject | null, id: string, site = noted.site): void =>
          audit.read(audit.entry(call.access, name, { site, subject: kind === null ? undefined : { kind, id }, fields: noted.fields }));
        const answer = await handle({ ...call, noted, noteRead } as unknown as Parameters<typeof handle>[0]);
        if (answer !== undefined) res.json(answer);
        else if (!res.headersSent) res.end();
      });
    },
  };
}

const NAMED = { customer_id: 'customer', person_id: 'customer', anonymous_id: 'browser', session_id: 'session' } as const;

/** Whom a call is about: its path says so, or its query; fields by their names only. */
function aboutOf(
  reads: Subject | 'selection' | undefined,
  { query, body, params }: Pick<Call<string, Shape, z.ZodType>, 'query' | 'body' | 'params'>,
) {
  const asked = { ...(typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {}), ...query } as Record<string, unknown>;
  const fields = Object.keys(asked).filter((name) => asked[name] !== undefined && asked[name] !== false && !PAGING.includes(name));
  const [named] = Object.keys(NAMED).filter((name) => typeof asked[name] === 'string') as (keyof typeof NAMED)[];
  const { id } = params as { id?: string };
  const subject =
    reads !== undefined && reads !== 'selection' && id !== undefined
      ? { kind: reads, id }
      : named && { kind: NAMED[named], id: asked[named] as string };
  return { site: typeof asked['site'] === 'string' ? asked['site'] : null, subject, fields };
}

const PAGING = ['limit', 'cursor', 'order', 'since', 'before'];

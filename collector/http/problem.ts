/** Every refusal in one shape: RFC 9457 problem JSON. What is not expected is logged and hidden. */
import type { ErrorRequestHandler } from 'express';
import type { z } from 'zod';
import { Problem, StoreUnavailable } from '../errors.ts';
import { wellFormedAll } from '../linking/well-formed.ts';
import type { Logger } from '../log.ts';

/** A JSON body that fits its schema, its text cleaned as on the wire; else a problem that names the field. */
export function parseBody<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  return parse(schema, body ?? {}, 'body');
}

/** A value that fits its schema; else a problem that names the field, or `whole` where none is to blame. */
export function parse<T extends z.ZodType>(schema: T, value: unknown, whole: string): z.infer<T> {
  const result = schema.safeParse(wellFormedAll(value));
  if (result.success) return result.data;
  const issue = tellingIssue(result.error.issues);
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : '';
  const field = [issue?.path.join('.'), unknown].filter(Boolean).join('.') || whole;
  throw new Problem(400, `${field}: ${unknown ? 'not known here' : (issue?.message ?? 'does not fit')}`, { field });
}

/** Of a choice between bodies: what is wrong with the one that fits best. */
function tellingIssue(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue | undefined {
  const [issue] = issues;
  if (issue?.code !== 'invalid_union' || issue.errors.length === 0) return issue;
  const [best = []] = [...issue.errors].sort((a, b) => a.length - b.length);
  const inner = tellingIssue(best);
  return inner && { ...inner, path: [...issue.path, ...inner.path] };
}

export function problemHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    if (res.headersSent) return next(error);
    const problem = asProblem(error);
    if (problem.status >= 500) log.error({ err: error }, problem.title);
    res.status(problem.status).set(problem.headers).type('application/problem+json');
    res.send(JSON.stringify({ type: 'about:blank', status: problem.status, title: problem.title, ...problem.more }));
  };
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailable) return new Problem(error.kind === 'full' ? 507 : 503, error.message, {}, { 'retry-after': '5' });
  // body-parser and the router say with `status` what a client did wrong.
  if (error instanceof Error && 'type' in error && error.type === 'entity.parse.failed')
    return new Problem(400, 'body: not JSON', { field: 'body' });
  if (error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status >= 400 && error.status < 500)
    return new Problem(error.status, error.message);
  return new Problem(500, 'Internal error');
}

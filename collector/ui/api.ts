/** Asks the collector, as the one whose session the browser holds. The pages' only way to it, but for the stream (stream.ts). */

type Query = Readonly<Record<string, string | number | null | undefined>>;

export interface Api {
  get<T>(path: string, query?: Query): Promise<T>;
  /** A Blob is sent as it is; anything else as JSON. */
  send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object, query?: Query): Promise<T>;
  /** For answers that are files. */
  file(path: string, body: object): Promise<Blob>;
}

/** `refused`: nobody is signed in (any more). `unreachable`: no answer. `failed`: an answer that is an error. */
type FailureKind = 'refused' | 'unreachable' | 'failed';

export interface Failure {
  kind: FailureKind;
  status: number;
  message: string;
}

/** Rejects with a `Failure`, never with anything else. Whoever asked hears of a refusal, and so does `onRefused`. */
export function createApi(
  onRefused: (failure: Failure) => void = () => undefined,
  send: typeof fetch = (input, init) => fetch(input, init),
): Api {
  async function ask<T>(method: string, path: string, query: Query, body?: object, isFile = false): Promise<T> {
    let response: Response;
    let answer: unknown;
    const blob = body instanceof Blob;
    const type = blob ? body.type || 'application/octet-stream' : 'application/json';
    try {
      response = await send(withQuery(path, query), {
        method,
        headers: { accept: isFile ? '*/*' : 'application/json', ...(body && { 'content-type': type }) },
        signal: AbortSignal.timeout(PATIENCE),
        ...(body && { body: blob ? body : JSON.stringify(body) }),
      });
      if (response.status === 204) answer = {};
      else answer = isFile && response.ok ? await response.blob() : await response.json().catch(() => null);
    } catch {
      throw failure('unreachable', 0, 'The collector does not answer.');
    }
    if (response.ok && answer !== null) return answer as T;
    const message = problemText(answer) ?? `The collector answered ${response.status}.`;
    if (response.status !== 401) throw failure('failed', response.status, message);
    const refusal = failure('refused', 401, message);
    onRefused(refusal);
    throw refusal;
  }
  return {
    get: (path, query = {}) => ask('GET', path, query),
    send: (method, path, body, query = {}) => ask(method, path, query, body),
    file: (path, body) => ask('POST', path, {}, body, true),
  };
}

/** A path with what is set of a query, in its order: what the page asks, and what `curl` would. */
export function withQuery(path: string, query: Query): string {
  const set = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
  return search === '' ? path : `${path}?${search}`;
}

export function asFailure(thrown: unknown): Failure {
  if (typeof thrown === 'object' && thrown !== null && 'kind' in thrown && 'message' in thrown) return thrown as Failure;
  return { kind: 'failed', status: 0, message: String(thrown) };
}

const PATIENCE = 20_000;

function failure(kind: FailureKind, status: number, message: string): Failure {
  return { kind, status, message };
}

/** The human part of an RFC 9457 problem. */
function problemText(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  const { title, detail } = body as { title?: unknown; detail?: unknown };
  if (typeof detail === 'string') return detail;
  return typeof title === 'string' ? title : null;
}

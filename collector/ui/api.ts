/** Reads the collector's API with the token of the one who looks. */

export type Api = <T>(path: string, query?: Readonly<Record<string, string | number>>) => Promise<T>;

/** `refused`: the token is not good (any more). `unreachable`: no answer. `failed`: an answer that is an error. */
type FailureKind = 'refused' | 'unreachable' | 'failed';

export interface Failure {
  kind: FailureKind;
  status: number;
  message: string;
}

/** Rejects with a `Failure`, never with anything else. */
export function createApi(token: string, send: typeof fetch = (input, init) => fetch(input, init)): Api {
  return async <T>(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<T> => {
    const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
    const request = { headers: { authorization: `Bearer ${token}`, accept: 'application/json' }, signal: AbortSignal.timeout(PATIENCE) };
    let response: Response;
    let body: unknown;
    try {
      response = await send(search === '' ? path : `${path}?${search}`, request);
      body = await response.json().catch(() => null);
    } catch {
      throw failure('unreachable', 0, 'The collector does not answer.');
    }
    if (response.ok && body !== null) return body as T;
    if (response.status === 401) throw failure('refused', 401, 'This token is not valid (any more).');
    throw failure('failed', response.status, problemText(body) ?? `The collector answered ${response.status}.`);
  };
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

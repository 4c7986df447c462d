/** Expected refusals of the API, as RFC 9457 problems; everything else that is thrown is a bug or a fault of the machine. */

export class Problem extends Error {
  override readonly name = 'Problem';
  constructor(
    /** HTTP status. */
    readonly status: number,
    /** What is wrong, for a person. */
    readonly title: string,
    /** More members of the problem, e.g. `field` or `choices`. */
    readonly more: Record<string, unknown> = {},
    readonly headers: Record<string, string> = {},
  ) {
    super(title);
  }
}

export function badField(field: string, expected: string): Problem {
  return new Problem(400, `${field}: ${expected}`, { field });
}

/** The store could not take a write now, though it may later: disk full (507) or out of order (503). Nothing was stored. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  constructor(
    readonly kind: 'full' | 'down',
    options?: ErrorOptions,
  ) {
    super(kind === 'full' ? 'the disk is full' : 'the store is out of order', options);
  }
}

/** A setting, data directory or schema with which the start cannot go on. Its message is for the operator. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

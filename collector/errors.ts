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

/**
 * The store did not take a write: the disk is full (507, it may take it later), it is out of order (503), or an I/O error broke
 * it (503): then nothing is to be tried again in this process. Nothing was acknowledged.
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  constructor(
    readonly kind: 'full' | 'down' | 'broken',
    options?: ErrorOptions,
  ) {
    super(kind === 'full' ? 'the disk is full' : 'the store is out of order', options);
  }
}

/** A setting, data directory or schema with which the start cannot go on. Its message is for the operator. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

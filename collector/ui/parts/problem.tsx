/** Says what failed, and offers to try again. */
import type { Failure } from '../api.ts';

export function Problem({ failure, again }: { failure: Pick<Failure, 'message'>; again?: () => void }) {
  return (
    <p class="banner" role="alert">
      {failure.message}{' '}
      {again && (
        <button class="plain" type="button" onClick={again}>
          Try again
        </button>
      )}
    </p>
  );
}

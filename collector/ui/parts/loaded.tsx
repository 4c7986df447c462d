/** Shows what was read; before that, that it is being read; and after a failure, what failed and a button to try again. */
import type { ComponentChildren } from 'preact';
import type { Load } from '../load.ts';
import { Problem } from './problem.tsx';

interface LoadedProps<T> {
  of: Load<T>;
  children: (value: T) => ComponentChildren;
}

export function Loaded<T>({ of, children }: LoadedProps<T>) {
  const value = of.value.value;
  const failure = of.failure.value;
  return (
    <div class="loaded" aria-busy={of.busy.value}>
      {failure !== null && failure.kind !== 'refused' && <Problem failure={failure} again={of.again} />}
      {value !== null && children(value)}
      {value === null && failure === null && <p class="quiet waiting">Reading …</p>}
    </div>
  );
}

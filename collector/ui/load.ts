/** Reads what a page shows, once and again, and says how that stands. */
import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { asFailure, type Failure } from './api.ts';

export interface Load<T> {
  /** The last answer; it stays while the next is awaited, and when that fails. */
  value: Signal<T | null>;
  failure: Signal<Failure | null>;
  busy: Signal<boolean>;
  again: () => void;
}

/** Reads when the page appears and whenever one of `on` changes. An answer that was overtaken by a newer question is dropped. */
export function useLoad<T>(read: () => Promise<T>, on: readonly unknown[]): Load<T> {
  const load = useMemo(() => {
    const value = signal<T | null>(null);
    const failure = signal<Failure | null>(null);
    const busy = signal(true);
    return { value, failure, busy, asked: 0 };
  }, []);
  const ask = (): void => {
    load.asked += 1;
    const mine = load.asked;
    load.busy.value = true;
    const end = (result: T | null, failed: Failure | null): void => {
      if (mine !== load.asked) return;
      if (failed === null) load.value.value = result;
      load.failure.value = failed;
      load.busy.value = false;
    };
    read().then(
      (result) => end(result, null),
      (thrown) => end(null, asFailure(thrown)),
    );
  };
  useEffect(() => {
    ask();
    return () => {
      load.asked += 1;
    };
  }, on);
  return { value: load.value, failure: load.failure, busy: load.busy, again: ask };
}

/** Where the tag's own failures end: the page must never see one. */

/** The same function, but where it would have thrown it gives nothing, after `failed` has heard of it. */
export function guard<A extends unknown[], R>(run: (...args: A) => R, failed?: () => void): (...args: A) => R | undefined {
  return (...args) => {
    try {
      return run(...args);
    } catch {
      if (failed) failed();
    }
  };
}

export function attempt<R>(run: () => R): R | undefined {
  return guard(run)();
}

/** Listens in the capture phase: a page that stops an event does not hide it. */
export function listen<E extends Event>(target: EventTarget, types: string, handle: (event: E) => void): void {
  for (const type of types.split(' ')) target.addEventListener(type, guard(handle) as EventListener, true);
}

/** Where the tag's own failures end: the page must never see one. */

/** The same function, but it gives `undefined` where it would have thrown. */
export function guard<A extends unknown[], R>(run: (...args: A) => R): (...args: A) => R | undefined {
  return (...args) => {
    try {
      return run(...args);
    } catch {
      return undefined;
    }
  };
}

export function attempt<R>(run: () => R): R | undefined {
  return guard(run)();
}

/** Listens first (capture phase) and passively: the tag watches events and never changes them. */
export function listen<E extends Event>(target: EventTarget, types: string, handle: (event: E) => void): void {
  for (const type of types.split(' ')) target.addEventListener(type, guard(handle) as EventListener, { capture: true, passive: true });
}

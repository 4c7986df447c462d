/** The pages' addresses. They live in the fragment, so no customer's id reaches a server's log by navigating. */
import { signal } from '@preact/signals';

export interface Route {
  /** `#/customers/demo/C1?before=…` → `['customers', 'demo', 'C1']`. */
  path: readonly string[];
  query: Readonly<Record<string, string>>;
}

export const route = signal<Route>({ path: [], query: {} });

/** Follows the address bar from now on. */
export function followAddress(): void {
  const read = (): void => {
    route.value = parseRoute(location.hash);
  };
  addEventListener('hashchange', () => {
    read();
    scrollTo(0, 0);
  });
  read();
}

/** A path that cannot be read is the empty one: the first page. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  try {
    return {
      path: path.split('/').filter(Boolean).map(decodeURIComponent),
      query: Object.fromEntries(new URLSearchParams(search)),
    };
  } catch {
    return { path: [], query: {} };
  }
}

export function addressOf(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

export function customerAddress(site: string, customerId: string): string {
  return addressOf(['customers', site, customerId]);
}

/** Changes parts of the query in the address bar, without a step in the history; `''` takes a part out. */
export function setQuery(change: Readonly<Record<string, string>>): void {
  const { path, query } = route.value;
  const kept = Object.fromEntries(Object.entries({ ...query, ...change }).filter(([, value]) => value !== ''));
  history.replaceState(null, '', addressOf(path, kept));
  route.value = { path, query: kept };
}

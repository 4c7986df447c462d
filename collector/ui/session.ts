/** Who is signed in, and on which sites: the cookie itself is the browser's business, no script sees it. */
import { signal } from '@preact/signals';
import { type Api, asFailure, createApi } from './api.ts';
import type { Site } from './types.ts';

interface Who {
  name: string;
  scopes: readonly ('read' | 'write' | 'admin')[];
  expires_at: number;
  /** The sites that the token reaches. */
  sites: readonly Site[];
}

/** Undefined until the collector has answered, null while nobody is signed in. */
export const who = signal<Who | null | undefined>(undefined);
/** Why nobody is signed in any more. */
export const farewell = signal<string | null>(null);
/** The site that the pages are about. */
export const chosenSite = signal<string | null>(null);

/** Ends the session here wherever the collector refuses it; the address stays, so that signing in again returns to the page. */
export const api: Api = createApi((failure) => {
  if (!who.value) return;
  farewell.value = failure.message;
  who.value = null;
});

/** Takes up the session of this browser, or of the token in the link (`#token=…`), which leaves the address bar at once. */
export async function resume(): Promise<void> {
  const token = takeToken(location, history);
  if (token !== null) return void (await signIn(token).catch((thrown) => give(asFailure(thrown).message)));
  try {
    await welcome(await api.get<Session>('/ui/session'));
  } catch (thrown) {
    const { kind, message } = asFailure(thrown);
    give(kind === 'refused' && message === NOBODY ? null : message);
  }
}

/** Rejects with a `Failure`. */
export async function signIn(token: string): Promise<void> {
  await api.send('POST', '/ui/session', { token });
  // WebKit keeps no Secure cookie of http://localhost: ask for a plain one, which the collector gives there only.
  const session = await api.get<Session>('/ui/session').catch(async () => {
    await api.send('POST', '/ui/session', { token, plain: true });
    return api.get<Session>('/ui/session');
  });
  await welcome(session);
}

export async function signOut(): Promise<void> {
  await api.send('DELETE', '/ui/session').catch(() => undefined);
  give(null);
}

export function mayDo(scope: 'read' | 'write' | 'admin'): boolean {
  return who.value?.scopes.includes(scope) ?? false;
}

export function chooseSite(site: string): void {
  chosenSite.value = site;
  localStorage.setItem(SITE_KEY, site);
}

/** The token of `#token=…`, taken out of the address bar and so out of the history and of shared links. */
export function takeToken(location: Location, history: History): string | null {
  const found = /^#token=([^&]+)$/.exec(location.hash)?.[1];
  if (found === undefined) return null;
  history.replaceState(null, '', location.pathname + location.search);
  try {
    return decodeURIComponent(found);
  } catch {
    return found;
  }
}

type Session = Omit<Who, 'sites'>;
const NOBODY = 'Nobody is signed in.';
const SITE_KEY = 'footfall_site';

async function welcome(session: Session): Promise<void> {
  const { sites } = await api.get<{ sites: Site[] }>('/v1/sites');
  const kept = localStorage.getItem(SITE_KEY);
  chosenSite.value = (sites.find(({ site }) => site === kept) ?? sites[0])?.site ?? null;
  farewell.value = null;
  who.value = { ...session, sites };
}

function give(reason: string | null): void {
  farewell.value = reason;
  who.value = null;
}

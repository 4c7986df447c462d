/** Where the page's token comes from and lives: the link's fragment once, then this tab's sessionStorage. */

/** Takes `#token=…` out of the address bar (and so out of the history and of shared links), else answers the one kept for this tab. */
export function takeToken(location: Location, history: History, storage: Storage): string | null {
  const found = /^#token=([^&]+)$/.exec(location.hash)?.[1];
  if (found === undefined) return storage.getItem(KEY);
  history.replaceState(null, '', location.pathname + location.search);
  const token = decodeFragment(found);
  storage.setItem(KEY, token);
  return token;
}

export function keepToken(token: string | null, storage: Storage): void {
  if (token === null) storage.removeItem(KEY);
  else storage.setItem(KEY, token);
}

const KEY = 'footfall_token';

function decodeFragment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

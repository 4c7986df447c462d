/** Page views: loads, in-page navigation, returns from the back/forward cache. */
import { attempt, listen } from '../guard.ts';
import { randomId } from '../random-id.ts';
import { record, view } from '../record.ts';
import { here, withoutScan } from '../scan.ts';
import { reportEngagement } from './engagement.ts';
import { readSearch } from './search.ts';

export function viewPage(props?: unknown): void {
  reportEngagement();
  const referrer = withoutScan(view.url || document.referrer);
  view.url = here();
  view.id = randomId(10);
  record('page_view', props, { referrer, title: document.title });
  readSearch();
}

/** The Navigation API sees every change of the URL; elsewhere the history's functions are wrapped, once. */
export function watchNavigation(): void {
  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) return listen(navigation, 'currententrychange', navigated);
  listen(window, 'popstate', navigated);
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name];
    history[name] = function (this: History, ...args) {
      try {
        original.apply(this, args);
      } finally {
        // Another's wrapper may have thrown after the address had changed.
        attempt(navigated);
      }
    };
  }
}

function navigated(): void {
  if (pageOf(here()) !== pageOf(view.url as string)) viewPage();
}

/** An anchor is a place on a page; `#/` and `#!` are routes. */
function pageOf(url: string): string {
  return url.replace(/#(?![/!]).*/, '');
}

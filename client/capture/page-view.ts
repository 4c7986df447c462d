/** Page views: loads, in-page navigation, returns from the back/forward cache. */
import { guard, listen } from '../guard.ts';
import { randomId } from '../random-id.ts';
import { record, view } from '../record.ts';
import { withoutScan } from '../scan.ts';
import { reportEngagement, resetEngagement } from './engagement.ts';
import { readSearch } from './search.ts';

export function viewPage(props?: unknown): void {
  if (viewed) {
    reportEngagement();
    beginView();
  }
  viewed = true;
  record('page_view', props, { referrer: view.referrer, title: document.title.slice(0, 512) });
  readSearch();
}

/** The page's first view, when it is first seen. */
export function viewOnce(): void {
  if (!viewed) viewPage();
}

/** Names the view: what happens before it is recorded belongs to it too. */
export function beginView(): void {
  resetEngagement();
  view.referrer = withoutScan(view.url || document.referrer).slice(0, 2_048);
  view.url = withoutScan(location.href);
  view.id = randomId(10);
}

/** The Navigation API sees every change of the URL; elsewhere the history's functions are wrapped, once. */
export function watchNavigation(): void {
  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) return listen(navigation, 'currententrychange', navigated);
  listen(window, 'popstate hashchange', navigated);
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name];
    history[name] = function (this: History, ...args) {
      original.apply(this, args);
      look();
    };
  }
}

const look = guard(navigated);
let viewed = false;

function navigated(): void {
  if (pageOf(withoutScan(location.href)) !== pageOf(view.url)) viewPage();
}

/** An anchor is a place on a page; `#/` and `#!` are routes. */
function pageOf(url: string): string {
  return url.replace(/#(?![/!]).*/, '');
}

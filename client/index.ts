/** The tag: only wires its parts together. */
import type { Consent } from '../protocol/event.ts';
import { watchClicks } from './capture/click.ts';
import { readLayer } from './capture/commerce.ts';
import { attend, reportEngagement } from './capture/engagement.ts';
import { viewPage, watchNavigation } from './capture/page-view.ts';
import { commands, type Footfall } from './command.ts';
import { configure, type Settings } from './config.ts';
import { applyConsent, consent, onConsent, startConsent } from './consent.ts';
import { guard, listen } from './guard.ts';
import { forgetDevice } from './identity.ts';
import { flush, resume } from './queue.ts';
import { moment, record, release, view } from './record.ts';

export type { Footfall, Ids } from './command.ts';
export type { Settings } from './config.ts';

/** Starts the tag once: a second call, or a second copy of the script, gets the first one. */
export const start = guard((settings: Settings): Footfall => {
  const names = window as unknown as Record<string, Footfall & { q?: Noted[] }>;
  const name = settings.name || 'footfall';
  const stub = names[name] || ({} as { v?: undefined; q?: undefined });
  if (stub.v) return stub;
  configure(settings);
  const footfall = guard((command: string, ...given: never[]) => (commands[command] as Call)(...given)) as Footfall;
  footfall.v = 1;
  names[name] = footfall;
  startConsent();
  readLayer(() => {
    for (const [given, url, time] of stub.q || []) {
      Object.assign(moment, { url, time });
      (footfall as Call)(...given);
    }
    Object.assign(moment, { url: '', time: 0 });
    if (!document.hidden) viewPage();
  });
  onConsent(heedConsent);
  if (consent === 'denied') forgetDevice();
  watchNavigation();
  watchClicks();
  listen(document, 'scroll pointermove keydown', attend);
  // `pagehide` comes first, and only to the window; `unload` would keep the page out of the back/forward cache.
  listen(window, 'pagehide', leave);
  listen(document, 'visibilitychange', () => (document.hidden ? leave() : show()));
  listen(window, 'online', resume);
  listen(window, 'pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) viewPage({ bfcache: true });
  });
  release(!(document as { prerendering?: boolean }).prerendering);
  // Plain events wait for the next tick, as do a dataLayer that came late and events that lost their page.
  setInterval(
    guard(() => {
      readLayer();
      flush();
    }),
    800,
  );
  return footfall;
});

/** The stub's notes: a call, where and when. */
type Noted = [given: Iterable<never>, url: string, time: number];
type Call = (...given: never[]) => void;

function show(): void {
  attend();
  if (!view.id) viewPage();
  release(true);
  resume();
}

function leave(): void {
  readLayer();
  reportEngagement();
  flush(true);
}

/** Ids come with consent and go with it; its withdrawal still carries them, since it cuts the browser's sessions. */
function heedConsent(next: Consent): void {
  const tell = () => record('consent', {}, { consent: next });
  if (next === 'denied') tell();
  applyConsent(next);
  release();
  if (next === 'denied') forgetDevice();
  else tell();
  flush();
}

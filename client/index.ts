/** The tag: only wires its parts together. */
import { watchClicks } from './capture/click.ts';
import { readLayer } from './capture/commerce.ts';
import { attend, reportEngagement, watchEngagement } from './capture/engagement.ts';
import { beginView, viewOnce, viewPage, watchNavigation } from './capture/page-view.ts';
import { commands, type Footfall } from './command.ts';
import { configure, type Settings } from './config.ts';
import { consent, decide, onConsentChange, startConsent } from './consent.ts';
import { attempt, guard, listen } from './guard.ts';
import { forgetDevice } from './identity.ts';
import { flush, flushLeaving, onAcknowledged, resume } from './queue.ts';
import { acknowledgeScan, at, record, release } from './record.ts';
import { closeStorage, openStorage } from './storage.ts';

export type { Footfall, Ids } from './command.ts';
export type { Settings } from './config.ts';

/** Starts the tag once; a second call, or a second copy of the script, gets the first one. */
export function start(settings: Settings): Footfall {
  const names = window as unknown as Record<string, (Footfall & { q?: Noted[] }) | undefined>;
  const name = settings.name || 'footfall';
  const stub = names[name];
  if (stub?.v) return stub;
  configure(settings);
  const footfall = guard((command: string, ...given: never[]) => commands[command]?.(...given)) as Footfall;
  footfall.v = 1;
  names[name] = footfall;
  const noted = stub?.q || [];
  const prerendered = document as { prerendering?: boolean };
  if (prerendered.prerendering) document.addEventListener('prerenderingchange', () => begin(noted), { once: true });
  else begin(noted);
  return footfall;
}

/** The stub's notes: a call, where and when. */
type Noted = [given: ArrayLike<unknown>, url: string, time: number];

const begin = guard((noted: Noted[]) => {
  startConsent();
  for (const [given] of noted) if (given[0] === 'consent') decide(given[1]);
  beginView();
  readLayer(() => {
    onConsentChange(heedConsent);
    if (consent === 'granted') openStorage();
    if (consent === 'denied') forgetDevice();
    for (const [[command, ...given], url, time] of noted.map(([given, ...rest]) => [Array.from(given), ...rest] as const)) {
      if (command !== 'consent') at({ url, time }, () => commands[String(command)]?.(...(given as never[])));
    }
    if (isVisible()) viewOnce();
  });
  watchNavigation();
  watchClicks();
  watchEngagement();
  onAcknowledged((event_ids) => {
    acknowledgeScan(event_ids);
    // The answer may have set the cookie again.
    if (consent === 'denied') forgetDevice();
  });
  // `pagehide` comes first and only to the window; `unload` would keep the page out of the back/forward cache.
  listen(window, 'pagehide', leave);
  listen(document, 'visibilitychange', () => (isVisible() ? show() : leave()));
  listen(window, 'online', resume);
  listen(window, 'pageshow', (event: PageTransitionEvent) => {
    if (event.persisted) viewPage({ bfcache: true });
  });
  release(isVisible());
  // Finds a dataLayer that came late or was replaced, and what tabs that died have left.
  setInterval(look, 1_000);
  setTimeout(flush, 6_000);
});

const look = guard(() => readLayer());
const isVisible = () => document.visibilityState !== 'hidden';

function show(): void {
  attend();
  viewOnce();
  release(true);
  resume();
}

function leave(): void {
  look();
  reportEngagement();
  flushLeaving();
}

/** Ids come with consent and go with it; the refusal itself still carries them, since it cuts the browser's sessions. */
function heedConsent(): void {
  if (consent === 'granted') openStorage();
  release(false);
  record('consent');
  if (consent === 'denied') forgetDevice();
  if (consent === 'pending') closeStorage();
  attempt(flush);
}

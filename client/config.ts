/** What the retailer set, on the script element or in its address. */
import type { Consent } from '../protocol/event.ts';

export interface Settings {
  /** The site's key at the collector. */
  site: string;
  /** Where the collector answers, without the `/e`. The script's own origin unless set. */
  collector: string;
  /** Domain of the cookies. Probed unless set. */
  domain?: string;
  /** The tag's one name on `window`. */
  name?: string;
  /** What holds until the page or its consent platform says otherwise. Default: granted. */
  consent?: Consent;
  /** Count events without any id where storage is denied. */
  cookieless?: boolean | string;
  /** Global Privacy Control denies storage. It is recorded in any case. */
  gpc?: boolean | string;
  /** This browser stands in public: sessions end after 5 idle minutes. */
  kiosk?: boolean | string;
  /** URL parameters (comma-separated) that carry a search term. */
  'search-param'?: string;
  /** Shows the overlay that says what is captured, sent and acknowledged. `?ff_debug=1` in a page's address does too. */
  debug?: boolean | string;
}

export let config: Settings;

export function configure(settings: Settings): void {
  config = settings;
}

/** `data-site="SHOP"` and `t.js?site=SHOP` say the same; the attribute goes first. */
export function settingsOf(script: HTMLScriptElement): Settings {
  const url = new URL(script.src);
  const settings: Record<string, string | boolean> = { collector: url.origin };
  const set = (value: string, name: string) => {
    settings[name] = value !== 'false' && (value || true);
  };
  url.searchParams.forEach(set);
  // Of `src`, `async` and the like this leaves names that mean nothing.
  for (const { name, value } of script.attributes) set(value, name.slice(5));
  return settings as unknown as Settings;
}

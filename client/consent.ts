/** May this device be written to? Hears the page, Consent Mode v2, TCF and Global Privacy Control; the latest word counts. */
import type { Consent } from '../protocol/event.ts';
import { config } from './config.ts';
import { guard } from './guard.ts';

export let consent: Consent = 'granted';

/** Global Privacy Control, where the browser has it. */
export const gpc = (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl;

export function decide(next: unknown): void {
  const wish = gpc && config.gpc ? 'denied' : next;
  if (wish !== consent && /^(granted|denied|pending)$/.test(wish as string)) heed(wish as Consent);
}

export function applyConsent(next: Consent): void {
  consent = next;
}

/** What holds at first: the site's own word, then that of a consent platform. */
export function startConsent(): void {
  decide(config.consent);
  const tcf = (window as { __tcfapi?: Tcf }).__tcfapi;
  if (!tcf) return;
  decide('pending');
  tcf(
    'addEventListener',
    2,
    guard((data, success) => {
      // Purpose 1: store and read on a device. While the banner is up, nothing is decided.
      if (success && data.eventStatus !== 'cmpuishown')
        decide(data.gdprApplies === false || data.purpose.consents[1] ? 'granted' : 'denied');
    }),
  );
}

/** gtag('consent', 'default' | 'update', {analytics_storage}). A denying default is a question still open: banners begin so. */
export function readConsentMode(command: unknown, storage: unknown): void {
  if (command === 'update') decide(storage);
  else if (storage === 'denied') decide('pending');
}

/** From here on `hear` applies each change. */
export function onConsent(hear: (next: Consent) => void): void {
  heed = hear;
}

let heed = applyConsent;

type Tcf = (command: string, version: number, heard: (data: TcData, success: boolean) => void) => void;
interface TcData {
  gdprApplies?: boolean;
  eventStatus?: string;
  purpose: { consents: Record<string, boolean> };
}

/** May this device be written to? Hears the page, Consent Mode v2, TCF and Global Privacy Control; the latest word counts. */
import type { Consent } from '../protocol/event.ts';
import { config } from './config.ts';
import { guard } from './guard.ts';

export let consent: Consent = 'granted';

/** Global Privacy Control, recorded with every event. */
export const gpc = !!(navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl;

export function decide(next: unknown): void {
  const before = consent;
  if (next === 'granted' && gpc && config.gpc === 'deny') next = 'denied';
  if (next === before || (next !== 'granted' && next !== 'denied' && next !== 'pending')) return;
  consent = next;
  heed(before);
}

/** Takes what is known at the start; from then on `change` hears of each change, and of what held before. */
export function startConsent(): void {
  if (config.consent) decide(config.consent);
  decide(consent);
  watchTcf();
}

export function onConsentChange(change: (before: Consent) => void): void {
  heed = change;
}

/** gtag('consent', 'default' | 'update', {analytics_storage}). A denying default is a question still open: consent banners begin so. */
export function readConsentMode(command: unknown, settings: unknown): void {
  const storage = (settings as { analytics_storage?: unknown }).analytics_storage;
  if (command === 'update') decide(storage);
  else if (storage === 'denied') decide('pending');
}

interface TcData {
  gdprApplies?: boolean;
  eventStatus?: string;
  purpose: { consents: Record<string, boolean> };
}
type Tcf = (command: string, version: number, heard: (data: TcData, success: boolean) => void) => void;

let heed: (before: Consent) => void = () => {};

/** Purpose 1: store and read on a device. Until the platform has spoken nothing is decided. */
function watchTcf(): void {
  const tcf = (window as { __tcfapi?: Tcf }).__tcfapi;
  if (!tcf) return;
  decide('pending');
  tcf(
    'addEventListener',
    2,
    guard((data: TcData, success: boolean) => {
      if (!success) return;
      if (data.gdprApplies === false || data.purpose.consents[1]) decide('granted');
      else decide(data.eventStatus === 'cmpuishown' ? 'pending' : 'denied');
    }),
  );
}

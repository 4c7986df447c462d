/** Watches the tag from outside: its requests, what it keeps on the device, its answers to `ready`. Changes neither. */
import type { Batch, Consent, WireEvent } from '../../protocol/event.ts';
import { attempt } from '../guard.ts';
import { QUEUE } from '../identity.ts';
import type { Tags } from './find-tags.ts';
import type { Answer, Seen, SeenEvent } from './installation.ts';

/** From now on; the result tells what was seen so far. */
export function watchTag({ scripts, site, name, collector }: Tags & { collector: string }): () => Seen {
  const events = new Map<string, SeenEvent>();
  const refused_by = new Set<string>();
  let answer: Answer | undefined;
  const mark = (sent: readonly WireEvent[], state: SeenEvent['state'], reason?: string) => {
    for (const { event_id, type } of sent) events.set(event_id, { event_id, type, state, ...(reason && { reason }) });
  };
  const hear = async (sent: readonly WireEvent[], response: Response) => {
    const told = (await response.json().catch(() => ({}))) as Told;
    answer = { status: response.status, reason: told.reason };
    if (response.ok) {
      mark(sent, 'acknowledged');
      for (const { event_id, reason } of told.rejected || [])
        mark(
          sent.filter((one) => one.event_id === event_id),
          'refused',
          reason,
        );
    } else mark(sent, /^(408|413|429|5)/.test(`${response.status}`) ? 'captured' : 'given up');
  };
  watchRequests(`${collector}/e`, {
    sent: (sent) => mark(sent, 'sent'),
    answered: (sent, response) => void hear(sent, response),
    failed(sent) {
      answer = { status: 0 };
      mark(sent, 'captured');
    },
  });
  document.addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) => {
    if (effectiveDirective === 'connect-src' && blockedURI.startsWith(collector)) refused_by.add(effectiveDirective);
  });
  const consentNow = askConsent(name);
  return () => {
    for (const { event_id, type } of waiting(site)) if (!events.has(event_id)) events.set(event_id, { event_id, type, state: 'captured' });
    return {
      ...{ scripts, site, collector, answer, origin: location.origin },
      started: !!tagOf(name)?.v,
      // Both are written with the first event that has consent.
      storage: !!attempt(() => localStorage['ff_id'] as string),
      cookie: /(^|; )ff_id=/.test(attempt(() => document.cookie) || ''),
      consent: consentNow(),
      gpc: !!(navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl,
      events: [...events.values()],
      refused_by: [...refused_by],
      data_layer: attempt(() => (window as unknown as { dataLayer: unknown[] }).dataLayer.length) || 0,
    };
  };
}

interface Told {
  reason?: string;
  rejected?: { event_id: string; reason: string }[];
}

interface Heard {
  sent(events: readonly WireEvent[]): void;
  answered(events: readonly WireEvent[], response: Response): void;
  failed(events: readonly WireEvent[]): void;
}

function watchRequests(url: string, { sent, answered, failed }: Heard): void {
  const read = (address: unknown, body: unknown) =>
    `${address}` === url && typeof body === 'string' ? attempt(() => (JSON.parse(body) as Batch).events) : undefined;
  const { fetch } = window;
  window.fetch = (...given) => {
    const answer = fetch.apply(window, given);
    const events = read(given[0], given[1]?.body);
    if (events) {
      sent(events);
      answer.then(
        (response) => answered(events, response.clone()),
        () => failed(events),
      );
    }
    return answer;
  };
  const { sendBeacon } = navigator;
  if (!sendBeacon) return;
  navigator.sendBeacon = (address, body) => {
    const events = read(address, body);
    if (events) sent(events);
    return sendBeacon.call(navigator, address, body);
  };
}

type Tag = ((command: 'ready', heard: (ids: { anonymous_id?: string }) => void) => void) & { v?: number };
const tagOf = (name: string) => (window as unknown as Record<string, Tag | undefined>)[name];

/** `ready` is answered at once when consent is decided, and with ids when it is granted. One question at a time stays open. */
function askConsent(name: string): () => Consent | undefined {
  let open = false;
  let consent: Consent | undefined;
  return () => {
    const tag = tagOf(name);
    if (!tag?.v || open) return consent;
    open = true;
    consent = 'pending';
    tag('ready', ({ anonymous_id }) => {
      open = false;
      consent = anonymous_id ? 'granted' : 'denied';
    });
    return consent;
  };
}

/** Events on the device that no answer has released. */
function waiting(site: string | undefined): WireEvent[] {
  const prefix = `${QUEUE + site}:`;
  const keys = attempt(() => Object.keys(localStorage)) || [];
  return keys.filter((key) => key.startsWith(prefix)).flatMap((key) => attempt(() => JSON.parse(localStorage[key]) as WireEvent) || []);
}

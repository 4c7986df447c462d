/** Follows what the collector stores, as it is stored: one stream a page, taken up again where it was cut off. */
import { type Signal, signal } from '@preact/signals';
import type { LinkChange, StreamedEvent } from './types.ts';

export type Message = { type: 'event'; event: StreamedEvent } | { type: 'change'; change: LinkChange };

export interface Stream {
  /** No connection at the moment: what is shown may be out of date. */
  lost: Signal<boolean>;
  /** Messages of a moment together. Returns what ends it. */
  listen: (listener: (messages: readonly Message[]) => void) => () => void;
  /** Resolves when it is open for the first time: what happens from then on is heard. */
  opened: Promise<void>;
  stop: () => void;
}

/** What a browser's EventSource is needed for here. */
interface Source {
  readyState: number;
  onopen: (() => void) | null;
  onerror: (() => void) | null;
  addEventListener: (type: string, listener: (event: { data: string; lastEventId: string }) => void) => void;
  close: () => void;
}

export interface StreamOptions {
  site: string;
  /** Asked when the collector refuses the stream: it finds out whether the session is over. */
  onRefused: () => void;
  connect?: (url: string) => Source;
}

/** Messages are handed on together every so often: a busy shop must not make the page draw a thousand times a second. */
const GATHER_MS = 200;
const RETRY_MS = 2_000;
const CLOSED = 2;

export function openStream({ site, onRefused, connect = (url) => new EventSource(url) as unknown as Source }: StreamOptions): Stream {
  const lost = signal(false);
  const listeners = new Set<(messages: readonly Message[]) => void>();
  let waiting: Message[] = [];
  let last: string | null = null;
  let source: Source | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let tellOpened: () => void;
  const opened = new Promise<void>((resolve) => {
    tellOpened = resolve;
  });

  function hear(message: (data: unknown) => Message): (event: { data: string; lastEventId: string }) => void {
    return ({ data, lastEventId }) => {
      last = lastEventId;
      waiting.push(message(JSON.parse(data)));
      // Nobody reads faster than this: of what a hidden or slow page did not draw, the newest is enough.
      if (waiting.length > MOST_WAITING) waiting = waiting.slice(-MOST_WAITING);
    };
  }
  function close(): void {
    clearTimeout(retry);
    source?.close();
    source = null;
  }
  function open(): void {
    if (source !== null) return;
    const query = new URLSearchParams({ site, ...(last !== null && { last_event_id: last }) });
    const opening = connect(`/v1/stream?${query}`);
    source = opening;
    opening.onopen = () => {
      lost.value = false;
      tellOpened();
    };
    opening.onerror = () => {
      lost.value = true;
      // The browser tries again by itself, but not after a refusal.
      if (opening.readyState !== CLOSED) return;
      onRefused();
      source = null;
      retry = setTimeout(open, RETRY_MS);
    };
    opening.addEventListener(
      'event',
      hear((data) => ({ type: 'event', event: data as StreamedEvent })),
    );
    for (const type of ['upsert', 'delete', 'person'])
      opening.addEventListener(
        type,
        hear((data) => ({ type: 'change', change: data as LinkChange })),
      );
  }
  open();
  const unwatch = watchSight(open, close);
  const hand = setInterval(() => {
    if (waiting.length === 0) return;
    const messages = waiting;
    waiting = [];
    for (const listener of listeners) listener(messages);
  }, GATHER_MS);
  return {
    lost,
    opened,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop() {
      unwatch();
      clearInterval(hand);
      close();
    },
  };
}

const MOST_WAITING = 2_000;
/** A look into another tab costs no new connection. */
const HIDDEN_MS = 5_000;

/**
 * A browser opens six connections to a host and no more: pages that nobody sees, in other tabs or kept for the way back, must not
 * hold them. Returns what ends it.
 */
function watchSight(open: () => void, close: () => void): () => void {
  if (typeof document === 'undefined') return () => undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onChange = (): void => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(close, HIDDEN_MS);
    else open();
  };
  document.addEventListener('visibilitychange', onChange);
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onChange);
    removeEventListener('pagehide', close);
    removeEventListener('pageshow', open);
  };
}

export const changesOf = (messages: readonly Message[]): LinkChange[] =>
  messages.flatMap((message) => (message.type === 'change' ? [message.change] : []));

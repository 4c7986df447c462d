/** Keeps the newest links and events up to date: one page of links, then every change and event of the stream. */
import { type Signal, signal } from '@preact/signals';
import { type Api, asFailure, type Failure } from './api.ts';
import { applyChanges, fadeFresh, type LinksTable, tableOf } from './links-table.ts';
import { changesOf, type Message, type Stream } from './stream.ts';
import type { LinksPage, StreamedEvent } from './types.ts';

interface LinksFeed {
  table: Signal<LinksTable>;
  /** The newest first. */
  events: Signal<readonly StreamedEvent[]>;
  /** False until the first page is there. */
  loaded: Signal<boolean>;
  failure: Signal<Failure | null>;
  /** Held still: what comes meanwhile is shown afterwards. */
  paused: Signal<boolean>;
  stop: () => void;
}

/** How long a changed row says how it stood before. */
const FRESH_FOR = 60_000;

export function followLinks(api: Api, stream: Stream, site: string): LinksFeed {
  const table = signal(tableOf([]));
  const events = signal<readonly StreamedEvent[]>([]);
  const loaded = signal(false);
  const failure = signal<Failure | null>(null);
  const paused = signal(false);
  let kept: Message[] = [];
  let retry: ReturnType<typeof setTimeout> | undefined;

  function apply(): void {
    const changes = changesOf(kept);
    const heard = kept.flatMap((message) => (message.type === 'event' ? [message.event] : []));
    kept = [];
    if (heard.length > 0) events.value = [...heard.reverse(), ...events.value].slice(0, EVENTS);
    if (changes.length > 0) table.value = applyChanges(table.value, changes, Date.now());
  }
  async function readPage(): Promise<void> {
    try {
      // Only then: a change between page and stream would be missed; one in both is applied twice, which changes nothing.
      await stream.opened;
      const page = await api.get<LinksPage>('/v1/links', { site, order: 'desc', limit: FIRST_PAGE });
      table.value = tableOf(page.links);
      failure.value = null;
      loaded.value = true;
      apply();
    } catch (thrown) {
      failure.value = asFailure(thrown);
      if (failure.value.kind !== 'refused') retry = setTimeout(readPage, RETRY_MS);
    }
  }
  void readPage();

  const forget = stream.listen((messages) => {
    kept = [...kept, ...messages].slice(-MOST_KEPT);
    if (loaded.value && !paused.value) apply();
  });
  const resumed = paused.subscribe((held) => {
    if (!held && loaded.value) apply();
  });
  const fading = setInterval(() => {
    table.value = fadeFresh(table.value, Date.now(), FRESH_FOR);
  }, 5_000);
  return {
    table,
    events,
    loaded,
    failure,
    paused,
    stop() {
      clearTimeout(retry);
      clearInterval(fading);
      forget();
      resumed();
    },
  };
}

const FIRST_PAGE = 500;
const EVENTS = 40;
const MOST_KEPT = 5_000;
const RETRY_MS = 3_000;

/** Keeps one customer's journey up to date: their timeline, and the links of their sessions. */
import { type Signal, signal } from '@preact/signals';
import type { Api, Failure } from './api.ts';
import type { LinksFeed } from './links-feed.ts';
import { type IsHidden, isTabHidden, startPolling } from './poll.ts';
import type { LinkChange, LinkRow, LinksPage, TimelineEvent, TimelinePage } from './types.ts';

interface CustomerFeed {
  events: Signal<readonly TimelineEvent[]>;
  links: Signal<readonly LinkRow[]>;
  loaded: Signal<boolean>;
  older: Signal<TimelinePage['next_before']>;
  failure: Signal<Failure | null>;
  loadOlder: () => Promise<void>;
  stop: () => void;
}

export function followCustomer(
  api: Api,
  feed: LinksFeed,
  site: string,
  customerId: string,
  interval = 2_000,
  isHidden: IsHidden = isTabHidden,
): CustomerFeed {
  const events = signal<readonly TimelineEvent[]>([]);
  const links = signal<readonly LinkRow[]>([]);
  const loaded = signal(false);
  const older = signal<TimelinePage['next_before']>(null);
  const failure = signal<Failure | null>(null);
  const path = `/v1/customers/${encodeURIComponent(customerId)}/timeline`;
  let stale = true;
  let reach = PAGE;

  const readTimeline = (limit: number, before: TimelinePage['next_before'] = null): Promise<TimelinePage> =>
    api.get<TimelinePage>(path, { site, limit, ...(before === null ? {} : { before }) });

  /** A change of links can add to or take from any part of the journey: read as much of it again as is shown. */
  async function readAll(): Promise<void> {
    stale = false;
    try {
      const found = await api.get<LinksPage>('/v1/links', { site, customer_id: customerId, order: 'desc', limit: MOST });
      const page = await readTimeline(Math.min(reach, MOST));
      links.value = found.links;
      events.value = page.events;
      older.value = page.next_before;
      loaded.value = true;
    } catch (thrown) {
      stale = true;
      throw thrown;
    }
  }

  async function readNewest(): Promise<void> {
    const page = await readTimeline(HEAD);
    const known = new Set(events.value.map((event) => event.event_id));
    const added = page.events.filter((event) => !known.has(event.event_id));
    if (added.length === page.events.length && page.next_before !== null) stale = true;
    else if (added.length > 0) events.value = [...added, ...events.value];
  }

  async function loadOlder(): Promise<void> {
    if (older.value === null) return;
    const page = await readTimeline(PAGE, older.value);
    reach += PAGE;
    events.value = mergeOlder(events.value, page.events);
    older.value = page.next_before;
  }

  const forget = feed.listen((changes) => {
    if (changes.some((change) => concerns(change, site, customerId))) stale = true;
  });
  const stopPolling = startPolling({
    interval,
    isHidden,
    read: async () => {
      if (feed.paused.value && loaded.value) return false;
      await (stale ? readAll() : readNewest());
      return stale;
    },
    report: (now) => {
      failure.value = now;
    },
  });
  const stop = (): void => {
    forget();
    stopPolling();
  };
  return { events, links, loaded, older, failure, loadOlder, stop };
}

/** Whether a change gave the customer a segment or took one. */
export function concerns(change: LinkChange, site: string, customerId: string): boolean {
  if (change.customer_id === customerId) return true;
  return [change.link, change.old].some(
    (row) => row !== null && row.site === site && (row.customer_id === customerId || row.person_id === customerId),
  );
}

function mergeOlder(shown: readonly TimelineEvent[], found: readonly TimelineEvent[]): TimelineEvent[] {
  const known = new Set(shown.map((event) => event.event_id));
  return [...shown, ...found.filter((event) => !known.has(event.event_id))];
}

const PAGE = 200;
const HEAD = 30;
const MOST = 1_000;

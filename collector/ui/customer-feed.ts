/** Keeps one customer's journey up to date: a window of their timeline, the links of all their sessions, and who they are. */
import { batch, type Signal, signal } from '@preact/signals';
import { type Api, asFailure, type Failure } from './api.ts';
import type { Message, Stream } from './stream.ts';
import type { DecisionRow, LinkChange, LinkRow, LinksPage, Profile, TimelineEvent, TimelinePage } from './types.ts';

export interface CustomerFeed {
  profile: Signal<Profile | null>;
  links: Signal<readonly LinkRow[]>;
  decisions: Signal<readonly DecisionRow[]>;
  /** A window of the journey, newest first: the newest events, or those before a moment that was asked for. */
  events: Signal<readonly TimelineEvent[]>;
  older: Signal<string | number | null>;
  /** Where the window ends; null: now. */
  before: Signal<string | number | null>;
  failure: Signal<Failure | null>;
  /** Shows the events before this place or moment; null: the newest. */
  goTo: (before: string | number | null) => Promise<void>;
  refresh: () => Promise<void>;
  stop: () => void;
}

export function followCustomer(api: Api, stream: Stream, site: string, customerId: string, pause = 1_000): CustomerFeed {
  const profile = signal<Profile | null>(null);
  const links = signal<readonly LinkRow[]>([]);
  const decisions = signal<readonly DecisionRow[]>([]);
  const events = signal<readonly TimelineEvent[]>([]);
  const older = signal<string | number | null>(null);
  const before = signal<string | number | null>(null);
  const failure = signal<Failure | null>(null);
  const path = `/v1/customers/${encodeURIComponent(customerId)}`;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;

  /** Answers what shows what was read: all of it at once, since each change lays the picture out anew. */
  async function readWindow(): Promise<() => void> {
    const asked = before.value;
    const page = await api.get<TimelinePage>(`${path}/timeline`, { site, limit: WINDOW, before: asked });
    return () => {
      if (asked !== before.value) return;
      events.value = page.events;
      older.value = page.next_before;
    };
  }
  async function readWho(): Promise<() => void> {
    const found = await api.get<Profile>(path, { site });
    const [rows, said] = await Promise.all([
      allLinks(api, site, found.person_id),
      api.get<{ decisions: DecisionRow[] }>('/v1/decisions', { site, limit: 1_000 }),
    ]);
    return () => {
      links.value = rows;
      decisions.value = said.decisions;
      profile.value = found;
    };
  }
  async function attempt(...readings: readonly Promise<() => void>[]): Promise<void> {
    try {
      const shows = await Promise.all(readings);
      batch(() => {
        for (const show of shows) show();
        failure.value = null;
      });
    } catch (thrown) {
      failure.value = asFailure(thrown);
    }
  }
  const refresh = (): Promise<void> => attempt(readWindow(), readWho());
  const goTo = (place: string | number | null): Promise<void> => {
    before.value = place;
    return attempt(readWindow());
  };
  /** Soon, and once for all that happens until then. */
  function later(): void {
    timer ??= setTimeout(async () => {
      timer = undefined;
      if (!stopped) await refresh();
    }, pause);
  }
  const forget = stream.listen((messages) => {
    if (messages.some((message) => isAbout(message, site, customerId, profile.value))) later();
  });
  void refresh();
  return {
    ...{ profile, links, decisions, events, older, before, failure, goTo, refresh },
    stop() {
      stopped = true;
      clearTimeout(timer);
      forget();
    },
  };
}

/** Whether a message gives the customer an event, or a segment, or takes one. */
export function isAbout(message: Message, site: string, customerId: string, profile: Profile | null): boolean {
  const ids = new Set([customerId, ...(profile ? [profile.person_id, ...profile.identifiers.map((one) => one.customer_id)] : [])]);
  if (message.type === 'change') return concerns(message.change, site, ids);
  const { event } = message;
  if (event.site !== site) return false;
  if (event.customer_id !== null && ids.has(event.customer_id)) return true;
  return profile?.browsers.some(({ anonymous_id }) => anonymous_id === event.anonymous_id) ?? false;
}

function concerns(change: LinkChange, site: string, ids: ReadonlySet<string>): boolean {
  if (change.customer_id !== undefined && ids.has(change.customer_id)) return true;
  const isTheirs = (id: string | null | undefined): boolean => id !== null && id !== undefined && ids.has(id);
  return [change.link, change.old].some(
    (row) => row !== null && row.site === site && (isTheirs(row.customer_id) || isTheirs(row.person_id)),
  );
}

/** Newest first, the newest MOST_LINKS. */
async function allLinks(api: Api, site: string, person_id: string): Promise<LinkRow[]> {
  const rows: LinkRow[] = [];
  for (let cursor: string | null = null; rows.length < MOST_LINKS; ) {
    const page: LinksPage = await api.get<LinksPage>('/v1/links', {
      site,
      person_id,
      order: 'desc',
      limit: 1_000,
      cursor,
      bots: 'include',
    });
    rows.push(...page.links);
    cursor = page.next_cursor;
    if (cursor === null) break;
  }
  return rows;
}

const WINDOW = 1_000;
const MOST_LINKS = 5_000;

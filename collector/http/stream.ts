/** `GET /v1/stream`: accepted events and link changes as server-sent events, from the store by cursor, so that nothing queues in memory. */
import type { Response } from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { StreamPlace } from '../store/queries-stream.ts';
import type { Store } from '../store/store.ts';
import { type Access, type Auth, accessNow, siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { shownEvent } from './events.ts';
import { site, text } from './fields.ts';
import type { Frontier } from './frontier.ts';

const STREAM_TYPES = ['event', 'upsert', 'delete', 'person'] as const;
type StreamType = (typeof STREAM_TYPES)[number];

const types = z
  .string()
  .default(STREAM_TYPES.join(','))
  .transform((value, context) => {
    const named = value.split(',').map((name) => STREAM_TYPES.find((known) => known === name.trim()));
    if (named.includes(undefined)) context.addIssue({ code: 'custom', message: `expected some of ${STREAM_TYPES.join(', ')}` });
    return new Set(named.filter((type) => type !== undefined));
  })
  .meta({ description: `Some of ${STREAM_TYPES.join(', ')}, joined by commas` });

/** Rows of one read. */
const PAGE = 200;
/** A silent stream shows that it lives, and that its token still does. */
const HEARTBEAT_MS = 15_000;
/** A consumer that takes nothing for so long is let go; it may come back and go on. */
const STALLED_MS = 60_000;
/** Streams of one process. */
const STREAMS = 200;

export interface Streams {
  /** Ends all streams; resolves when none reads the store any more. */
  close(): Promise<void>;
}

export interface StreamOptions {
  api: Api;
  store: Store;
  auth: Auth;
  frontier: Frontier;
  log: Logger;
  now: () => Millis;
  heartbeat_ms?: number;
}

export function streamRoutes({ api: { endpoint }, store, auth, frontier, log, now, heartbeat_ms = HEARTBEAT_MS }: StreamOptions): Streams {
  const open = new Map<AbortController, Promise<void>>();
  let closing = false;

  endpoint(
    'GET /v1/stream',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'Accepted events and link changes as they are stored, as server-sent events' },
      query: { site, types, last_event_id: text('Of a first request, instead of the header Last-Event-ID; 0.0 is the beginning of all') },
      ...{ answers: {}, media: ['text/event-stream'] },
    },
    async ({ query, access, req, res }) => {
      const sites = siteFor(access, query.site);
      const said = req.get('last-event-id') || query.last_event_id;
      const newest = await frontier.look();
      const place = said === undefined ? { ...newest } : placeOf(said, newest);
      if (closing || open.size >= STREAMS)
        throw new Problem(503, closing ? 'This collector is stopping' : 'Too many streams are open', {}, { 'retry-after': '5' });
      // A proxy or compression in between would hold messages back.
      res.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store, no-transform', 'x-accel-buffering': 'no' });
      const end = new AbortController();
      res.on('close', () => end.abort());
      // What the token may see now, not what it might when the stream was opened.
      const allowed = (): boolean => {
        const current = accessNow(auth, req, res, now());
        return current?.scopes.includes('read') === true && sameSites(sites, sitesNow(current, query.site));
      };
      const ended = send({ store, frontier, res, end: end.signal, place, sites, types: query.types, allowed, heartbeat_ms })
        // What failed in the middle cannot be told to the consumer: it comes back and goes on.
        .catch((error: unknown) => log.warn({ err: error }, 'a stream ended'))
        .finally(() => {
          open.delete(end);
          res.end();
        });
      open.set(end, ended);
      await ended;
      return undefined;
    },
  );
  return {
    async close() {
      closing = true;
      for (const end of open.keys()) end.abort();
      await Promise.all(open.values());
    },
  };
}

/** The sites to send; none where the one asked for is out of reach by now. */
function sitesNow(access: Access, site: string | undefined): readonly string[] | null {
  if (site === undefined) return access.sites;
  return access.sites === null || access.sites.includes(site) ? [site] : [];
}

function sameSites(a: readonly string[] | null, b: readonly string[] | null): boolean {
  return a === null || b === null ? a === b : a.length === b.length && a.every((site) => b.includes(site));
}

interface Sending {
  store: Store;
  frontier: Frontier;
  res: Response;
  end: AbortSignal;
  /** What the consumer has. */
  place: StreamPlace;
  sites: readonly string[] | null;
  types: ReadonlySet<StreamType>;
  allowed: () => boolean;
  heartbeat_ms: number;
}

async function send({ store, frontier, res, end, place, sites, types, allowed, heartbeat_ms }: Sending): Promise<void> {
  let wake = (): void => undefined;
  const leave = frontier.join(() => wake());
  const onEnd = (): void => wake();
  end.addEventListener('abort', onEnd);
  /** Waits until woken, at most so long. */
  const rest = (ms: number, until: (woken: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      until(() => {
        clearTimeout(timer);
        resolve();
      });
      if (end.aborted) wake();
    });
  const write = async (text: string): Promise<void> => {
    if (end.aborted || res.write(text)) return;
    await rest(STALLED_MS, (woken) => {
      wake = () => end.aborted && woken();
      res.once('drain', woken);
    });
    if (res.writableNeedDrain) res.destroy();
  };
  const message = (type: StreamType, data: object): Promise<void> =>
    write(`id: ${place.position}.${place.event_pk}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  const changed = (['upsert', 'delete', 'person'] as const).some((type) => types.has(type));

  try {
    await write(`retry: 1000\nid: ${place.position}.${place.event_pk}\n\n`);
    let beat = performance.now();
    const silence = (): number => Math.max(0, beat + heartbeat_ms - performance.now());
    while (!end.aborted) {
      const began = performance.now();
      const to = frontier.newest;
      // Read before the events, so that an event is sent before what it changed.
      const changes = changed && place.position < to.position ? await store.queries.changesSince(place.position, PAGE, sites) : [];
      const events = types.has('event') && place.event_pk < to.event_pk ? await store.queries.events({ sites }, place.event_pk, PAGE) : [];
      for (const event of events) {
        if (event.event_pk > to.event_pk) break;
        place.event_pk = event.event_pk;
        await message('event', shownEvent(event));
      }
      // What does not fit the filter is passed over.
      if (events.length < PAGE) place.event_pk = Math.max(place.event_pk, to.event_pk);
      for (const change of changes) {
        if (change.position > to.position) break;
        place.position = change.position;
        if (types.has(change.type)) await message(change.type, change);
      }
      if (changes.length < PAGE) place.position = Math.max(place.position, to.position);
      if (silence() === 0) {
        if (!allowed()) return;
        await write(`: alive\nid: ${place.position}.${place.event_pk}\n\n`);
        beat = performance.now();
      }
      const behind = place.position < frontier.newest.position || place.event_pk < frontier.newest.event_pk;
      // One that is far behind takes half of the time at most; the rest is for collecting.
      const pause = behind ? performance.now() - began : silence();
      await rest(pause, (woken) => {
        wake = behind ? () => end.aborted && woken() : woken;
      });
    }
  } finally {
    leave();
    end.removeEventListener('abort', onEnd);
  }
}

/** A place beyond the newest is of a store that was replaced by an older copy of itself: it goes on from what is there. */
function placeOf(said: string, newest: StreamPlace): StreamPlace {
  const [, position, event_pk] = /^(\d{1,15})\.(\d{1,15})$/.exec(said) ?? [];
  if (position === undefined || event_pk === undefined) throw badField('Last-Event-ID', 'expected the id of a message of this stream');
  return { position: Math.min(Number(position), newest.position), event_pk: Math.min(Number(event_pk), newest.event_pk) };
}

/** Who read whose data, and who decided what: noted by kind of endpoint and keyed hashes, never by the ids themselves. */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { DAY, type Millis } from '../../protocol/event.ts';
import { Problem } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { AuditEntry, Store } from '../store/store.ts';
import { type Access, siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { cursor, cursorOf, limit, moment, nextCursor, site, text } from './fields.ts';

export const SUBJECTS = ['customer', 'browser', 'session'] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Audit {
  /** What to note of a call. */
  entry(access: Access, action: string, about: About): AuditEntry;
  /** Notes a read: it is on stable storage within a second. Throws a Problem while that cannot be promised. */
  read(entry: AuditEntry): void;
  /** An id as the log keeps it. */
  subjectOf(kind: Subject, id: string): string;
  /** Writes what waits. */
  close(): Promise<void>;
}

interface About {
  site: string | null;
  subject?: { kind: Subject; id: string } | undefined;
  /** Names of what was asked by: no values. */
  fields: readonly string[];
}

const FLUSH_MS = 500;
/** Different reads that may wait; the same read again is one entry that counts. */
const WAITING = 10_000;
/** How often old entries are looked for, and how many go at once. */
const SWEEP_MS = 3_600_000;

export interface AuditOptions {
  store: Store;
  /** 0: for ever. */
  days: number;
  log: Logger;
  now: () => Millis;
}

export function createAudit({ store, days, log, now }: AuditOptions): Audit {
  let waiting = new Map<string, AuditEntry>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();
  let swept = Number.NEGATIVE_INFINITY;

  async function write(): Promise<void> {
    const entries = waiting;
    waiting = new Map();
    try {
      await store.write(async (tx) => {
        await tx.addAudit([...entries.values()]);
        if (days > 0 && now() - swept >= SWEEP_MS) {
          await tx.dropAudit(now() - days * DAY);
          swept = now();
        }
      });
    } catch (error) {
      // Kept for the next time.
      for (const [key, entry] of entries) merge(key, entry);
      log.warn({ err: error }, 'the audit log waits for the store');
      timer ??= setTimeout(() => void flush(), FLUSH_MS);
    }
  }
  function flush(): Promise<void> {
    timer = undefined;
    flushing = flushing.then(() => (waiting.size > 0 ? write() : undefined));
    return flushing;
  }
  function merge(key: string, entry: AuditEntry): void {
    const known = waiting.get(key);
    waiting.set(key, known ? { ...known, calls: known.calls + entry.calls } : entry);
  }
  /** Of the oldest site's own secret: the same for every collector of a store. */
  const subjectOf = (kind: Subject, id: string): string => {
    const [oldest] = [...store.sites()].sort((a, b) => a.site_pk - b.site_pk);
    const key = createHmac('sha256', oldest?.email_key ?? '')
      .update('footfall audit')
      .digest();
    return createHmac('sha256', key).update(`${kind}:${id}`).digest('base64url').slice(0, 22);
  };

  return {
    entry: ({ token_id, name }, action, { site, subject, fields }) => ({
      ...{ at: now(), token_id, token_name: name, action, site, calls: 1, fields: [...fields].sort() },
      ...{ subject_kind: subject?.kind ?? null, subject: subject ? subjectOf(subject.kind, subject.id) : null },
    }),
    read(entry) {
      if (waiting.size >= WAITING) throw new Problem(503, 'Reads cannot be noted in the audit log now', {}, { 'retry-after': '5' });
      const { at: _at, calls: _calls, ...what } = entry;
      merge(JSON.stringify(Object.values(what)), entry);
      timer ??= setTimeout(() => void flush(), FLUSH_MS);
    },
    subjectOf,
    async close() {
      clearTimeout(timer);
      await flush();
      clearTimeout(timer);
    },
  };
}

const Shown = z
  .strictObject({
    ...{ at: z.int(), token_id: z.string(), token_name: z.string(), action: z.string(), site: z.string().nullable() },
    ...{ subject_kind: z.string().nullable(), subject: z.string().nullable(), fields: z.array(z.string()), calls: z.int() },
  })
  .meta({ id: 'AuditEntry' });

export function auditRoutes({ api: { endpoint }, store, audit }: { api: Api; store: Store; audit: Audit }): void {
  endpoint(
    'GET /v1/audit',
    {
      ...{ scope: 'admin', summary: 'Who read whose data and who decided what, newest first' },
      query: {
        ...{ site, token_id: text('Of this token'), action: text('As `GET /v1/customers/:id`') },
        ...{
          customer_id: text('About this very customer'),
          anonymous_id: text('About this browser'),
          session_id: text('About this session'),
        },
        ...{ from: moment('At or after'), to: moment('Before'), limit: limit(), cursor: cursor(1) },
      },
      answers: { 200: z.strictObject({ entries: z.array(Shown), next_cursor: nextCursor }) },
    },
    async ({ query: { site, customer_id, anonymous_id, session_id, limit, cursor, ...filter }, access }) => {
      const named = { customer: customer_id, browser: anonymous_id, session: session_id };
      const subjects = SUBJECTS.flatMap((kind) => (named[kind] === undefined ? [] : [audit.subjectOf(kind, named[kind])]));
      const wanted = { ...filter, sites: siteFor(access, site), ...(subjects.length > 0 && { subjects }) };
      const found = await store.queries.auditEntries(wanted, cursor?.[0] ?? Number.MAX_SAFE_INTEGER, limit);
      return {
        entries: found.map(({ audit_pk: _pk, ...entry }) => entry),
        next_cursor: found.length === limit ? cursorOf(found.at(-1)?.audit_pk ?? 0) : null,
      };
    },
  );
}

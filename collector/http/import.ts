/** `POST /v1/import`: wire events as NDJSON, with their own times; the same dedupe and linking as what tags send. */
import { z } from 'zod';
import { type Millis, REJECT_REASONS, type Rejected } from '../../protocol/event.ts';
import type { AcceptedEvent } from '../domain/accepted-event.ts';
import { deviceOf, NO_DEVICE } from '../domain/device.ts';
import { Problem } from '../errors.ts';
import { decodeEvent, type RefusedEvent } from '../intake/decode.ts';
import { enrich, withoutConsent } from '../intake/enrich.ts';
import { inputLines } from '../intake/input-lines.ts';
import type { Intake } from '../intake/intake.ts';
import type { Retention } from '../intake/retention.ts';
import type { Metrics } from '../metrics.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { flag, text } from './fields.ts';
import { mayTakeLong } from './slow-uploads.ts';

/** Lines of one transaction. */
const GROUP = 500;
/** Refused lines that the answer names; the rest are counted, and all are in `failed_events`. */
const NAMED = 100;

export interface ImportAnswer {
  accepted: number;
  duplicate: number;
  rejected: number;
  reasons: (Rejected & { line: number })[];
}

const Imported = z.strictObject({
  ...{ accepted: z.int(), duplicate: z.int(), rejected: z.int() },
  reasons: z.array(
    z.strictObject({ event_id: z.string().nullable(), reason: z.enum(REJECT_REASONS), field: z.string().optional(), line: z.int() }),
  ),
});

export interface ImportOptions {
  api: Api;
  store: Store;
  intake: Intake;
  metrics: Metrics;
  /** Null: everything is kept for ever. */
  retention: Retention | null;
  now: () => Millis;
}

export function importRoutes({ api: { endpoint }, store, intake, metrics, retention, now }: ImportOptions): void {
  endpoint(
    'POST /v1/import',
    {
      ...{ scope: 'write', summary: 'Takes events with their own times, one a line, gzip too', upload: { type: 'application/x-ndjson' } },
      query: { site: text('Of lines that name none'), signed: flag('1: the retailer vouches for their claims') },
      answers: { 200: Imported },
    },
    async ({ query, access, req }) => {
      const { site: named, signed: backend } = query;
      siteFor(access, named);
      const answer: ImportAnswer = { accepted: 0, duplicate: 0, rejected: 0, reasons: [] };
      const groups = new Map<string, { events: AcceptedEvent[]; refused: RefusedEvent[] }>();
      let size = 0;
      let line = 0;

      const flush = async (): Promise<void> => {
        for (const [site, group] of groups) {
          const sifted = retention && (await retention.sift(site, group.events));
          const events = sifted?.events ?? group.events;
          const refused = [...group.refused, ...(sifted?.refused ?? [])];
          for (const { raw: _raw, ...why } of sifted?.refused ?? []) {
            answer.rejected += 1;
            metrics.rejected.inc({ reason: why.reason });
            if (answer.reasons.length < NAMED) answer.reasons.push({ ...why, line });
          }
          for (const fate of await intake.submit({ site, events, refused })) {
            metrics.events.inc({ fate });
            if (fate === 'stored') answer.accepted += 1;
            else if (fate === 'not_stored') answer.rejected += 1;
            else answer.duplicate += 1;
          }
        }
        groups.clear();
        size = 0;
      };
      const refuse = (site: string, why: Rejected, raw: string): void => {
        answer.rejected += 1;
        metrics.rejected.inc({ reason: why.reason });
        if (answer.reasons.length < NAMED) answer.reasons.push({ ...why, line });
        groupOf(site).refused.push({ ...why, raw });
      };
      const groupOf = (site: string): { events: AcceptedEvent[]; refused: RefusedEvent[] } => {
        const group = groups.get(site) ?? { events: [], refused: [] };
        groups.set(site, group);
        size += 1;
        return group;
      };

      const take = async (raw: string): Promise<void> => {
        line += 1;
        if (raw.trim() === '') return;
        const value = parsed(raw);
        const said = typeof value === 'object' && value !== null && 'site' in value && typeof value.site === 'string' ? value.site : named;
        const reachable = store.sites().filter((candidate) => access.sites === null || access.sites.includes(candidate.site));
        const record = said === undefined && reachable.length === 1 ? reachable[0] : reachable.find((candidate) => candidate.site === said);
        // A line that cannot be placed costs no other line. It is kept as no site's: tried again, it must not reach one that this token does not.
        if (!record) {
          refuse('', { event_id: null, reason: value === null ? 'bad_event' : 'bad_field', ...(value !== null && { field: 'site' }) }, raw);
          return;
        }
        const { site } = record;
        const decoded = decodeEvent(value, now());
        if ('event' in decoded) {
          const { event, bad_money } = decoded;
          if (bad_money > 0) metrics.dropped.inc({ reason: 'bad_money' }, bad_money);
          if (withoutConsent(event, record)) {
            metrics.dropped.inc({ reason: 'no_consent' });
            return;
          }
          const agent =
            typeof value === 'object' && value !== null && 'user_agent' in value && typeof value.user_agent === 'string'
              ? value.user_agent
              : undefined;
          const device = agent === undefined ? NO_DEVICE : deviceOf(agent);
          const receipt = { site: record, received_at: now(), device, backend, keep_times: true };
          groupOf(site).events.push(enrich(event, { sent_at: event.time }, receipt, (reason) => metrics.dropped.inc({ reason })));
        } else refuse(site, decoded, raw);
        if (size >= GROUP) await flush();
      };

      mayTakeLong(req);
      try {
        for await (const raw of inputLines(req)) await take(raw);
      } catch (error) {
        if (req.destroyed && !req.complete) throw new Problem(400, `The sender went away after line ${line}`);
        if (!(error instanceof Problem)) throw error;
        await flush();
        throw new Problem(error.status, error.message, { ...error.more, ...answer });
      }
      await flush();
      return answer;
    },
  );
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return null;
  }
}

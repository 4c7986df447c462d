/** `POST /v1/codes/revoke`: personal codes taken back in bulk, with what their scans claimed. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { decide } from '../intake/decide.ts';
import type { Intake } from '../intake/intake.ts';
import { relinkQueued } from '../intake/relink.ts';
import type { LinkingPolicy } from '../linking/policy.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { flag } from './fields.ts';
import { oneSite } from './profiles.ts';

const RevokeBody = z.strictObject({
  site: z.string().optional(),
  codes: z.array(z.string().toUpperCase()).min(1).max(10_000).optional(),
  campaign: z.string().min(1).max(128).optional(),
  customer_id: z.string().min(1).max(256).optional(),
  /** Also what was claimed by scans so far: each becomes a decision of its own, which can be taken back. */
  claims: z.boolean().default(true),
  reason: z.string().trim().min(1, 'say why').max(1_000),
});

/** Claims revoked in one transaction, between which other requests get their turn, and in one request. */
const PORTION = 50;
const CLAIMS = 5_000;

export interface CodesRevokeOptions {
  api: Api;
  store: Store;
  intake: Intake;
  policy: LinkingPolicy;
  now: () => Millis;
  onChange(codes: readonly string[]): void;
}

const counts = { codes: z.int(), retired: z.int(), claims: z.int() };

export function codesRevokeRoutes({ api: { endpoint }, store, intake, policy, now, onChange }: CodesRevokeOptions): void {
  endpoint(
    'POST /v1/codes/revoke',
    {
      ...{ scope: 'admin', summary: 'Takes personal codes back, with what their scans claimed', body: RevokeBody },
      query: { dry_run: flag('1: only says what would change') },
      answers: { 200: z.strictObject({ dry_run: z.literal(true).optional(), ...counts }) },
    },
    async ({ body, query, access, noted }) => {
      const { site: named, codes, claims, reason, ...filter } = body;
      const author = access.name;
      const site = oneSite(store, siteFor(access, named));
      const site_pk = store.sites().find((record) => record.site === site)?.site_pk ?? -1;
      if (!codes && filter.campaign === undefined && filter.customer_id === undefined)
        throw badField('codes', 'expected codes, a campaign or a customer_id');
      const wanted = codes && new Set(codes);
      const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
      const fitting = await store.queries.codes({ sites: [site], kind: 'personal', ...given });
      const rows = fitting.filter(({ code }) => !wanted || wanted.has(code));
      if (rows.length === 0) throw new Problem(404, 'No personal code fits');
      const scans = claims
        ? await store.queries.claimingScans(
            site_pk,
            rows.map(({ code }) => code),
          )
        : [];
      if (scans.length > CLAIMS) throw badField('codes', `their scans made more than ${CLAIMS} claims: name fewer at once`);
      const active = rows.filter((row) => row.active);
      const found = { codes: rows.length, retired: active.length, claims: scans.length };
      if (query.dry_run) return { dry_run: true as const, ...found };
      await store.write(async (tx) => {
        await tx.addAudit([{ ...noted, site }]);
        for (const { site: _site, store: _store, ...row } of active) {
          await tx.saveCode({ ...row, active: false, updated_at: now() });
          await tx.addCodeEdit({ code: row.code, edited_at: now(), author, old: { active: true }, new: { active: false } });
        }
      });
      onChange(active.map(({ code }) => code));
      for (let at = 0; at < scans.length; at += PORTION) {
        await store.write(async (tx) => {
          for (const target of scans.slice(at, at + PORTION))
            await decide(tx, { site, site_pk, statement: { type: 'revoke', target }, author, reason, now: now() }, policy);
          await relinkQueued(tx, policy, now());
        });
      }
      await intake.relink();
      return found;
    },
  );
}

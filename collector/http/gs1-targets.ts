/** The targets of GS1 Digital Links over HTTP: register, list, remove. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { badField, Problem } from '../errors.ts';
import { targetFault } from '../scan/code.ts';
import { describeFault, parseDigitalLink, parseDigitalLinkPath } from '../scan/gs1.ts';
import { PRIMARY_KEYS } from '../scan/gs1-keys.ts';
import { anchorsOf, DEFAULT_LINK, fillTarget } from '../scan/gs1-resolver.ts';
import type { Gs1TargetRow, Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { limit, nextCursor, site, text } from './fields.ts';
import { oneSite } from './profiles.ts';

const Which = {
  site: z.string().optional(),
  /** A Digital Link, or its path: `/01/09521000100015/10/LOT1`. */
  link: z.string().max(512).optional(),
  /** The beginning of many: `01/0952100`, `414/` for all. */
  prefix: z
    .string()
    .regex(/^\d{2,4}\/[\x21-\x7e]{0,90}$/, 'expected a primary key and the beginning of its value, as 01/0952100')
    .optional(),
  link_type: z
    .string()
    .regex(/^[a-z0-9]+:[A-Za-z0-9]{1,64}$/, 'expected a link type such as gs1:pip')
    .default(DEFAULT_LINK),
  lang: z
    .string()
    .regex(/^(?:[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)?$/, 'expected a language tag')
    .default(''),
};
const WhichBody = z.strictObject(Which);
const TargetBody = z.strictObject({ ...Which, target: z.string().max(2_048), title: z.string().max(200).default('') });
const ManyBody = z.strictObject({ site: z.string().optional(), targets: z.array(TargetBody).min(1).max(5_000) });

export interface Gs1TargetsOptions {
  api: Api;
  store: Store;
  now: () => Millis;
  onChange(): void;
}

const Shown = z
  .strictObject({
    ...{ prefix: z.string().optional(), link: z.string().optional(), site: z.string(), link_type: z.string(), lang: z.string() },
    ...{ target: z.string(), title: z.string(), updated_at: z.int() },
  })
  .meta({ id: 'Gs1Target' });

export function gs1TargetRoutes({ api: { endpoint }, store, now, onChange }: Gs1TargetsOptions): void {
  const shown = ({ site_pk: _pk, anchor, prefix, ...row }: Gs1TargetRow & { site: string }) => ({
    ...(prefix ? { prefix: anchor } : { link: `/${anchor}` }),
    ...row,
  });
  const siteOf = (site: string): SiteRecord => {
    const record = store.sites().find((candidate) => candidate.site === site);
    if (!record) throw new Problem(404, `No such site: ${site}`);
    return record;
  };

  endpoint(
    'GET /v1/gs1/targets',
    {
      ...{ scope: 'read', summary: 'Where GS1 Digital Links lead' },
      query: { site, limit: limit(1_000, 10_000), cursor: text('`next_cursor` of the page before') },
      answers: { 200: z.strictObject({ targets: z.array(Shown), next_cursor: nextCursor }) },
    },
    async ({ query: { site, limit: size, cursor = '' }, access }) => {
      // A page ends between two anchors: one more row says where.
      const rows = await store.queries.gs1Targets(siteFor(access, site), cursor, size + 1);
      const cut = rows.length > size ? rows.findIndex(({ anchor }) => anchor === rows[size]?.anchor) : rows.length;
      const page = rows.slice(0, cut === 0 ? size : cut);
      return { targets: page.map(shown), next_cursor: rows.length > size ? (page.at(-1)?.anchor ?? null) : null };
    },
  );

  endpoint(
    'POST /v1/gs1/targets',
    {
      ...{ scope: 'write', summary: 'Adds or replaces a target, or many', body: z.union([ManyBody, TargetBody]) },
      answers: { 201: z.union([Shown, z.strictObject({ saved: z.int() })]) },
    },
    async ({ body, access }) => {
      const many = 'targets' in body;
      const { site: all, targets: bodies } = many ? body : { site: undefined, targets: [body] };
      const rows = bodies.map((body, index) => {
        const at = many ? `targets.${index}.` : '';
        const site = siteOf(oneSite(store, siteFor(access, body.site ?? all)));
        const { anchor, prefix } = anchorIn(body, at);
        // What stands in braces is filled in later, and may not decide the host.
        const sample = fillTarget(body.target, {});
        const fault = targetFault(sample, site.origins) ?? (/^[^/]*\/\/[^/?#]*[{}]/.test(body.target) ? 'must name its host' : null);
        if (fault !== null) throw badField(`${at}target`, fault);
        const { link_type, lang, target, title } = body;
        return { site: site.site, site_pk: site.site_pk, anchor, prefix, link_type, lang, target, title, updated_at: now() };
      });
      await store.write(async (tx) => {
        for (const row of rows) await tx.saveGs1Target(row);
      });
      onChange();
      return many ? { saved: rows.length } : shown(rows[0] as (typeof rows)[0]);
    },
  );

  endpoint(
    'DELETE /v1/gs1/targets',
    { scope: 'write', summary: 'Removes a target', body: WhichBody, answers: { 204: null } },
    async ({ body, access }) => {
      const { site_pk } = siteOf(oneSite(store, siteFor(access, body.site)));
      const { link_type, lang } = body;
      const dropped = await store.write((tx) => tx.dropGs1Target({ site_pk, ...anchorIn(body, ''), link_type, lang }));
      if (!dropped) throw new Problem(404, 'No such target');
      onChange();
      return undefined;
    },
  );
}

function anchorIn(
  { link, prefix }: { link?: string | undefined; prefix?: string | undefined },
  at: string,
): { anchor: string; prefix: boolean } {
  if ((link === undefined) === (prefix === undefined)) throw badField(`${at}link`, 'expected either link or prefix');
  if (prefix !== undefined) {
    if (!PRIMARY_KEYS.has(prefix.split('/')[0] ?? '')) throw badField(`${at}prefix`, 'does not begin with a primary key');
    return { anchor: prefix, prefix: true };
  }
  const parsed = link?.startsWith('/') ? parseDigitalLinkPath(link, '') : parseDigitalLink(link ?? '');
  if (!parsed.ok) throw new Problem(400, `link: ${describeFault(parsed)}`, { field: `${at}link`, reason: parsed.reason, ai: parsed.ai });
  return { anchor: anchorsOf(parsed.link)[0] ?? '', prefix: false };
}

/** Tokens over HTTP: who may read and write what, until when. Two may live at once, so that one can be rotated without a gap. */
import { nanoid } from 'nanoid';
import { z } from 'zod';
import { DAY, type Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import type { Store, TokenRow } from '../store/store.ts';
import { type Access, type Auth, hashToken, newToken } from './auth.ts';
import type { Api } from './endpoint.ts';
import { given } from './fields.ts';

const FIELDS = {
  name: z.string().trim().min(1).max(128),
  scopes: z.array(z.enum(['read', 'write', 'admin'])).min(1),
  sites: z.array(z.string()).min(1).nullable().meta({ description: 'Null: every site' }),
  days: z.int().min(1).max(3_650).nullable().meta({ description: 'How long it lives from now; null: until it is revoked' }),
  expires_at: z.int().min(0).nullable().meta({ description: 'Instead of days, in milliseconds' }),
};
const one = { error: 'expected days or expires_at, not both', path: ['days'] };
const both = ({ days, expires_at }: { days?: unknown; expires_at?: unknown }): boolean => days === undefined || expires_at === undefined;
const TokenBody = z
  .strictObject({ ...FIELDS, sites: FIELDS.sites.default(null), days: FIELDS.days.optional(), expires_at: FIELDS.expires_at.optional() })
  .refine(both, one);
const TokenEdit = z.strictObject(FIELDS).partial().refine(both, one);

const shape = {
  ...{ token_id: z.string(), name: z.string(), scopes: z.array(z.enum(['read', 'write', 'admin'])), sites: z.array(z.string()).nullable() },
  ...{ created_at: z.int(), expires_at: z.int().nullable(), revoked_at: z.int().nullable() },
};
const ShownToken = z.strictObject(shape).meta({ id: 'Token' });
const NewToken = z
  .strictObject({ ...shape, token: z.string() })
  .meta({ id: 'NewToken', description: 'The only time that the token is shown' });

export interface TokensOptions {
  api: Api;
  store: Store;
  auth: Auth;
  now: () => Millis;
}

export function tokenRoutes({ api: { endpoint }, store, auth, now }: TokensOptions): void {
  const shown = ({ hash: _hash, ...token }: TokenRow) => token;
  const endOf = (days: number | null | undefined, expires_at: Millis | null | undefined): Millis | null =>
    typeof days === 'number' ? now() + days * DAY : (expires_at ?? null);
  const live = async (token_id: string, access: Access): Promise<TokenRow> => {
    const row = (await store.queries.tokens()).find((token) => token.token_id === token_id && token.revoked_at === null);
    if (!row || !reaches(access, row.sites)) throw noToken(token_id);
    return row;
  };
  const mayName = (access: Access, sites: readonly string[] | null): void => {
    const unknown = sites?.find((site) => !store.sites().some((known) => known.site === site));
    if (unknown !== undefined) throw badField('sites', `no such site: ${unknown}`);
    if (!reaches(access, sites)) throw new Problem(403, 'This token does not reach all of these sites', { field: 'sites' });
  };

  endpoint(
    'GET /v1/tokens',
    { scope: 'admin', summary: 'All tokens, the revoked ones too', answers: { 200: z.strictObject({ tokens: z.array(ShownToken) }) } },
    async ({ access }) => ({ tokens: (await store.queries.tokens()).filter(({ sites }) => reaches(access, sites)).map(shown) }),
  );

  endpoint(
    'POST /v1/tokens',
    { scope: 'admin', summary: 'Makes a token, and shows it this once', body: TokenBody, answers: { 201: NewToken } },
    async ({ body: { days, expires_at, ...body }, access, noted }) => {
      mayName(access, body.sites);
      const token = newToken();
      const row: TokenRow = {
        ...{ ...body, token_id: `tok_${nanoid(12)}`, hash: hashToken(token) },
        ...{ created_at: now(), expires_at: endOf(days, expires_at), revoked_at: null },
      };
      await store.write(async (tx) => {
        await tx.saveToken(row);
        await tx.addAudit([{ ...noted, subject_kind: 'token', subject: row.token_id }]);
      });
      await auth.reload();
      return { ...shown(row), token };
    },
  );

  endpoint(
    'PATCH /v1/tokens/:id',
    { scope: 'admin', summary: 'Changes a live token’s name, scopes, sites or end', body: TokenEdit, answers: { 200: ShownToken } },
    async ({ params, body: { days, expires_at, name, scopes, sites }, access, noted }) => {
      const known = await live(params.id, access);
      mayName(access, sites === undefined ? known.sites : sites);
      // Only what was said, and only while it lives: nothing that another call does meanwhile is undone.
      const edit = {
        ...given({ name, scopes, sites }),
        ...((days !== undefined || expires_at !== undefined) && { expires_at: endOf(days, expires_at) }),
      };
      await store.write(async (tx) => {
        if (!(await tx.editToken(params.id, edit))) throw noToken(params.id);
        await tx.addAudit([{ ...noted, subject_kind: 'token', subject: params.id }]);
      });
      await auth.reload();
      const row = (await store.queries.tokens()).find(({ token_id }) => token_id === params.id);
      if (!row) throw noToken(params.id);
      return shown(row);
    },
  );

  endpoint(
    'DELETE /v1/tokens/:id',
    { scope: 'admin', summary: 'Revokes a token at once', answers: { 204: null } },
    async ({ params, access, noted }) => {
      await live(params.id, access);
      await store.write(async (tx) => {
        if (!(await tx.revokeToken(params.id, now()))) throw noToken(params.id);
        await tx.addAudit([{ ...noted, subject_kind: 'token', subject: params.id }]);
      });
      await auth.reload();
      return undefined;
    },
  );
}

const noToken = (token_id: string): Problem => new Problem(404, `No such live token: ${token_id}`);

/** Nobody gives away more sites than they have. */
function reaches({ sites: own }: Access, sites: readonly string[] | null): boolean {
  return own === null || (sites?.every((site) => own.includes(site)) ?? false);
}

/** Printed codes over HTTP: make, edit, list, and from CSV files. */
import express from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { badField, Problem } from '../errors.ts';
import { CODE_PATTERN, codeUrl, newCode } from '../scan/code.ts';
import { CodeBody, CodeEditBody, codeFault, codeRow, editedRow } from '../scan/code-body.ts';
import { type CsvCode, type Reject, readCodesCsv } from '../scan/code-csv.ts';
import { codeIn } from '../store/edited.ts';
import type { ShownCode } from '../store/queries-codes.ts';
import type { CodeRow, Store, StoreRow, Tx } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { flag, given, namedCursor, nextCursor, number, site, text, theSite } from './fields.ts';
import { oneSite } from './profiles.ts';
import { Code, CodeHistory } from './shapes.ts';

export interface CodesOptions {
  api: Api;
  store: Store;
  now: () => Millis;
  publicUrl: () => string;
  /** Told of the codes written, so that a scan sees the edit. */
  onChange(codes: readonly string[]): void;
}

export interface CodesImported {
  rows: number;
  imported: number;
  dry_run: boolean;
  rejected: Reject[];
}

/** A CSV file of 10,000 rows with long targets. */
const CSV_BYTES = '16mb';
const FILTERS = {
  ...{
    site,
    store: text('Its id'),
    placement: text('As the code says'),
    campaign: text('As the code says'),
    customer_id: text('Of personal codes'),
  },
  kind: z.enum(['plain', 'product', 'personal']).optional(),
};
const Known = Code.extend({ history: CodeHistory }).meta({ id: 'CodeWithHistory' });
const Imported = z.strictObject({
  ...{ rows: z.int(), imported: z.int(), dry_run: z.boolean() },
  rejected: z.array(z.strictObject({ line: z.int(), field: z.string().nullable(), reason: z.string() })),
});

export function codeRoutes({ api: { endpoint }, store, now, publicUrl, onChange }: CodesOptions): void {
  const { queries } = store;
  const withHistory = async (row: ShownCode) => ({ ...shownCode(store, row, publicUrl()), history: await queries.codeEdits(row.code) });

  endpoint(
    'GET /v1/codes',
    {
      ...{ scope: 'read', reads: 'selection', summary: 'Printed codes' },
      query: {
        ...FILTERS,
        limit: number(1, 10_000, 'All, where it is left out').optional(),
        cursor: namedCursor(CODE_PATTERN),
      },
      answers: { 200: z.strictObject({ codes: z.array(Code), next_cursor: nextCursor }) },
    },
    async ({ query: { site, cursor: after, limit, ...filter }, access }) => {
      const codes = await queries.codes({ sites: siteFor(access, site), ...given({ ...filter, after, limit }) });
      return {
        codes: codes.map((code) => shownCode(store, code, publicUrl())),
        next_cursor: codes.length === limit ? (codes.at(-1)?.code ?? null) : null,
      };
    },
  );

  endpoint(
    'GET /v1/codes/:code',
    { scope: 'read', summary: 'A code, and how it was edited', answers: { 200: Known } },
    async ({ params, access, noteRead }) => {
      const known = await knownCode(store, params.code, access.sites);
      if (known.customer_id !== null) noteRead('customer', known.customer_id, known.site);
      return withHistory(known);
    },
  );

  endpoint(
    'POST /v1/codes',
    { scope: 'write', summary: 'Makes a code', body: CodeBody, answers: { 201: Code } },
    async ({ body, access }) => {
      const site = siteOf(store, oneSite(store, siteFor(access, body.site)));
      const code = body.code ?? newCode();
      const row = codeRow(body, code, site.site_pk, now());
      refuseFault(row, site);
      const stores = await queries.stores([site.site]);
      await store.write(async (tx) => {
        if ((await tx.takenCodes([code])).size > 0) throw new Problem(409, `The code ${code} is taken`, { field: 'code' });
        if (body.store) await keepStore(tx, site.site_pk, body.store, stores);
        await tx.saveCode(row);
      });
      onChange([code]);
      return shownCode(store, await knownCode(store, code, null), publicUrl());
    },
  );

  endpoint(
    'PATCH /v1/codes/:code',
    { scope: 'write', summary: 'Edits a code, keeping what it was', body: CodeEditBody, answers: { 200: Known } },
    async ({ params, body: edit, access }) => {
      const { code, site: name } = await knownCode(store, params.code, access.sites);
      const site = siteOf(store, name);
      const stores = await queries.stores([site.site]);
      await store.write(async (tx) => {
        const current = await codeIn(tx, name, code);
        if (!current) throw new Problem(404, `No such code: ${code}`);
        const { site: _site, store: _store, ...known } = current;
        const change = editedRow(known, edit, now());
        refuseFault(change.row, site);
        if (edit.store) await keepStore(tx, site.site_pk, edit.store, stores);
        if (Object.keys(change.new).length === 0) return;
        await tx.saveCode(change.row);
        await tx.addCodeEdit({ code, edited_at: now(), author: access.name, old: change.old, new: change.new });
      });
      onChange([code]);
      return withHistory(await knownCode(store, code, null));
    },
  );

  endpoint(
    'POST /v1/codes/import',
    {
      ...{ scope: 'write', summary: 'Makes the codes of a CSV file, all or none' },
      query: { site: theSite, dry_run: flag('1: only checks') },
      upload: { type: 'text/csv', read: express.raw({ type: () => true, limit: CSV_BYTES }) },
      answers: { 200: Imported },
    },
    async ({ query: { site: named, dry_run }, access, req }) => {
      const site = siteOf(store, oneSite(store, siteFor(access, named)));
      const bytes: unknown = req.body;
      if (!Buffer.isBuffer(bytes)) throw new Problem(400, 'Expected a CSV file as the body', { field: 'body' });
      const { codes, rejected } = await readCodesCsv(bytes);
      const used = new Set(codes.flatMap(({ body }) => body.code ?? []));
      const rows = codes.map(({ line, body }) => ({ line, body, row: codeRow(body, body.code ?? unused(used), site.site_pk, now()) }));
      for (const { line, row } of rows) {
        const fault = codeFault(row, site);
        if (fault) rejected.push({ line, field: fault.field, reason: fault.expected });
      }
      const stores = await queries.stores([site.site]);
      const imported = await store.write(async (tx) => {
        const taken = await tx.takenCodes(rows.map(({ row }) => row.code));
        for (const code of taken) used.add(code);
        for (const { line, body, row } of rows) {
          if (body.code !== undefined && taken.has(row.code))
            rejected.push({ line, field: 'code', reason: `the code ${row.code} is taken` });
          else if (taken.has(row.code)) row.code = unused(used);
        }
        if (rejected.length > 0 || dry_run) return 0;
        for (const [, place] of storesIn(codes)) await keepStore(tx, site.site_pk, place, stores);
        for (const { row } of rows) await tx.saveCode(row);
        return rows.length;
      });
      if (imported > 0) onChange(rows.map(({ row }) => row.code));
      const lines = new Set([...rows.map(({ line }) => line), ...rejected.map(({ line }) => line)]);
      const answer: CodesImported = { rows: lines.size, imported, dry_run, rejected: rejected.sort((a, b) => a.line - b.line) };
      if (rejected.length === 0 || dry_run) return answer;
      throw new Problem(422, `Nothing was imported: ${rejected.length} faults, the first in line ${rejected[0]?.line}`, { ...answer });
    },
  );
}

/** A code as the API shows it. */
export function shownCode(store: Store, { site_pk: _pk, store_id: _id, sku, gtin, ...code }: ShownCode, public_url: string) {
  const site = store.sites().find((candidate) => candidate.site === code.site);
  return {
    ...code,
    url: codeUrl(code.code, site ?? { code_host: null }, public_url),
    store: code.store && { id: code.store.store_id, name: code.store.name, gln: code.store.gln },
    product: sku === null && gtin === null ? null : { sku, gtin },
  };
}

/** The code of this name, on one of these sites (null: any). */
export async function knownCode(store: Store, name: string, sites: readonly string[] | null): Promise<ShownCode> {
  const code = name.toUpperCase();
  const [row] = CODE_PATTERN.test(code) ? await store.queries.codes({ sites, code }) : [];
  if (!row) throw new Problem(404, `No such code: ${code.slice(0, 64)}`);
  return row;
}

/** Stores that rows name; the last one to say a name or GLN is right. */
function storesIn(codes: readonly CsvCode[]): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const { body } of codes) if (body.store) places.set(body.store.id, { ...places.get(body.store.id), ...body.store });
  return places;
}

/** A new code that none of these is; adds it to them. */
function unused(used: Set<string>): string {
  let code = newCode();
  while (used.has(code)) code = newCode();
  used.add(code);
  return code;
}

type Place = NonNullable<CodeBody['store']>;

/** Makes the store that a code names, or takes over what is new of it. */
async function keepStore(tx: Tx, site_pk: number, { id, name, gln }: Place, stores: readonly StoreRow[]): Promise<void> {
  const known = stores.find(({ store_id }) => store_id === id);
  await tx.saveStore(site_pk, { store_id: id, name: name ?? known?.name ?? id, gln: gln ?? known?.gln ?? null });
}

function refuseFault(row: CodeRow, site: SiteRecord): void {
  const fault = codeFault(row, site);
  if (fault) throw badField(fault.field, fault.expected);
}

function siteOf(store: Store, site: string): SiteRecord {
  const record = store.sites().find((candidate) => candidate.site === site);
  if (!record) throw new Problem(404, `No such site: ${site}`);
  return record;
}

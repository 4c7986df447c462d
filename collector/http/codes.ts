/** Printed codes over HTTP: make, edit, list, and from CSV files. */
import express, { type Request, Router } from 'express';
import type { Millis } from '../../protocol/event.ts';
import type { SiteRecord } from '../domain/site.ts';
import { badField, Problem } from '../errors.ts';
import { CODE_PATTERN, codeUrl, newCode } from '../scan/code.ts';
import { CodeBody, CodeEditBody, codeFault, codeRow, editedRow } from '../scan/code-body.ts';
import { type CsvCode, type Reject, readCodesCsv } from '../scan/code-csv.ts';
import type { ShownCode } from '../store/queries-codes.ts';
import type { CodeRow, Store, StoreRow, Tx } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { limit, oneOf, text } from './params.ts';
import { parseBody } from './problem.ts';
import { oneSite } from './profiles.ts';

export interface CodesOptions {
  store: Store;
  auth: Auth;
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
/** Codes of one answer, unless `limit` says otherwise. */
const FILTERS = ['store', 'placement', 'campaign', 'customer_id'] as const;

export function codeRoutes({ store, auth, now, publicUrl, onChange }: CodesOptions): Router {
  const router = Router();
  const { queries } = store;
  const read = requireScope(auth, 'read', now);
  const write = requireScope(auth, 'write', now);

  router.get('/v1/codes', read, async (req, res) => {
    const given = Object.fromEntries(FILTERS.flatMap((name) => (text(req, name) === undefined ? [] : [[name, text(req, name)]])));
    const kind = oneOf(req, 'kind', ['plain', 'product', 'personal']);
    const after = text(req, 'cursor');
    const size = text(req, 'limit') === undefined ? undefined : limit(req, 100, 10_000);
    const filter = { ...given, ...(kind && { kind }), ...(after && { after }), ...(size && { limit: size }) };
    const codes = await queries.codes({ sites: siteFor(accessOf(res), text(req, 'site')), ...filter });
    res.json({
      codes: codes.map((code) => shownCode(store, code, publicUrl())),
      next_cursor: codes.length === size ? (codes.at(-1)?.code ?? null) : null,
    });
  });

  router.get('/v1/codes/:code', read, async (req, res, next) => {
    if (/\.(?:svg|png)$/i.test(String(req.params['code']))) return next();
    const row = await knownCode(store, String(req.params['code']), accessOf(res).sites);
    res.json({ ...shownCode(store, row, publicUrl()), history: await queries.codeEdits(row.code) });
  });

  router.post('/v1/codes', write, async (req, res) => {
    const body = parseBody(CodeBody, req.body);
    const site = siteOf(store, oneSite(store, siteFor(accessOf(res), body.site)));
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
    res.status(201).json(shownCode(store, await knownCode(store, code, null), publicUrl()));
  });

  router.patch('/v1/codes/:code', write, async (req, res) => {
    const { site: name, store: _store, ...known } = await knownCode(store, String(req.params['code']), accessOf(res).sites);
    const edit = parseBody(CodeEditBody, req.body);
    const site = siteOf(store, name);
    const change = editedRow(known, edit as CodeEditBody, now());
    refuseFault(change.row, site);
    const stores = await queries.stores([site.site]);
    await store.write(async (tx) => {
      if (edit.store) await keepStore(tx, site.site_pk, edit.store, stores);
      if (Object.keys(change.new).length === 0) return;
      await tx.saveCode(change.row);
      await tx.addCodeEdit({ code: known.code, edited_at: now(), author: accessOf(res).name, old: change.old, new: change.new });
    });
    onChange([known.code]);
    const row = await knownCode(store, known.code, null);
    res.json({ ...shownCode(store, row, publicUrl()), history: await queries.codeEdits(row.code) });
  });

  router.post('/v1/codes/import', write, express.raw({ type: () => true, limit: CSV_BYTES }), async (req: Request, res) => {
    const site = siteOf(store, oneSite(store, siteFor(accessOf(res), text(req, 'site'))));
    const dry_run = oneOf(req, 'dry_run', ['0', '1']) === '1';
    const bytes: unknown = req.body;
    if (!Buffer.isBuffer(bytes)) throw new Problem(400, 'Expected a CSV file as the body');
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
        if (body.code !== undefined && taken.has(row.code)) rejected.push({ line, field: 'code', reason: `the code ${row.code} is taken` });
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
    res.status(rejected.length > 0 && !dry_run ? 422 : 200).json({
      ...answer,
      ...(rejected.length > 0 &&
        !dry_run && { title: `Nothing was imported: ${rejected.length} faults, the first in line ${rejected[0]?.line}` }),
    });
  });
  return router;
}

/** A code as the API shows it. */
export function shownCode(store: Store, { site_pk: _pk, store_id: _id, sku, gtin, ...code }: ShownCode, public_url: string): object {
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

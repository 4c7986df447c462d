/** Codes as pictures and print sheets over HTTP. */
import { Router } from 'express';
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { badField, Problem } from '../errors.ts';
import { codeUrl } from '../scan/code.ts';
import { codeSvg, ERROR_CORRECTIONS, type PictureOptions } from '../scan/picture.ts';
import { codePng } from '../scan/png.ts';
import { drawSheets, SHEET_NAMES, SHEETS } from '../scan/sheet.ts';
import { CAPTIONS, labelOf } from '../scan/sheet-label.ts';
import type { ShownCode } from '../store/queries-codes.ts';
import type { Store } from '../store/store.ts';
import { type Auth, accessOf, requireScope, siteFor } from './auth.ts';
import { knownCode } from './codes.ts';
import { oneOf, text } from './params.ts';
import { parseBody } from './problem.ts';

/** Labels of one sheet request. */
const LABELS = 10_000;
const quietZone = z.number().int().min(1).max(16);

const SheetBody = z.strictObject({
  site: z.string().optional(),
  sheet: z.enum(SHEET_NAMES).default('a4-24'),
  codes: z.array(z.string().toUpperCase()).min(1).max(LABELS).optional(),
  store: z.string().optional(),
  placement: z.string().optional(),
  campaign: z.string().optional(),
  error_correction: z.enum(ERROR_CORRECTIONS).default('medium'),
  quiet_zone: quietZone.default(4),
  caption: z.enum(CAPTIONS).default('both'),
  copies: z.number().int().min(1).max(100).default(1),
  skip: z.number().int().min(0).max(100).default(0),
});

export interface PicturesOptions {
  store: Store;
  auth: Auth;
  now: () => Millis;
  publicUrl: () => string;
}

export function pictureRoutes({ store, auth, now, publicUrl }: PicturesOptions): Router {
  const router = Router();
  const read = requireScope(auth, 'read', now);
  const urlOf = ({ code, site }: Pick<ShownCode, 'code' | 'site'>): string =>
    codeUrl(code, store.sites().find((candidate) => candidate.site === site) ?? { code_host: null }, publicUrl());

  router.get('/v1/codes/:picture', read, async (req, res) => {
    const [, code = '', format = ''] = /^(.+)\.(svg|png)$/i.exec(String(req.params['picture'])) ?? [];
    const row = await knownCode(store, code, accessOf(res).sites);
    const number = (name: string, least: number, most: number): number | undefined => {
      const value = text(req, name);
      if (value === undefined) return undefined;
      const parsed = Number(value);
      if (!Number.isInteger(parsed) || parsed < least || parsed > most)
        throw badField(name, `expected a whole number from ${least} to ${most}`);
      return parsed;
    };
    const caption = text(req, 'caption');
    const options: PictureOptions = {
      error_correction: oneOf(req, 'error_correction', ERROR_CORRECTIONS),
      quiet_zone: number('quiet_zone', 1, 16),
      size: number('size', 32, 4_096),
      // `1`: the code's own label.
      ...(caption && { caption: caption === '1' ? row.label || row.code : caption.slice(0, 80) }),
    };
    if (format.toLowerCase() === 'svg') res.type('svg').send(codeSvg(urlOf(row), options));
    else res.type('png').send(codePng(urlOf(row), options));
  });

  router.post('/v1/codes/sheet', read, async (req, res) => {
    const { sheet, codes, caption, copies, skip, site, store: at, placement, campaign, ...symbol } = parseBody(SheetBody, req.body);
    const layout = SHEETS[sheet];
    if (skip >= layout.columns * layout.rows) throw badField('skip', `this sheet has ${layout.columns * layout.rows} labels`);
    const filter = { ...(at && { store: at }), ...(placement && { placement }), ...(campaign && { campaign }) };
    const found = await store.queries.codes({ sites: siteFor(accessOf(res), site), ...filter, limit: codes ? 1_000_000 : LABELS + 1 });
    const byCode = new Map(found.map((row) => [row.code, row]));
    const unknown = codes?.find((code) => !byCode.has(code));
    if (unknown !== undefined) throw new Problem(404, `No such code: ${unknown.slice(0, 64)}`, { field: 'codes' });
    const rows = codes ? codes.flatMap((code) => byCode.get(code) ?? []) : found;
    if (rows.length === 0) throw new Problem(404, 'No code fits');
    if (rows.length * copies > LABELS) throw badField('codes', `more than ${LABELS} labels: ask for fewer at once`);
    const labels = rows.flatMap((row) => Array.from({ length: copies }, () => labelOf(row, urlOf(row), caption)));
    const drawn = await drawSheets(labels, layout, { ...symbol, skip });
    if (!drawn.ok) throw badField('sheet', `${drawn.url} would have modules of ${drawn.module_mm.toFixed(2)} mm: too small to read`);
    res.type('pdf').set('content-disposition', 'attachment; filename="codes.pdf"').send(Buffer.from(drawn.pdf));
  });
  return router;
}

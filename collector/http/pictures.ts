/** Codes as pictures and print sheets over HTTP. */
import { z } from 'zod';
import { badField, Problem } from '../errors.ts';
import { codeUrl } from '../scan/code.ts';
import { codeSvg, ERROR_CORRECTIONS, type PictureOptions } from '../scan/picture.ts';
import { codePng } from '../scan/png.ts';
import { drawSheets, SHEET_NAMES, SHEETS } from '../scan/sheet.ts';
import { CAPTIONS, labelOf } from '../scan/sheet-label.ts';
import type { ShownCode } from '../store/queries-codes.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import { knownCode } from './codes.ts';
import type { Api } from './endpoint.ts';
import { number, text } from './fields.ts';

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
  api: Api;
  store: Store;
  publicUrl: () => string;
}

const PICTURE = {
  error_correction: z.enum(ERROR_CORRECTIONS).optional(),
  quiet_zone: number(1, 16, 'Modules left free around it').optional(),
  size: number(32, 4_096, 'Pixels').optional(),
  caption: text('Below it; 1: the code’s own label'),
};

export function pictureRoutes({ api: { endpoint }, store, publicUrl }: PicturesOptions): void {
  const urlOf = ({ code, site }: Pick<ShownCode, 'code' | 'site'>): string =>
    codeUrl(code, store.sites().find((candidate) => candidate.site === site) ?? { code_host: null }, publicUrl());

  for (const [format, type] of [
    ['svg', 'image/svg+xml'],
    ['png', 'image/png'],
  ] as const)
    endpoint(
      `GET /v1/codes/:code.${format}`,
      { scope: 'read', summary: `A code as a picture (${format.toUpperCase()})`, query: PICTURE, answers: {}, media: [type] },
      async ({ params, query: { caption, ...options }, access, res }) => {
        const row = await knownCode(store, params.code, access.sites);
        const picture: PictureOptions = {
          ...options,
          ...(caption && { caption: caption === '1' ? row.label || row.code : caption.slice(0, 80) }),
        };
        res.type(format).send(format === 'svg' ? codeSvg(urlOf(row), picture) : codePng(urlOf(row), picture));
        return undefined;
      },
    );

  endpoint(
    'POST /v1/codes/sheet',
    { scope: 'read', summary: 'Codes as a sheet to print', body: SheetBody, answers: {}, media: ['application/pdf'] },
    async ({ body, access, res }) => {
      const { sheet, codes, caption, copies, skip, site, store: at, placement, campaign, ...symbol } = body;
      const layout = SHEETS[sheet];
      if (skip >= layout.columns * layout.rows) throw badField('skip', `this sheet has ${layout.columns * layout.rows} labels`);
      const filter = { ...(at && { store: at }), ...(placement && { placement }), ...(campaign && { campaign }) };
      const found = await store.queries.codes({ sites: siteFor(access, site), ...filter, limit: codes ? 1_000_000 : LABELS + 1 });
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
      return undefined;
    },
  );
}

/** Print sheets: codes on label sheets, shelf talkers and posters, as PDF. */
import {
  fill,
  PDFDocument,
  type PDFFont,
  type PDFPage,
  popGraphicsState,
  pushGraphicsState,
  rectangle,
  StandardFonts,
  setFillingRgbColor,
} from 'pdf-lib';
import { codeModules, runsOf, type SymbolOptions } from './picture.ts';

export interface SheetLayout {
  description: string;
  /** Page, label, first label's corner and distance from label to label, in millimetres. */
  page: readonly [width: number, height: number];
  label: readonly [width: number, height: number];
  from: readonly [left: number, top: number];
  pitch: readonly [x: number, y: number];
  columns: number;
  rows: number;
}

const A4 = [210, 297] as const;
const LETTER = [215.9, 279.4] as const;
const INCH = 25.4;

export const SHEETS = {
  'a4-24': grid('24 labels of 70 x 37 mm on A4 (Avery 3474)', A4, [70, 37], [0, 0.5], [70, 37], 3, 8),
  'a4-21': grid('21 labels of 63.5 x 38.1 mm on A4 (Avery L7160)', A4, [63.5, 38.1], [7.21, 15.15], [66.04, 38.1], 3, 7),
  'a4-14': grid('14 labels of 99.1 x 38.1 mm on A4 (Avery L7163)', A4, [99.1, 38.1], [4.65, 15.15], [101.64, 38.1], 2, 7),
  'letter-30': grid('30 labels of 2 5/8 x 1 in on Letter (Avery 5160)', LETTER, [66.675, INCH], [4.7625, 12.7], [69.85, INCH], 3, 10),
  'letter-10': grid('10 labels of 4 x 2 in on Letter (Avery 5163)', LETTER, [101.6, 50.8], [3.96875, 12.7], [106.3625, 50.8], 2, 5),
  'a4-shelf': grid('8 shelf talkers of 105 x 74 mm on A4', A4, [105, 74.25], [0, 0], [105, 74.25], 2, 4),
  'letter-shelf': grid('8 shelf talkers of 4 1/4 x 2 3/4 in on Letter', LETTER, [107.95, 69.85], [0, 0], [107.95, 69.85], 2, 4),
  'a4-poster': grid('a window poster on A4', A4, [210, 297], [0, 0], [210, 297], 1, 1),
  'letter-poster': grid('a window poster on Letter', LETTER, LETTER, [0, 0], LETTER, 1, 1),
} as const satisfies Record<string, SheetLayout>;

export type SheetName = keyof typeof SHEETS;
export const SHEET_NAMES = Object.keys(SHEETS) as SheetName[];

/** What a label says: its symbol, and lines of text beside or below it, the first the largest. */
export interface Label {
  url: string;
  lines: readonly string[];
}

export interface SheetOptions extends SymbolOptions {
  /** Labels of the first sheet that are used up. */
  skip?: number | undefined;
  /** Told of labels drawn, after each page. */
  onProgress?: ((drawn: number) => void) | undefined;
}

/** A dot of a 300 dpi printer (mm). */
const DOT = INCH / 300;

/** How much of its place a symbol takes on a sheet of many: with less white between them, readers that see several at once miss some. */
const BESIDE_OTHERS = 0.7;

/** Narrower modules than this (mm) a common printer and phone may not get right. */
const MODULE_MM = 0.25;

export type Sheet = { ok: true; pdf: Uint8Array; pages: number } | { ok: false; url: string; module_mm: number };

/** All labels in order, row by row. Other work gets its turn between pages. Refuses a symbol that would come out too small. */
export async function drawSheets(labels: readonly Label[], layout: SheetLayout, options: SheetOptions = {}): Promise<Sheet> {
  const { skip = 0, onProgress = () => undefined, ...symbol } = options;
  const pdf = await PDFDocument.create();
  const fonts = { bold: await pdf.embedFont(StandardFonts.HelveticaBold), plain: await pdf.embedFont(StandardFonts.Helvetica) };
  const places = layout.columns * layout.rows;
  let page: PDFPage | null = null;
  for (const [index, label] of labels.entries()) {
    const place = (index + skip) % places;
    if (page === null || place === 0) {
      page = pdf.addPage([points(layout.page[0]), points(layout.page[1])]);
      onProgress(index);
      await new Promise((next) => setImmediate(next));
    }
    const left = layout.from[0] + (place % layout.columns) * layout.pitch[0];
    const top = layout.from[1] + Math.floor(place / layout.columns) * layout.pitch[1];
    const module_mm = drawLabel(page, label, { left, top, layout }, fonts, symbol);
    if (module_mm < MODULE_MM) return { ok: false, url: label.url, module_mm };
  }
  onProgress(labels.length);
  return { ok: true, pdf: await pdf.save(), pages: pdf.getPageCount() };
}

/** Draws one label; answers the width of a module in millimetres. */
function drawLabel(
  page: PDFPage,
  { url, lines }: Label,
  { left, top, layout }: { left: number; top: number; layout: SheetLayout },
  { bold, plain }: { bold: PDFFont; plain: PDFFont },
  symbol: SymbolOptions,
): number {
  const [width, height] = layout.label;
  const wide = width > height * 1.25;
  const inset = Math.min(width, height) * 0.04;
  const side = wide ? height - 2 * inset : Math.min(width - 2 * inset, height * 0.72);
  const most = layout.columns > 1 ? side * BESIDE_OTHERS : side;
  const rows = codeModules(url, symbol);
  // Whole dots of a 300 dpi printer, at whole dots: no module is a dot wider than its neighbour, and edges are sharp.
  const module = Math.max(1, Math.floor(most / rows.length / DOT)) * DOT;
  const drawn = module * rows.length;
  const onDot = (mm: number): number => Math.round(mm / DOT) * DOT;
  const x0 = onDot(wide ? left + inset + (side - drawn) / 2 : left + (width - drawn) / 2);
  const y0 = onDot(top + inset + (side - drawn) / 2);
  const bottom = layout.page[1];
  const rectangles = rows.flatMap((row, y) =>
    [...runsOf(row)].map((run) =>
      rectangle(points(x0 + run.x * module), points(bottom - y0 - (y + 1) * module), points(run.width * module), points(module)),
    ),
  );
  page.pushOperators(pushGraphicsState(), setFillingRgbColor(0, 0, 0), ...rectangles, fill(), popGraphicsState());

  const box = wide
    ? { x: left + side + 2 * inset, y: top + inset * 2, width: width - side - 3 * inset, height: height - 4 * inset }
    : { x: left + inset * 2, y: top + inset + side, width: width - 4 * inset, height: height - side - 2 * inset };
  const sizes = lines.map((_, index) => (index === 0 ? Math.min(box.height / 6, box.width / 9) : Math.min(box.height / 9, box.width / 14)));
  let y = box.y;
  for (const [index, line] of lines.entries()) {
    const font = index === 0 ? bold : plain;
    const size = sizes[index] ?? 3;
    for (const part of wrapped(printable(line, font), font, size, box.width, index === 0 ? 3 : 2)) {
      y += size * 1.25;
      if (y > box.y + box.height) return module;
      const indent = wide ? 0 : (box.width - millimetres(font.widthOfTextAtSize(part, points(size)))) / 2;
      page.drawText(part, { x: points(box.x + indent), y: points(bottom - y), size: points(size), font });
    }
  }
  return module;
}

/** Lines that fit the width; a word that does not is cut, and so is what goes beyond `most` lines. */
function wrapped(text: string, font: PDFFont, size: number, width: number, most: number): string[] {
  const fits = (line: string): boolean => millimetres(font.widthOfTextAtSize(line, points(size))) <= width;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (fits(longer)) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (!fits(line) && line.length > 1) {
      let cut = line.length - 1;
      while (cut > 1 && !fits(line.slice(0, cut))) cut -= 1;
      lines.push(line.slice(0, cut));
      line = line.slice(cut);
    }
  }
  if (line !== '') lines.push(line);
  return lines.slice(0, most);
}

/** The standard fonts know Western letters only: accents are dropped where they must, the rest becomes a question mark. */
function printable(text: string, font: PDFFont): string {
  const known = new Set(font.getCharacterSet());
  return [...text.replace(/\s+/g, ' ')]
    .map((char) => {
      if (known.has(char.codePointAt(0) ?? 0)) return char;
      const plain = char.normalize('NFD').replace(/\p{M}/gu, '');
      return [...plain].every((part) => known.has(part.codePointAt(0) ?? 0)) ? plain : '?';
    })
    .join('');
}

const points = (mm: number): number => (mm * 72) / INCH;
const millimetres = (pt: number): number => (pt * INCH) / 72;

function grid(
  description: string,
  page: SheetLayout['page'],
  label: SheetLayout['label'],
  from: SheetLayout['from'],
  pitch: SheetLayout['pitch'],
  columns: number,
  rows: number,
): SheetLayout {
  return { description, page, label, from, pitch, columns, rows };
}

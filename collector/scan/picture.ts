/** Draws what a code says as a QR symbol: its modules, and an SVG of them. */
import encodeQR from 'qr';

export const ERROR_CORRECTIONS = ['low', 'medium', 'quartile', 'high'] as const;

export interface SymbolOptions {
  /** How much of the symbol may be damaged: 7, 15, 25 or 30 %. */
  error_correction?: (typeof ERROR_CORRECTIONS)[number] | undefined;
  /** White margin in modules, at least 1. Below 4 (ISO/IEC 18004) scanners may fail to find the symbol. */
  quiet_zone?: number | undefined;
}

export interface PictureOptions extends SymbolOptions {
  /** Width in pixels; 8 a module unless said. */
  size?: number | undefined;
  /** A line of text under the symbol. */
  caption?: string | undefined;
}

/** Rows of modules, true where dark, the quiet zone included. Text in capitals makes the smaller symbol. Throws if `text` fits no symbol. */
export function codeModules(text: string, { error_correction = 'medium', quiet_zone = 4 }: SymbolOptions = {}): boolean[][] {
  return encodeQR(text, 'raw', { ecc: error_correction, border: quiet_zone });
}

/** An SVG, one unit a module, black on white whatever is behind it. */
export function codeSvg(text: string, { size, caption, ...options }: PictureOptions = {}): string {
  const rows = codeModules(text, options);
  const modules = rows.length;
  const height = modules + (caption ? CAPTION : 0);
  const width = size ?? modules * 8;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${modules} ${height}" width="${width}" height="${Math.round((width * height) / modules)}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M0 0h${modules}v${height}H0z"/><path d="${rows.map(darkRuns).join('')}"/>${caption ? captionText(caption, modules) : ''}</svg>`
  );
}

/** Height of a caption in modules. */
const CAPTION = 5;

function captionText(caption: string, modules: number): string {
  // Longer ones are squeezed into the width; characters are about half as wide as high.
  const squeeze = caption.length * 1.6 > modules - 2 ? ` textLength="${modules - 2}" lengthAdjust="spacingAndGlyphs"` : '';
  const text = caption.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
  return `<text x="${modules / 2}" y="${modules + 2}" font-family="sans-serif" font-size="3" text-anchor="middle"${squeeze}>${text}</text>`;
}

/** The runs of dark modules of a row. */
export function* runsOf(row: readonly boolean[]): Generator<{ x: number; width: number }> {
  for (let x = 0; x < row.length; x++) {
    const start = x;
    while (row[x]) x++;
    if (x > start) yield { x: start, width: x - start };
  }
}

/** A rectangle for each run of dark modules: neighbours drawn one by one would show hairlines between them. */
function darkRuns(row: readonly boolean[], y: number): string {
  return [...runsOf(row)].map(({ x, width }) => `M${x} ${y}h${width}v1h-${width}z`).join('');
}

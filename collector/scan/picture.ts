/** Draws what a code says as a QR symbol. */
import encodeQR from 'qr';

export interface PictureOptions {
  /** How much of the symbol may be damaged: 7, 15, 25 or 30 %. */
  error_correction?: 'low' | 'medium' | 'quartile' | 'high';
  /** White margin in modules, at least 1. Below 4 (ISO/IEC 18004) scanners may fail to find the symbol. */
  quiet_zone?: number;
}

/** A square SVG, one unit a module, black on white whatever is behind it. Text in capitals makes the smaller symbol. Throws if `text` fits no symbol. */
export function codeSvg(text: string, { error_correction = 'medium', quiet_zone = 4 }: PictureOptions = {}): string {
  const rows = encodeQR(text, 'raw', { ecc: error_correction, border: quiet_zone });
  const size = rows.length;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" width="${size * 8}" height="${size * 8}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M0 0h${size}v${size}H0z"/><path d="${rows.map(darkRuns).join('')}"/></svg>`
  );
}

/** A rectangle for each run of dark modules: neighbours drawn one by one would show hairlines between them. */
function darkRuns(row: readonly boolean[], y: number): string {
  let path = '';
  for (let x = 0; x < row.length; x++) {
    const start = x;
    while (row[x]) x++;
    if (x > start) path += `M${start} ${y}h${x - start}v1h-${x - start}z`;
  }
  return path;
}

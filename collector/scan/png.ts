/** QR symbols as PNG: one bit a pixel, no native dependency. */
import { deflateSync } from 'node:zlib';
import { drawText, TEXT_HEIGHT, textWidth } from './bitmap-font.ts';
import { codeModules, type PictureOptions } from './picture.ts';

/** A PNG at least as wide as asked for is never scaled by a fraction of a pixel: what is left over is margin. Throws if `text` fits no symbol. */
export function codePng(text: string, { size, caption, ...options }: PictureOptions = {}): Buffer {
  const rows = codeModules(text, options);
  const width = Math.max(size ?? rows.length * 8, rows.length);
  const scale = Math.floor(width / rows.length);
  const margin = Math.floor((width - rows.length * scale) / 2);
  const letter = caption ? Math.max(1, Math.min(Math.floor(scale / 2), Math.floor((width - 2 * scale) / textWidth(caption)))) : 0;
  const height = width + (caption ? (TEXT_HEIGHT + 4) * letter : 0);
  const dark = new Uint8Array(width * height);
  rows.forEach((row, y) => {
    row.forEach((isDark, x) => {
      if (!isDark) return;
      for (let line = 0; line < scale; line++) {
        const at = (margin + y * scale + line) * width + margin + x * scale;
        dark.fill(1, at, at + scale);
      }
    });
  });
  if (caption) {
    const left = Math.max(0, Math.floor((width - textWidth(caption) * letter) / 2));
    drawText(caption, (x, y) => {
      for (let line = 0; line < letter; line++) {
        const at = (width + y * letter + line) * width + left + x * letter;
        if (left + (x + 1) * letter <= width) dark.fill(1, at, at + letter);
      }
    });
  }
  return encodePng(dark, width, height);
}

/** Pixels that are 0 (white) or not, row by row, as a grey PNG of one bit a pixel. */
export function encodePng(dark: Uint8Array, width: number, height: number): Buffer {
  const stride = Math.ceil(width / 8);
  const raw = Buffer.alloc((stride + 1) * height, 0xff);
  for (let y = 0; y < height; y++) {
    const row = y * (stride + 1);
    raw[row] = 0;
    for (let x = 0; x < width; x++) {
      const at = row + 1 + (x >> 3);
      if (dark[y * width + x]) raw[at] = (raw[at] as number) & ~(128 >> (x & 7));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 0, 0, 0, 0], 8);
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(raw)), chunk('IEND', Buffer.alloc(0))]);
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Buffer): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (CRC_TABLE[(value ^ byte) & 255] as number) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** A picture of a page in 255 colours: a third of the bytes of what the browser makes, and nobody sees the difference. */
import { crc32, deflateSync } from 'node:zlib';
import type { WebDriver } from 'selenium-webdriver';

/** Decodes in the browser, since that has a decoder. Leaves its page blank. */
export async function smallPng(driver: WebDriver, png: string): Promise<Buffer> {
  await driver.get('about:blank');
  const { width, height, palette, indices } = await driver.executeAsyncScript<Indexed>(REDUCE, png);
  const pixels = Buffer.from(indices, 'base64');
  // Each line begins with its filter: none, since an index says nothing about its neighbour.
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) pixels.copy(lines, y * (width + 1) + 1, y * width, (y + 1) * width);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('PLTE', Buffer.from(palette)),
    chunk('IDAT', deflateSync(lines, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

interface Indexed {
  width: number;
  height: number;
  palette: number[];
  indices: string;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** The commonest colours of each sort, and for each other one the nearest of them. */
const REDUCE = `
  const [png, done] = arguments;
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas');
    const { width, height } = image;
    canvas.width = width; canvas.height = height;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const counts = new Map();
    const keyAt = (i) => (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
    for (let i = 0; i < data.length; i += 4) counts.set(keyAt(i), (counts.get(keyAt(i)) ?? 0) + 1);
    const ranked = [...counts].sort((a, b) => b[1] - a[1]).map(([key]) => key);
    // The commonest of each sort of colour goes first, else many greys of text would leave no room for a small red dot.
    const sorts = new Map();
    for (const key of ranked) if (!sorts.has(key & 0xf0f0f0)) sorts.set(key & 0xf0f0f0, key);
    const palette = [...new Set([...[...sorts.values()].slice(0, 200), ...ranked])].slice(0, 255).map((key) => [key >> 16, (key >> 8) & 255, key & 255]);
    const nearest = new Map();
    const find = (key) => {
      let best = 0, least = Infinity;
      palette.forEach(([r, g, b], index) => {
        const far = (r - (key >> 16)) ** 2 + (g - ((key >> 8) & 255)) ** 2 + (b - (key & 255)) ** 2;
        if (far < least) { least = far; best = index; }
      });
      nearest.set(key, best);
      return best;
    };
    let text = '';
    for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(nearest.get(keyAt(i)) ?? find(keyAt(i)));
    done({ width, height, palette: palette.flat(), indices: btoa(text) });
  };
  image.src = 'data:image/png;base64,' + png;`;

/** Letters of 5 by 7 pixels, for captions of PNGs: capitals, digits and what stands in URLs and labels. */

export const TEXT_HEIGHT = 7;

/** Width in pixels: small letters become capitals, accents are dropped, what is unknown becomes a box. */
export function textWidth(text: string): number {
  return Math.max(1, shapeable(text).length * 6 - 1);
}

export function drawText(text: string, dot: (x: number, y: number) => void): void {
  [...shapeable(text)].forEach((char, index) => {
    const rows = GLYPHS.get(char) ?? BOX;
    rows.forEach((row, y) => {
      for (let x = 0; x < 5; x++) if (row & (16 >> x)) dot(index * 6 + x, y);
    });
  });
}

function shapeable(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase();
}

const BOX = [31, 17, 17, 17, 17, 17, 31];

/** Each row of a glyph is a digit of base 32, its left pixel worth 16. */
const GLYPHS = new Map(
  Object.entries({
    ' ': '0000000',
    '0': 'ehjlphe',
    '1': '4c4444e',
    '2': 'eh1248v',
    '3': 'v2421he',
    '4': '26aiv22',
    '5': 'vgu11he',
    '6': '68guhhe',
    '7': 'v124888',
    '8': 'ehhehhe',
    '9': 'ehhf12c',
    A: 'ehhvhhh',
    B: 'uhhuhhu',
    C: 'ehggghe',
    D: 'sihhhis',
    E: 'vgguggv',
    F: 'vgguggg',
    G: 'ehgnhhf',
    H: 'hhhvhhh',
    I: 'e44444e',
    J: '72222ic',
    K: 'hikokih',
    L: 'ggggggv',
    M: 'hrllhhh',
    N: 'hhpljhh',
    O: 'ehhhhhe',
    P: 'uhhuggg',
    Q: 'ehhhlid',
    R: 'uhhukih',
    S: 'fgge11u',
    T: 'v444444',
    U: 'hhhhhhe',
    V: 'hhhhha4',
    W: 'hhhllla',
    X: 'hha4ahh',
    Y: 'hhha444',
    Z: 'v1248gv',
    '-': '000v000',
    '.': '00000cc',
    ',': '0000c48',
    ':': '0cc0cc0',
    '/': '01248g0',
    _: '000000v',
    '&': 'cik8lid',
    '+': '044v440',
    '#': 'aavavaa',
    '(': '2488842',
    ')': '8422248',
    "'": 'c480000',
    '!': '4444004',
    '?': 'eh12404',
    '%': 'op248j3',
    '=': '00v0v00',
    '"': 'aaa0000',
  }).map(([char, rows]): [string, number[]] => [char, [...rows].map((row) => Number.parseInt(row, 32))]),
);

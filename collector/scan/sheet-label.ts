/** What is printed beside a code's symbol. */
import type { Label } from './sheet.ts';

export const CAPTIONS = ['label', 'url', 'both', 'none'] as const;
export type Caption = (typeof CAPTIONS)[number];

export function labelOf({ code, label }: { code: string; label: string }, url: string, caption: Caption): Label {
  const short = url.replace(/^HTTPS?:\/\//i, '');
  const lines = { label: [label || code], url: [short], both: [label || code, short], none: [] }[caption];
  return { url, lines };
}

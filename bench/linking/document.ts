/** Re-makes the tables in docs/linking.md: `npx tsx bench/linking/document.ts`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from '../linking.ts';
import { markdownTables } from './table.ts';

const PAGE = fileURLToPath(new URL('../../docs/linking.md', import.meta.url));
const BEGIN = '<!-- bench:linking -->';
const END = '<!-- /bench:linking -->';

const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : `# Linking\n\n${BEGIN}\n${END}\n`;
const [before, rest] = splitOnce(page, BEGIN);
const [, after] = splitOnce(rest, END);
const tables = markdownTables(await run({ worlds: true }));
writeFileSync(PAGE, `${before}${BEGIN}\n${tables}\n${END}${after}`);

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`docs/linking.md has no ${mark}`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

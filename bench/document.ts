/** Re-makes the tables of docs/performance.md: `npx tsx bench/document.ts`, or with names those benchmarks' alone. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from './benchmark.ts';

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
/** What takes minutes together. Growth takes half an hour: its table stays, with its date, until somebody names it. */
const USUAL = ['ingest', 'scan', 'queries', 'stream'];

const names = process.argv.slice(2);
// What is measured is what is built.
execFileSync('npx', ['rollup', '-c', '--silent'], { stdio: 'inherit' });
for (const name of names.length > 0 ? names : USUAL) {
  const began = Date.now();
  const { run, table } = (await import(`./${name}.ts`)) as Benchmark;
  const result = await run();
  const { machine } = result as { machine?: Record<string, string | number> };
  const about = machine ? Object.entries(machine).map(([what, value]) => `${what.replace('_', ' ')} ${value}`) : [];
  const made = `Measured ${new Date().toISOString().slice(0, 10)} in ${Math.round((Date.now() - began) / 1_000)} s: ${about.join(', ')}.`;
  write(name, `${made}\n\n${table ? table(result) : rows(result)}`);
  console.log(`${name}: ${made}`);
}
process.exit(0);

/** Puts the text between the benchmark's marks. */
function write(name: string, text: string): void {
  const [begin, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has no ${begin} … ${end}`);
  writeFileSync(PAGE, `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`);
}

/** Of a result without a table of its own: its list of levels. */
function rows(result: object): string {
  const [list] = Object.values(result).filter((value): value is Record<string, unknown>[] => Array.isArray(value));
  const lines = list ?? [result as Record<string, unknown>];
  const columns = Object.keys(lines[0] ?? {});
  return [columns, columns.map(() => '---'), ...lines.map((line) => columns.map((column) => line[column]))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

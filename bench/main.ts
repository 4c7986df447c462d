/** Runs benchmarks by name, or all of them: `npm run bench -- [NAME] [--json]`. */
import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Benchmark } from './benchmark.ts';

const USAGE = 'npm run bench -- [NAME] [--json]';

async function main(): Promise<void> {
  const names = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && !['main.ts', 'benchmark.ts', 'document.ts'].includes(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
  const { name, json } = readArgs(names);
  const results: Record<string, object> = {};
  for (const one of name === undefined ? names : [name]) {
    const benchmark = (await import(`./${one}.ts`)) as Benchmark;
    console.log(`\n# ${one}`);
    const result = await benchmark.run();
    if (benchmark.table) console.log(benchmark.table(result));
    else printFigures(result);
    results[one] = result;
  }
  if (json) console.log(JSON.stringify(name === undefined ? results : results[name]));
}

function readArgs(names: readonly string[]): { name: string | undefined; json: boolean } {
  try {
    const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true });
    const [name, ...more] = positionals;
    if (more.length > 0) throw new Error(`One name or none, not ${positionals.join(' ')}`);
    if (name !== undefined && !names.includes(name)) throw new Error(`No benchmark is called ${name}`);
    return { name, json: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\nNAME: ${names.join(', ')}`);
    process.exit(2);
  }
}

/** Groups of figures (ours, floor) as rows, lists as tables of their own, single figures as lines. */
function printFigures(result: object): void {
  const rows: Record<string, object> = {};
  for (const [name, value] of Object.entries(result)) {
    if (Array.isArray(value)) {
      console.log(name);
      console.table(value);
    } else if (typeof value === 'object' && value !== null) rows[name] = value as object;
    else console.log(`${name}: ${value}`);
  }
  if (Object.keys(rows).length > 0) console.table(rows);
}

await main().catch((error: unknown) => {
  console.error(error);
  // Servers that still run would keep this process alive.
  process.exit(1);
});

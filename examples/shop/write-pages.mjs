/** Writes the shop's pages from catalogue.json and seed.json after one of them changed; `--check` only says which are out of date. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { pages } from './pages.mjs';

const [catalogue, seed] = await Promise.all(
  ['catalogue.json', 'seed.json'].map(async (name) => JSON.parse(await readFile(at(name), 'utf8'))),
);
const onlyCheck = process.argv.includes('--check');

for (const [path, html] of pages(catalogue, seed)) {
  if ((await readFile(at(path), 'utf8').catch(() => '')) === html) continue;
  console.log(`${onlyCheck ? 'out of date' : 'written'}: ${path}`);
  if (onlyCheck) {
    process.exitCode = 1;
    continue;
  }
  await mkdir(new URL('.', at(path)), { recursive: true });
  await writeFile(at(path), html);
}

function at(path) {
  return new URL(path, import.meta.url);
}

/** Reads who imports whom, and says where that breaks docs/architecture.md. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { createSourceFile, isExportAssignment, isExportDeclaration, isImportDeclaration, preProcessFile, ScriptTarget } from 'typescript';

/** Source by path from the root, with `/`. */
export type Sources = ReadonlyMap<string, string>;

/** A layer may import itself and what it names. A file of `collector` that is in no layer is a violation: decide where it stands. */
interface Layer {
  name: string;
  files: RegExp;
  imports: readonly string[];
  /** Runs in browsers, or shall be pure: Node's modules are out. */
  node?: false;
}

const BELOW_STORE = ['protocol', 'errors', 'leaves', 'linking', 'domain'];
const BELOW_HTTP = [...BELOW_STORE, 'store', 'intake', 'services'];
const LAYERS: readonly Layer[] = [
  { name: 'protocol', files: /^protocol\//, imports: [], node: false },
  { name: 'client', files: /^client\//, imports: ['protocol'], node: false },
  { name: 'ui', files: /^collector\/ui\//, imports: ['protocol'], node: false },
  { name: 'linking', files: /^collector\/linking\//, imports: ['protocol'], node: false },
  // What store and intake both speak of: sites, accepted events, devices.
  { name: 'domain', files: /^collector\/domain\//, imports: ['protocol', 'linking', 'errors'] },
  { name: 'errors', files: /^collector\/errors\.ts$/, imports: ['protocol'] },
  { name: 'leaves', files: /^collector\/(config|data-dir|metrics|log)\.ts$/, imports: ['protocol', 'errors'] },
  { name: 'simulate', files: /^collector\/simulate\//, imports: ['protocol'] },
  { name: 'store', files: /^collector\/store\//, imports: BELOW_STORE },
  { name: 'intake', files: /^collector\/intake\//, imports: [...BELOW_STORE, 'store'] },
  { name: 'services', files: /^collector\/(scan|sources|export|profile)\//, imports: [...BELOW_STORE, 'store', 'intake'] },
  { name: 'http', files: /^collector\/http\//, imports: BELOW_HTTP },
  { name: 'collector.ts', files: /^collector\/collector\.ts$/, imports: [...BELOW_HTTP, 'http'] },
  { name: 'entries', files: /^collector\/(main|serve|cli|cli-.+)\.ts$/, imports: [...BELOW_HTTP, 'http', 'collector.ts', 'simulate'] },
];

/** Files of one technology. Only its own files and collector.ts name them. */
const ADAPTER = /^collector\/(?:store\/(?:.+\/)?|intake\/|export\/)(sqlite|postgres|direct|jetstream)(?:-[^/]+)?\.ts$/;
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bprocess\.|\bperformance\.|\bcrypto\.|\bfetch\(|\bset(?:Timeout|Interval)\(/;
const FOLDERS = ['protocol', 'client', 'collector', 'bench', 'test'];

/** One line for each breach, empty when all holds. */
export function findViolations(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) => [
    ...importViolations(file, source),
    ...shapeViolations(file, source),
    ...(file.startsWith('collector/linking/') && IMPURE.test(withoutComments(source))
      ? [`${file}: linking is pure (${IMPURE.exec(withoutComments(source))?.[0]})`]
      : []),
  ]);
}

export function readSources(root: string): Sources {
  const files = FOLDERS.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const wanted = [...files, ...readdirSync(root)].filter((file) => /\.(ts|tsx|mjs)$/.test(file));
  return new Map(wanted.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

function importViolations(file: string, source: string): string[] {
  const layer = layerOf(file);
  if (!layer) return file.startsWith('collector/') ? [`${file}: stands in no layer of test/architecture.ts`] : [];
  const found: string[] = [];
  for (const { fileName } of preProcessFile(source, true, true).importedFiles) {
    if (fileName.startsWith('node:') && layer.node === false) found.push(`${file}: ${layer.name} may not import ${fileName}`);
    if (!fileName.startsWith('.')) {
      if (layer.name === 'protocol') found.push(`${file}: protocol has no dependencies, not even ${fileName}`);
      continue;
    }
    const target = normalize(join(dirname(file), fileName));
    const theirs = layerOf(target)?.name ?? 'what is in no layer';
    if (theirs !== layer.name && !layer.imports.includes(theirs)) found.push(`${file}: ${layer.name} may not import ${target} (${theirs})`);
    const technology = ADAPTER.exec(target)?.[1];
    if (technology && layer.name !== 'collector.ts' && ADAPTER.exec(file)?.[1] !== technology) {
      found.push(`${file}: only collector.ts names the adapter ${target}`);
    }
  }
  return found;
}

function shapeViolations(file: string, source: string): string[] {
  const found: string[] = [];
  const { statements } = createSourceFile(file, source, ScriptTarget.Latest);
  if (!/^(#!.*\n)?\/\*\*/.test(source)) found.push(`${file}: does not open with a doc comment that says what it is for`);
  if (/\.config\.(ts|mjs)$/.test(file)) return found;
  if (statements.some(isExportAssignment) || /^export default\b/m.test(source)) found.push(`${file}: has a default export`);
  const onlyPassesOn = statements.length > 0 && statements.every((one) => isImportDeclaration(one) || isExportDeclaration(one));
  if (onlyPassesOn && statements.some(isExportDeclaration) && file !== 'client/index.ts') found.push(`${file}: is a barrel file`);
  return found;
}

function layerOf(file: string): Layer | undefined {
  return LAYERS.find((layer) => layer.files.test(file));
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');
}

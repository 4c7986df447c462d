/** Three bundles: the tag (what shops load), the ESM client (npm users), the collector with its pages. */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { build as bundleStyles } from 'esbuild';
import esbuild from 'rollup-plugin-esbuild';

const pkg = JSON.parse(readFileSync('package.json', 'utf8'));
const transpile = (target, extra = {}) =>
  esbuild({
    target,
    tsconfig: false,
    loaders: { '.ts': 'ts', '.tsx': 'tsx' },
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false, jsx: 'react-jsx', jsxImportSource: 'preact' } },
    ...extra,
  });
/** The tag's: `_`-prefixed properties are ours alone, and no code of the tag depends on what `unsafe` gives up (see terser's list). */
const mangle = () =>
  terser({
    ecma: 2018,
    module: true,
    compress: { passes: 3, pure_getters: true, unsafe: true, unsafe_arrows: true, unsafe_math: true, negate_iife: false },
    mangle: { properties: { regex: /^_/ } },
  });

/** Literal constants go before all functions: else terser, which cannot know that none runs earlier, would not inline them. */
const constantsFirst = () => ({
  name: 'constants-first',
  renderChunk(code) {
    let constants = "'use strict';";
    const rest = code.replace(/^ *const [A-Z][A-Z_$\d]* = [^\n]*;$/gm, (line) => {
      constants += line.trim();
      return '';
    });
    // Lines stay where they were, and with them the source map.
    return { code: rest.replace("'use strict';", constants), map: null };
  },
});

/** Terser keeps `const`, which brotli pays for; the type check has seen that nothing assigns to one. */
const letOnly = () => ({
  name: 'let-only',
  renderChunk: (code) => ({ code: code.replace(/\bconst(?=[ {[])/g, 'let  '), map: null }),
});

/** Writes `.br` and `.gz` beside each bundle, so that serving costs no compression. */
const precompress = () => ({
  name: 'precompress',
  async writeBundle({ dir }, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (!/\.(js|css)$/.test(chunk.fileName)) continue;
      const bytes = Buffer.from(chunk.code ?? chunk.source);
      const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
      if (dir === 'dist/tag') {
        const before = existsSync(`${dir}/${chunk.fileName}.br`) ? statSync(`${dir}/${chunk.fileName}.br`).size : brotli.length;
        const change = brotli.length - before;
        this.info(
          `${chunk.fileName}: ${bytes.length} bytes, brotli ${brotli.length} (${change < 0 ? '' : '+'}${change} since the last build)`,
        );
      }
      await writeFile(`${dir}/${chunk.fileName}.br`, brotli);
      await writeFile(`${dir}/${chunk.fileName}.gz`, gzipSync(bytes, { level: 9 }));
    }
  },
});

/** Puts a stylesheet beside the bundle, its imports taken in and all of it minified. */
const stylesheet = (file) => ({
  name: 'stylesheet',
  async generateBundle() {
    const { outputFiles } = await bundleStyles({ entryPoints: [file], bundle: true, minify: true, write: false });
    this.emitFile({ type: 'asset', fileName: file.split('/').at(-1), source: outputFiles[0].text });
  },
});

export default [
  {
    input: { t: 'client/t.ts' },
    plugins: [nodeResolve({ browser: true }), transpile('es2018'), constantsFirst(), letOnly(), mangle(), precompress()],
    // The collector names the map in a header: the comment would cost each visitor 30 bytes.
    output: { dir: 'dist/tag', format: 'iife', sourcemap: 'hidden', entryFileNames: '[name].js' },
  },
  {
    input: { stub: 'client/stub.ts' },
    plugins: [transpile('es2018'), mangle(), precompress()],
    output: { dir: 'dist/tag', format: 'iife', entryFileNames: '[name].js' },
  },
  {
    input: { debug: 'client/debug/debug.ts' },
    plugins: [nodeResolve({ browser: true }), transpile('es2020'), mangle(), precompress()],
    // A module, since the tag loads it with `import()`, which strict policies and Trusted Types allow.
    output: { dir: 'dist/tag', format: 'es', sourcemap: 'hidden', entryFileNames: '[name].js' },
  },
  {
    input: { index: 'client/index.ts' },
    plugins: [nodeResolve({ browser: true }), transpile('es2020')],
    output: { dir: 'dist/client', format: 'es', sourcemap: true },
  },
  {
    input: { app: 'collector/ui/app.tsx' },
    plugins: [nodeResolve({ browser: true }), transpile('es2022', { minify: true }), stylesheet('collector/ui/app.css'), precompress()],
    output: { dir: 'dist/ui', format: 'es', entryFileNames: '[name].js' },
  },
  {
    // A thread's entry is not found by following imports.
    input: ['collector/main.ts', 'collector/cli.ts', 'collector/collector.ts', 'collector/export/sqlite-worker.ts', 'protocol/event.ts'],
    external: (id) => id.startsWith('node:') || Object.keys(pkg.dependencies).some((name) => id === name || id.startsWith(`${name}/`)),
    plugins: [transpile('node20')],
    output: { dir: 'dist', format: 'es', sourcemap: true, preserveModules: true, preserveModulesRoot: '.' },
  },
];

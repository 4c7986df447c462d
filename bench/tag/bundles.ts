/** The scripts that the table compares: ours as shipped, each peer as a shop would bundle it from npm. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';

export interface Bundle {
  name: string;
  version: string;
  code: string;
  bytes: number;
  gzip_bytes: number;
  brotli_bytes: number;
  /** Part of what the full job is. */
  does: string;
}

const PEERS = [
  { name: 'snowplow', from: '@snowplow/browser-tracker', does: 'events, identity, sessions, queue' },
  { name: 'segment', from: '@segment/analytics-next', does: 'events, identity, queue' },
  { name: 'posthog', from: 'posthog-js', does: 'events, identity, sessions, autocapture, queue' },
  { name: 'plausible', from: '@plausible-analytics/tracker', does: 'page views, events' },
  { name: 'openpanel', from: '@openpanel/web', does: 'page views, events, identity' },
  { name: 'counterscale', from: '@counterscale/tracker', does: 'page views' },
] as const;

export async function bundles(): Promise<Bundle[]> {
  const peers: Bundle[] = [];
  for (const { name, from, does } of PEERS) {
    const { outputFiles } = await build({
      ...{ entryPoints: [join(import.meta.dirname, `peers/${name}.ts`)], bundle: true, minify: true, write: false },
      ...{ format: 'iife', target: 'es2018', legalComments: 'none', define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error' },
      plugins: [LATER_PARTS],
    });
    peers.push(measured(name, versionOf(`node_modules/${from}`), outputFiles?.[0]?.text ?? '', does));
  }
  const ours = readFileSync('dist/tag/t.js', 'utf8');
  return [measured('footfall', versionOf('.'), ours, 'events, identity, sessions, dataLayer, consent, scans, durable queue'), ...peers];
}

/** What a peer loads on demand is no part of what every page loads. */
const LATER_PARTS: Plugin = {
  name: 'later-parts',
  setup(building) {
    building.onResolve({ filter: /.*/ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined));
  },
};

function measured(name: string, version: string, code: string, does: string): Bundle {
  const bytes = Buffer.from(code);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  return { name, version, code, does, bytes: bytes.length, gzip_bytes: gzipSync(bytes, { level: 9 }).length, brotli_bytes: brotli.length };
}

const versionOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;

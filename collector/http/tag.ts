/** The tag as browsers load it: `/t.js` with a short cache, each version of it for ever, and what belongs to it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type Request, type Response, Router } from 'express';

export interface TagOptions {
  /** Where the build left t.js, stub.js and debug.js, each with its .br and .gz. */
  dir: string;
  /** The package's version. */
  release: string;
  /** Every version that was ever served stays here: a page that names one by its hash must find it after any update. */
  kept_dir: string;
}

export interface TagManifest {
  /** What `/t.js` is now. */
  version: string;
  /** By path: each version, oldest first, then the stub and the overlay of now. */
  files: Record<string, { integrity: string; bytes: number; brotli_bytes: number }>;
}

/** `GET /t.js`, `/t/VERSION.js`, `/t/stub.js`, `/t/debug.js`, their source maps, and `/t/manifest.json`. */
export function tagRoutes({ dir, release, kept_dir }: TagOptions): Router {
  const router = Router();
  if (!existsSync(join(dir, 't.js'))) return router;
  const tag = readScript(join(dir, 't.js'));
  const version = `${release}-${sha(256, tag.plain).toString('hex').slice(0, 8)}`;
  const manifest: TagManifest = { version, files: {} };

  function serve(path: string, script: Script, cache: string): void {
    const { plain, br, map } = script;
    if (path !== '/t.js') {
      const integrity = `sha384-${sha(384, plain).toString('base64')}`;
      manifest.files[path] = { integrity, bytes: plain.length, brotli_bytes: br.length };
    }
    const headers = { 'cache-control': cache, 'footfall-tag': version, ...(map && { sourcemap: `${path}.map` }) };
    router.get(path, (req, res) => sendScript(req, res, script, headers));
    if (map) router.get(`${path}.map`, (_req, res) => void res.type('json').send(map));
  }

  for (const [name, script] of keep(kept_dir, version, tag)) serve(`/t/${name}.js`, script, IMMUTABLE);
  for (const name of ['stub', 'debug'])
    if (existsSync(join(dir, `${name}.js`))) serve(`/t/${name}.js`, readScript(join(dir, `${name}.js`)), SHORT);
  serve('/t.js', tag, SHORT);
  router.get('/t/manifest.json', (_req, res) => void res.set({ ...OPEN, 'cache-control': SHORT }).json(manifest));
  return router;
}

interface Script {
  plain: Buffer;
  br: Buffer;
  gzip: Buffer;
  map: string | null;
  etag: string;
}

const SHORT = 'public, max-age=300, stale-while-revalidate=86400';
const IMMUTABLE = 'public, max-age=31536000, immutable';
/** Any page may load these; none is secret. */
const OPEN = {
  'access-control-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
  'x-content-type-options': 'nosniff',
};

function sha(bits: 256 | 384, bytes: Buffer): Buffer {
  return createHash(`sha${bits}`).update(bytes).digest();
}

/** Uses what the build has compressed; an older version, of which only the script is kept, is compressed here. */
function readScript(file: string): Script {
  const plain = readFileSync(file);
  const beside = (ending: string): Buffer | null => (existsSync(file + ending) ? readFileSync(file + ending) : null);
  return {
    plain,
    br: beside('.br') ?? brotliCompressSync(plain),
    gzip: beside('.gz') ?? gzipSync(plain, { level: 9 }),
    map: beside('.map')?.toString() ?? null,
    etag: `"${sha(256, plain).toString('base64url').slice(0, 22)}"`,
  };
}

/** Adds this version to the kept ones, and gives them all. */
function keep(folder: string, version: string, { plain, map }: Script): Map<string, Script> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${version}.js`);
  if (!existsSync(file)) {
    if (map) writeFileSync(`${file}.map`, map);
    writeFileSync(file, plain);
  }
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const age = (name: string): number => statSync(join(folder, name)).mtimeMs;
  files.sort((a, b) => age(a) - age(b));
  return new Map(files.map((name) => [name.slice(0, -'.js'.length), readScript(join(folder, name))]));
}

function sendScript(req: Request, res: Response, { plain, br, gzip, etag }: Script, headers: Record<string, string>): void {
  res.set({ ...OPEN, 'content-type': 'text/javascript; charset=utf-8', vary: 'accept-encoding', etag, ...headers });
  if (req.headers['if-none-match'] === etag) return void res.status(304).end();
  const encoding = ['br', 'gzip'].find((one) => req.acceptsEncodings(one));
  if (encoding) res.set('content-encoding', encoding);
  res.send(encoding === 'br' ? br : encoding === 'gzip' ? gzip : plain);
}

/** Serves the analysts' page at `/` and the two files that it needs, under a policy that lets nothing else in. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Request, type Response, Router } from 'express';

/** `dir` holds what the build made: app.js and app.css, with `.br` and `.gz` beside each. Anything else is left to the next route. */
export function uiRoutes({ dir }: { dir: string }): Router {
  const router = Router();
  const readAsset = assetReader(dir);

  router.get('/', (req, res) => {
    send(req, res, { type: 'text/html; charset=utf-8', bytes: Buffer.from(PAGE), encoding: null });
  });
  for (const [name, type] of ASSETS) {
    router.get(`/ui/${name}`, async (req, res, next) => {
      const asset = await readAsset(name, preferredEncodings(req));
      if (asset === null) next();
      else send(req, res, { type, ...asset });
    });
  }
  return router;
}

/** Scripts and styles are our own files; nothing may frame the page, and no string becomes script (safety.md, stored XSS). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const ASSETS = [
  ['app.js', 'text/javascript; charset=utf-8'],
  ['app.css', 'text/css; charset=utf-8'],
] as const;

/** Two dots and the line between them: two browsers, one person. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='%230d9488' stroke-width='2' stroke-linecap='round'%3E%3Cpath d='M4 6.2a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12 13.8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 6.2v2.3a3 3 0 0 0 3 3h3'/%3E%3C/svg%3E";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Footfall</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="/ui/app.css">
<script type="module" src="/ui/app.js"></script>
</head>
<body>
<div id="app"><noscript>This page needs JavaScript. The API at /v1/links answers without.</noscript></div>
</body>
</html>
`;

type Encoding = 'br' | 'gzip';
const SUFFIX: Readonly<Record<Encoding, string>> = { br: '.br', gzip: '.gz' };

interface Asset {
  bytes: Buffer;
  encoding: Encoding | null;
}

function send(req: Request, res: Response, { type, bytes, encoding }: Asset & { type: string }): void {
  res.set({
    'Content-Type': type,
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-cache',
    // Of the very bytes sent, so that each encoding has its own; weak, since others on the way may compress the page itself.
    ETag: `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    Vary: 'Accept-Encoding',
  });
  if (encoding !== null) res.set('Content-Encoding', encoding);
  if (req.fresh) {
    res.removeHeader('Content-Encoding');
    res.status(304).end();
    return;
  }
  res.end(bytes);
}

function preferredEncodings(req: Request): Encoding[] {
  return (['br', 'gzip'] as const).filter((encoding) => req.acceptsEncodings(encoding) === encoding);
}

/** Keeps each file until the build writes it anew. Null where there is none. */
function assetReader(dir: string): (name: string, accepted: readonly Encoding[]) => Promise<Asset | null> {
  const known = new Map<string, { written: number; bytes: Buffer }>();

  async function readKnown(name: string): Promise<Buffer | null> {
    const path = join(dir, name);
    try {
      const { mtimeMs } = await stat(path);
      const kept = known.get(name);
      if (kept?.written === mtimeMs) return kept.bytes;
      const bytes = await readFile(path);
      known.set(name, { written: mtimeMs, bytes });
      return bytes;
    } catch {
      return null;
    }
  }

  return async (name, accepted) => {
    for (const encoding of accepted) {
      const bytes = await readKnown(name + SUFFIX[encoding]);
      if (bytes !== null) return { bytes, encoding };
    }
    const bytes = await readKnown(name);
    return bytes && { bytes, encoding: null };
  };
}

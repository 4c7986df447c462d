/** `GET /t.js`: the tag, precompressed when it was built, with an ETag and a short cache. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Router } from 'express';

/** `dir` is where the build left t.js, t.js.br and t.js.gz. */
export function tagRoutes({ dir }: { dir: string }): Router {
  const router = Router();
  const file = join(dir, 't.js');
  if (!existsSync(file)) return router;
  const plain = readFileSync(file);
  const variants = [
    { encoding: 'br', body: readFileSync(`${file}.br`) },
    { encoding: 'gzip', body: readFileSync(`${file}.gz`) },
  ];
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
  router.get('/t.js', (req, res) => {
    res.set({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=300, stale-while-revalidate=86400',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
      vary: 'accept-encoding',
      sourcemap: '/t.js.map',
      etag,
    });
    if (req.headers['if-none-match'] === etag) return void res.status(304).end();
    const variant = variants.find(({ encoding }) => req.acceptsEncodings(encoding));
    if (variant) res.set('content-encoding', variant.encoding);
    res.send(variant?.body ?? plain);
  });
  router.get('/t.js.map', (_req, res) => void res.type('json').sendFile(`${file}.map`));
  return router;
}

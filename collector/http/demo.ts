/** Serves the demo shop's files as a static host would, and the pictures of its shelf codes. */
import express, { Router } from 'express';
import { codeSvg } from '../scan/picture.ts';

export interface DemoOptions {
  /** The folder with index.html, 404.html and the rest of the shop. */
  shopDir: string;
  /** What a printed code says. */
  codeUrl: (code: string) => string;
  hasCode: (code: string) => Promise<boolean>;
}

/** To be mounted at `/demo`, to which the shop's own links point. Answers everything under it, with the shop's own 404 page where there is nothing. */
export function demoRoutes({ shopDir, codeUrl, hasCode }: DemoOptions): Router {
  const router = Router();

  router.use((_req, res, next) => {
    res.set(HEADERS);
    next();
  });

  router.get('/qr/:code.svg', async (req, res, next) => {
    const code = req.params.code.toUpperCase();
    if (!(await hasCode(code))) return next();
    res.type('svg').send(codeSvg(codeUrl(code).toUpperCase()));
  });

  const files = express.static(shopDir, { cacheControl: false });
  router.use((req, res, next) => {
    if (SERVED.test(req.path)) files(req, res, next);
    else next();
  });

  router.use((_req, res, next) => {
    res.status(404).set('Cache-Control', 'no-store');
    res.sendFile('404.html', { root: shopDir, cacheControl: false }, (error) => {
      if (error) next(error);
    });
  });
  return router;
}

/** Pages and what they load; not the scripts that write them, nor notes for people. */
const SERVED = /(?:\/|^\/[^.]*|\.(?:html|css|js|svg)|^\/catalogue\.json)$/;

const HEADERS = {
  // Nothing inline and nothing foreign: a strict policy suffices for the tag too.
  'Content-Security-Policy': "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'X-Robots-Tag': 'noindex',
  'Cache-Control': 'public, max-age=60',
};

/** The whole HTTP surface: two plain handlers in front, because Express costs more than the rest of their work, and Express for the rest. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import compression from 'compression';
import express, { type Router } from 'express';
import { Problem } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { problemHandler } from './problem.ts';

export interface AppOptions {
  /** Each takes its own paths and answers false for any other. */
  hot: readonly ((req: IncomingMessage, res: ServerResponse) => boolean)[];
  routes: readonly Router[];
  /** Mounted at /demo when given. */
  demo: Router | null;
  /** Rejects with StoreUnavailable if what is sent now could not be kept. */
  probe: () => Promise<void>;
  metrics: Metrics;
  log: Logger;
}

export function createApp({ hot, routes, demo, probe, metrics, log }: AppOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const app = express();
  app.disable('x-powered-by');
  app.use(compression());
  // No store takes a NUL: ids in paths and queries are cleaned as those on the wire are.
  app.use((req, _res, next) => {
    if (req.url.includes('%00')) req.url = req.url.replaceAll('%00', '%EF%BF%BD');
    next();
  });
  app.get('/healthz', (_req, res) => void res.json({ status: 'alive' }));
  app.get('/readyz', async (_req, res) => {
    await probe();
    res.json({ status: 'ready' });
  });
  app.get('/metrics', async (_req, res) => {
    res.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.use('/v1', (_req, res, next) => {
    res.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  const json = express.json({ limit: '1mb' });
  // An import is a stream of lines, whatever type its sender gives it.
  app.use((req, res, next) => (req.path === '/v1/import' ? next() : json(req, res, next)));
  if (demo) app.use('/demo', demo);
  for (const router of routes) app.use(router);
  app.use((req) => {
    throw new Problem(404, `Nothing is here: ${req.method} ${req.path}`);
  });
  app.use(problemHandler(log));
  return (req, res) => {
    if (!hot.some((handler) => handler(req, res))) app(req, res);
  };
}

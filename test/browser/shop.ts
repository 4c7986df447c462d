/** A shop for the tag's browser tests: small pages of the built tag in front of a real collector, with a switch that breaks the way there. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StoredEvent } from '../../collector/store/queries-events.ts';
import { startServer, type TestServer } from '../collector/server.ts';

export interface Shop {
  url: string;
  /** `pass`; a status to answer instead of the collector; or the connection cut before or after the collector has it. */
  way: 'pass' | 'cut-before' | 'cut-after' | number;
  /** Bodies of the requests to `/e` so far. */
  requests: string[];
  /** Pages by path; any other path is a page with the tag and no more. */
  pages: Record<string, string>;
  headers: Record<string, string>;
  /** Scripts that are not there. */
  missing: string[];
  /** How far the collector's clock is ahead. */
  clock: { later: number };
  /** The collector itself, with its demo shop. */
  server: TestServer;
  stored(): Promise<StoredEvent[]>;
  close(): Promise<void>;
}

/** `site` names the settings of the tag, as in its address. */
export const page = (title: string, { head = '', body = '', tag = 'site=shop' } = {}) =>
  `<!doctype html><title>${title}</title>${head}<script async src="/t.js?${tag}"></script><body>${body}<a id="next" href="/next">next</a>`;

export async function openShop(): Promise<Shop> {
  const clock = {
    later: 0,
    get now() {
      return Date.now() + clock.later;
    },
  };
  const server: TestServer = await startServer({}, clock as { now: number });
  const collector = new URL(server.url);
  const front = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? '/', shop.url);
    if (shop.missing.includes(pathname)) return res.writeHead(404).end();
    if (/^\/t(\/.*)?\.js$/.test(pathname)) return forward(req, res, '');
    if (pathname !== '/e') {
      res.writeHead(200, { 'content-type': 'text/html', ...shop.headers });
      return res.end(shop.pages[pathname] ?? page(pathname));
    }
    let body = '';
    req.on('data', (chunk) => (body += chunk));
    req.on('end', () => {
      shop.requests.push(body);
      if (shop.way === 'cut-before') return req.socket.destroy();
      if (typeof shop.way === 'number') return res.writeHead(shop.way, { 'retry-after': '1' }).end();
      forward(req, res, body);
    });
  });
  function forward(req: IncomingMessage, res: ServerResponse, body: string): void {
    const { host: _, connection: __, ...headers } = req.headers;
    const there = request(
      {
        hostname: collector.hostname,
        port: collector.port,
        path: req.url,
        method: req.method,
        headers: { ...headers, host: new URL(shop.url).host },
      },
      (answer) => {
        if (shop.way === 'cut-after' && req.url === '/e') {
          answer.resume();
          req.socket.destroy();
          return;
        }
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(res);
      },
    );
    there.on('error', () => res.destroy());
    there.end(body);
  }
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const shop: Shop = {
    url: `http://localhost:${(front.address() as AddressInfo).port}`,
    way: 'pass',
    requests: [],
    pages: {},
    headers: {},
    missing: [],
    clock,
    server,
    async stored() {
      return (await server.store.queries.events({}, 0, 5_000)).filter(({ site }) => site === 'shop');
    },
    async close() {
      front.closeAllConnections();
      front.close();
      await server.close();
    },
  };
  await server.send('POST', '/v1/sites', { site: 'shop', origins: [shop.url], allow_null_origin: true });
  return shop;
}

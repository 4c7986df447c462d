/** The HTTP server around the app: its limits for slow clients, taking its address, and an orderly end. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { StartupError } from '../errors.ts';
import { type Connections, limitUploads } from './slow-uploads.ts';

export interface HttpServer {
  server: Server;
  /** Lets requests under way finish; idle connections are closed until none is left, and after ten seconds all of them. */
  drain(): Promise<void>;
}

/** How long a connection without a request may still send one while the server drains. */
const UNUSED_MS = 1_000;

export function createHttpServer(app: RequestListener): HttpServer {
  const server = createServer(
    // Slow clients: looked for every second, else each timeout may last half a minute longer. Slow bodies: limitUploads.
    { requestTimeout: 0, headersTimeout: 10_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16_384 },
    app,
  );
  server.keepAliveTimeout = 65_000;
  const connections = limitUploads(server);
  return { server, drain: () => drain(server, connections) };
}

/** Rejects with StartupError where the address cannot be had. */
export function listen(server: Server, { port, host }: { port: number; host: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new StartupError(
          error.code === 'EADDRINUSE' ? `PORT=${port}: already in use on ${host}` : `HOST=${host} PORT=${port}: ${error.message}`,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
}

function drain(server: Server, connections: Connections): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    const unused = setTimeout(connections.destroyUnused, UNUSED_MS);
    const hard = setTimeout(() => server.closeAllConnections(), 10_000);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(unused);
      clearTimeout(hard);
      resolve();
    });
    server.closeIdleConnections();
  });
}

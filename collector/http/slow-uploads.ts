/** Ends requests whose body takes too long to come: node's own limit knows no exception for an import that streams for an hour. */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { SECOND } from '../../protocol/event.ts';

/** For a whole body; for one that may take long, between two bytes of it. */
const PATIENCE = 30 * SECOND;

const unhurried = new WeakSet<IncomingMessage>();

/** From here on this request may take as long as its bytes keep coming. For senders who are known. */
export function mayTakeLong(req: IncomingMessage): void {
  unhurried.add(req);
}

export interface Connections {
  /** Ends those that never had a request: node takes them neither for idle nor for busy. */
  destroyUnused(): void;
}

interface Upload {
  req: IncomingMessage | null;
  /** The request that `since` is about, and its bytes then. */
  watched: IncomingMessage | null;
  since: number;
  bytes: number;
}

/**
 * Looks at every connection once a second, instead of a timer for each request: the hot path pays one look-up. The server's own
 * `requestTimeout` has to be 0; its `headersTimeout` still holds.
 */
export function limitUploads(server: Server, patience = PATIENCE): Connections {
  const uploads = new Map<Socket, Upload>();
  server.on('connection', (socket) => {
    uploads.set(socket, { req: null, watched: null, since: 0, bytes: 0 });
    socket.once('close', () => uploads.delete(socket));
  });
  server.on('request', (req) => {
    const upload = uploads.get(req.socket);
    if (upload) upload.req = req;
  });
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [socket, upload] of uploads) if (isLate(socket, upload, now, patience)) refuse(socket);
  }, SECOND).unref();
  server.once('close', () => clearInterval(timer));
  return {
    destroyUnused() {
      for (const [socket, { req }] of uploads) if (req === null) socket.destroy();
    },
  };
}

function isLate(socket: Socket, upload: Upload, now: number, patience: number): boolean {
  const { req, watched } = upload;
  if (!req || req.complete) return false;
  // While the handler is not reading, the sender cannot send.
  const moves = unhurried.has(req) && (socket.bytesRead !== upload.bytes || req.isPaused() || req.readableLength > 0);
  if (req === watched && !moves) return now - upload.since > patience;
  Object.assign(upload, { watched: req, since: now, bytes: socket.bytesRead });
  return false;
}

function refuse(socket: Socket): void {
  if (socket.writable) socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  socket.destroySoon();
}

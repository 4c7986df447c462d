/** Reading requests by hand, for the handlers that stand in front of the router: bodies with limits, the client's address, answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGunzip } from 'node:zlib';
import { LIMITS } from '../../protocol/event.ts';

/** The body as text, or why not: more bytes than allowed, or a broken or unknown encoding. */
export type Body = { text: string } | { error: 'too_large' | 'bad_encoding' | 'aborted' };

/**
 * Reads at most LIMITS.body_bytes from the wire and LIMITS.inflated_bytes after gunzip; stops reading at the limit. `reading` is told
 * of bytes taken into memory, and with a negative number when the body is handed over or given up.
 */
export function readBody(req: IncomingMessage, done: (body: Body) => void, reading: (bytes: number) => void): void {
  const encoding = req.headers['content-encoding'];
  if (Number(req.headers['content-length'] ?? 0) > LIMITS.body_bytes) return done({ error: 'too_large' });
  if (encoding !== undefined && encoding !== 'identity' && encoding !== 'gzip') return done({ error: 'bad_encoding' });
  const source = encoding === 'gzip' ? req.pipe(createGunzip()) : req;
  const limit = encoding === 'gzip' ? LIMITS.inflated_bytes : LIMITS.body_bytes;
  const chunks: Buffer[] = [];
  let size = 0;
  let wire = 0;
  let ended = false;
  const end = (body: Body): void => {
    if (ended) return;
    ended = true;
    reading(-size);
    if ('error' in body) {
      req.unpipe();
      // What a bomb has not unpacked yet stays packed.
      if (source !== req) source.destroy();
      req.removeAllListeners('data');
      req.resume();
    }
    done(body);
  };
  if (source !== req)
    req.on('data', (chunk: Buffer) => {
      wire += chunk.length;
      if (wire > LIMITS.body_bytes) end({ error: 'too_large' });
    });
  source.on('data', (chunk: Buffer) => {
    if (ended) return;
    size += chunk.length;
    reading(chunk.length);
    if (size > limit) end({ error: 'too_large' });
    else chunks.push(chunk);
  });
  source.on('end', () => end({ text: (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString('utf8') }));
  source.on('error', () => end({ error: source === req ? 'aborted' : 'bad_encoding' }));
  // A client that goes away in the middle is an error of the request.
  if (source !== req) req.on('error', () => end({ error: 'aborted' }));
}

/** The client's address: the socket's, or what the nearest `trusted` proxies say (X-Forwarded-For, read from the right). */
export function clientAddress(req: IncomingMessage, trusted: number): string {
  const own = req.socket.remoteAddress ?? '';
  if (trusted === 0) return own;
  const said = String(req.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  return said.at(-trusted) ?? own;
}

/** One cookie of the request. */
export function cookieOf(req: IncomingMessage, name: string): string | undefined {
  const header = req.headers.cookie;
  if (!header?.includes(name)) return undefined;
  for (const part of header.split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

export function answer(res: ServerResponse, status: number, body = '', headers: Readonly<Record<string, string>> = {}): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(
    status,
    body === '' ? headers : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers },
  );
  res.end(body);
}

/** Conditional requests: an answer that is what the client has already is a 304 without a body. */
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';

/** Sets the ETag of this content, and whether the client has it. What only the moment of the answer changes does not belong in it. */
export function unchanged(req: Request, res: Response, content: unknown): boolean {
  const etag = `"${createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22)}"`;
  res.set({ etag, 'cache-control': 'private, no-cache' });
  const known = req.headers['if-none-match'] ?? '';
  return known === '*' || known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

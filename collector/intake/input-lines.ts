/** The lines of an import's file or body: gzip is known by its first bytes, a byte order mark is dropped, a line far too long is cut. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Problem } from '../errors.ts';

/** Longer lines lose their end, and with it their sense: an event has 32 KiB at most. */
const LONGEST = 1_048_576;

/** Throws a Problem with the last line that was read whole where compressed data is not whole. */
export async function* inputLines(source: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let line = 0;
  let rest = '';
  try {
    for await (const chunk of unpacked(source)) {
      const parts = decoder.decode(chunk, { stream: true }).split('\n');
      for (const [index, part] of parts.entries()) {
        if (rest.length < LONGEST) rest += part;
        if (index === parts.length - 1) break;
        line += 1;
        yield withoutReturn(rest);
        rest = '';
      }
    }
  } catch (error) {
    if (!isZlib(error)) throw error;
    throw new Problem(400, `The gzip data is cut off or damaged after line ${line}; a second import of the whole doubles nothing`, {
      line,
    });
  }
  if (rest !== '') yield withoutReturn(rest);
}

async function* unpacked(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const { value: head, done } = await chunks.next();
  if (done) return;
  const all = (async function* () {
    yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  })();
  if (head[0] !== 0x1f || (head.length > 1 && head[1] !== 0x8b)) yield* all;
  // The end of the pipeline is told by the loop over it.
  else yield* pipeline(Readable.from(all), createGunzip(), () => undefined) as AsyncIterable<Buffer>;
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_');
}

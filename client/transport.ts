/** One POST to the collector. Nothing but a status tells that it arrived. */
import { SECOND } from '../protocol/event.ts';
import { config } from './config.ts';
import { attempt } from './guard.ts';

/** The status (0: no answer) and Retry-After in seconds. Nothing for a beacon, whose answer nobody hears. */
export async function post(body: string, leaving?: boolean): Promise<[status: number, retry_after: number] | undefined> {
  const url = `${config.collector}/e`;
  // Above that a keepalive fetch is unreliable while the page goes away.
  if (leaving && byteLength(body) > LEAVING_BYTES && attempt(() => navigator.sendBeacon(url, body))) return undefined;
  try {
    const answer = await Promise.race([
      // A string goes as text/plain, which needs no preflight.
      fetch(url, { method: 'POST', body, keepalive: true, credentials: 'include' }),
      new Promise<never>((_, fail) => setTimeout(fail, PATIENCE)),
    ]);
    return [answer.status, Number(answer.headers.get('retry-after'))];
  } catch {
    return [0, 0];
  }
}

export function byteLength(text: string): number {
  return new Blob([text]).size;
}

const LEAVING_BYTES = 15_000;
const PATIENCE = 30 * SECOND;

/** One POST to the collector. Nothing but a status tells that it arrived. */
import { config } from './config.ts';
import { attempt } from './guard.ts';

/** Nothing for a beacon, whose answer nobody hears. */
export async function post(body: string, leaving?: boolean): Promise<Response | undefined> {
  const url = `${config.collector}/e`;
  // Above that a keepalive fetch is unreliable while the page goes away.
  if (leaving && byteLength(body) > LEAVING_BYTES && attempt(() => navigator.sendBeacon(url, body))) return undefined;
  // A string goes as text/plain, which needs no preflight.
  return fetch(url, { method: 'POST', body, keepalive: true, credentials: 'include' });
}

export function byteLength(text: string): number {
  return new Blob([text]).size;
}

const LEAVING_BYTES = 15_000;

/** One POST to the collector. No answer counts but a status. */
import { SECOND } from '../protocol/event.ts';
import { config } from './config.ts';
import { attempt, guard } from './guard.ts';

/** `status` 0: no answer. `retryAfter` in seconds, 0 where the collector named none. Heard once, and never for a beacon. */
export type Heard = (status: number, retryAfter: number) => void;

export function post(body: string, leaving: boolean, heard: Heard): void {
  const url = `${config.collector}/e`;
  // A beacon hides its answer, but larger bodies get through it while the page goes away.
  if (leaving && byteLength(body) > LEAVING_BYTES && attempt(() => navigator.sendBeacon(url, body))) return;
  let open = true;
  const settle = guard((status: number, retryAfter: number) => {
    if (open) {
      open = false;
      heard(status, retryAfter);
    }
  });
  const fail = () => settle(0, 0);
  setTimeout(fail, PATIENCE);
  const sent = attempt(() => fetch(url, { method: 'POST', body, keepalive: true, credentials: 'include' }));
  // A string body goes as text/plain, which needs no preflight.
  if (sent) sent.then((answer) => settle(answer.status, Number(answer.headers.get('retry-after')) || 0), fail);
  else fail();
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

const LEAVING_BYTES = 15_000;
const PATIENCE = 30 * SECOND;

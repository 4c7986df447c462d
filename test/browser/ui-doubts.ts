/** Browsers with two customers, accounts that seem to be one person, a public browser, and a decision: what the page of doubtful links lists. */
import { DAY, HOUR, MINUTE, type WireEvent } from '../../protocol/event.ts';
import { importEvents, sha256, type TownServer } from './ui-store.ts';

export async function tellDoubts(server: TownServer, sessions = 12): Promise<void> {
  const now = Date.now();
  let made = 0;
  const event = (type: string, browser: string, time: number, more: Partial<WireEvent> = {}): WireEvent => {
    made += 1;
    const place = { anonymous_id: browser, session_id: `${browser}-${made}`, url: `${server.url}/demo/p/tv-55-oled/` };
    return { event_id: `doubt-${made}`, type, time, ...place, ...more };
  };
  const events: WireEvent[] = [];
  for (let n = 0; n < sessions; n += 1) {
    const browser = `family-${n}`;
    events.push(
      event('login', browser, now - 5 * DAY + n * HOUR, { customer_id: `mia-${n}` }),
      event('page_view', browser, now - 3 * DAY + n * HOUR, { title: 'Lumen 55″ OLED TV' }),
      event('login', browser, now - DAY + n * MINUTE, { customer_id: n % 4 === 0 ? `נועה-${n}` : `ben-${n}` }),
      event('login', `${browser}-phone`, now - DAY + n * MINUTE, { customer_id: `mia-${n}` }),
    );
  }
  for (const [n, [web, card]] of [
    ['web-4711', 'card-0815'],
    ['old-account', 'new-account'],
  ].entries())
    events.push(
      event('login', `one-${n}`, now - 4 * DAY, { customer_id: web ?? '', ...(n === 0 && { email_sha256: sha256('one@mail.example') }) }),
      event('login', `one-${n}`, now - 2 * DAY, { customer_id: card ?? '', ...(n === 0 && { email_sha256: sha256('one@mail.example') }) }),
    );
  for (const n of [1, 2, 3]) events.push(event('login', 'store-tablet', now - n * HOUR, { customer_id: `guest-${n}` }));
  events.push(event('page_view', 'store-tablet', now - 30 * MINUTE));
  await importEvents(server, events);
  await server.send('POST', '/v1/decisions', { type: 'kiosk', site: 'demo', anonymous_id: 'store-tablet', reason: 'stands in the shop' });
}

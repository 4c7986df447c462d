/** What a test does and sees in one browser at one shop. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredEvent } from '../../collector/store/queries-events.ts';
import type { Browser } from './engines.ts';
import type { Shop } from './shop.ts';

export interface Visitor {
  open(path: string): Promise<void>;
  run<T = void>(script: string): Promise<T>;
  /** Waits until so many events are stored, and gives them. Those that tell of attention come when they like and are left out. */
  stored(count: number, patience?: number): Promise<StoredEvent[]>;
  /** Those stored so far. */
  soFar(): Promise<StoredEvent[]>;
  /** Names of what is on the device, read back from the browser: cookies, localStorage, sessionStorage. */
  kept(): Promise<string[]>;
}

export function visit(browser: Browser, shop: Shop): Visitor {
  const run = <T = void>(script: string): Promise<T> => browser.driver.executeScript<T>(script);
  const soFar = async () => (await shop.stored()).filter(({ type }) => type !== 'engagement');
  return {
    run,
    soFar,
    open: (path) => browser.driver.get(shop.url + path),
    async stored(count, patience = 15_000) {
      for (const end = Date.now() + patience; ; await sleep(50)) {
        const events = await soFar();
        if (events.length >= count) return events;
        if (Date.now() > end) throw new Error(`only ${events.length} of ${count} stored: ${typesOf(events)}`);
      }
    },
    kept: () =>
      run(
        `return [...document.cookie.split('; ').filter(Boolean).map(c => c.split('=')[0]), ...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort()`,
      ),
  };
}

export const typesOf = (events: readonly StoredEvent[]) => events.map(({ type }) => type);

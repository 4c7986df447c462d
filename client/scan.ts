/** Hands a scan over: the redirect's token goes with the page's first event, and leaves the address bar once it has arrived. */
import type { WireEvent } from '../protocol/event.ts';

/** The token that the page was opened with. */
export const landing_scan = (/[?&]ff_scan=([\w.-]+)/.exec(location.href) || [])[1];

/** Every other parameter stays as it is written. */
export function withoutScan(url: string): string {
  return url.replace(/([?&])ff_scan=[^&#]*(&?)/, (_, before: string, after: string) => (after ? before : ''));
}

/** The page's address as it is recorded. */
export function here(): string {
  return withoutScan(location.href);
}

/** Before the acknowledgement a reload must still be able to bring the token. */
export function tidyAddressBar(acknowledged: WireEvent[]): void {
  if (acknowledged.some(({ scan }) => scan)) history.replaceState(history.state, '', here());
}

/** Hands a scan over: the redirect's token goes with the page's first event, and leaves the address bar once it has arrived. */
import { SCAN_PARAM } from '../protocol/event.ts';
import { attempt } from './guard.ts';

export function scanIn(url: string): string | undefined {
  return (new RegExp(`[?&]${SCAN_PARAM}=([\\w.:@+-]+)`).exec(url) || [])[1];
}

/** Every other parameter stays as it is written. */
export function withoutScan(url: string): string {
  return url.replace(new RegExp(`([?&])${SCAN_PARAM}=[^&#]*(&?)`), (_, before: string, after: string) => (after ? before : ''));
}

/** Before the acknowledgement a reload must still be able to bring the token. */
export function tidyAddressBar(): void {
  const tidy = withoutScan(location.href);
  if (tidy !== location.href) attempt(() => history.replaceState(history.state, '', tidy));
}

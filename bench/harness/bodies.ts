/** Bodies as tags send them. */

/** ~600 bytes a page view, from a browser and session by number. */
export function pageView(n: number, browser: number): object {
  const time = Date.now() - 60_000 + (n % 60_000);
  return {
    event_id: `${time.toString(36).padStart(8, '0')}-${n.toString(36).padStart(16, 'V1StGXR8Z5jdHi6B')}`,
    type: 'page_view',
    time,
    anonymous_id: `anon-${browser.toString(36).padStart(16, '0')}`,
    session_id: `sess-${browser.toString(36).padStart(16, '0')}`,
    tab_id: 'tab-12345678',
    view_id: `view-${n.toString(36)}`,
    url: `https://shop.example/p/tv-${n % 300}/?utm_source=newsletter&utm_medium=email&utm_campaign=november`,
    referrer: 'https://shop.example/c/tvs/',
    title: `Television number ${n % 300} at our shop`,
    consent: 'granted',
    props: { view: 'product', list: 'televisions', text: 'x'.repeat(120) },
  };
}

export const batch = (events: readonly object[]): string => JSON.stringify({ v: 1, site: 'demo', sent_at: Date.now(), events });

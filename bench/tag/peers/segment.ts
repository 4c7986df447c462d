/** @segment/analytics-next, with its settings given instead of fetched. */
import { AnalyticsBrowser } from '@segment/analytics-next';
import { drive } from '../driven.ts';

const analytics = AnalyticsBrowser.load({
  writeKey: 'bench',
  cdnSettings: { integrations: { 'Segment.io': { apiKey: 'bench', apiHost: `${location.host}/sink/segment`, protocol: 'http' } } },
});
void analytics.page();
drive({ track: (name, props) => void analytics.track(name, props), identify: (id) => void analytics.identify(id) });

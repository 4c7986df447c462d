/** @snowplow/browser-tracker, with page views and its activity tracking. */
import { enableActivityTracking, newTracker, setUserId, trackPageView, trackSelfDescribingEvent } from '@snowplow/browser-tracker';
import { drive } from '../driven.ts';

newTracker('sp', location.origin, { appId: 'bench', postPath: '/sink/snowplow' });
enableActivityTracking({ minimumVisitLength: 5, heartbeatDelay: 5 });
trackPageView();
drive({
  track: (name, props) => trackSelfDescribingEvent({ event: { schema: `iglu:shop.example/${name}/jsonschema/1-0-0`, data: props } }),
  identify: (id) => setUserId(id),
});

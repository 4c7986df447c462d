/** posthog-js as installed by default, without what it would load later (recorder, surveys). */
import posthog from 'posthog-js';
import { drive } from '../driven.ts';

posthog.init('bench', {
  api_host: `${location.origin}/sink/posthog`,
  capture_pageview: 'history_change',
  disable_session_recording: true,
  disable_surveys: true,
  disable_external_dependency_loading: true,
  advanced_disable_flags: true,
  // Else it takes a driven browser for a bot and sends nothing.
  opt_out_useragent_filter: true,
});
drive({ track: (name, props) => void posthog.capture(name, props), identify: (id) => posthog.identify(id) });

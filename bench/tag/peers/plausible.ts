/** @plausible-analytics/tracker, with outbound links and form submissions. */
import { init, track } from '@plausible-analytics/tracker';
import { drive } from '../driven.ts';

init({
  domain: 'bench.example',
  endpoint: `${location.origin}/sink/plausible`,
  captureOnLocalhost: true,
  outboundLinks: true,
  formSubmissions: true,
});
// It knows no customers.
drive({ track: (name, props) => track(name, { props }), identify() {} });

/** @counterscale/tracker: page views only. */
import { init } from '@counterscale/tracker';
import { drive } from '../driven.ts';

init({ siteId: 'bench', reporterUrl: `${location.origin}/sink/counterscale` });
// It has no other events, and knows no customers.
drive({ track() {}, identify() {} });

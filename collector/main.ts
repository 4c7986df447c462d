/** Process entry of `npm start`. */
import { setFlagsFromString } from 'node:v8';
import { serve } from './serve.ts';

// Both measured: docs/adr/0006-what-the-profile-said.md. V8 lets a heap of this size grow to four times of what lives in it before
// it looks, and after an import, whose objects live long, would make those of every request among the old ones for good.
setFlagsFromString('--heap-growing-percent=50');
setFlagsFromString('--no-allocation-site-pretenuring');
await serve();

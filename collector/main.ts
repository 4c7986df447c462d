/** Process entry of `npm start`. */
import { setFlagsFromString } from 'node:v8';
import { serve } from './serve.ts';

// V8 lets a heap of this size grow to four times of what lives in it before it looks. Half as much again costs nothing that could be
// measured, and keeps the process a third smaller (docs/adr/0006-what-the-profile-said.md).
setFlagsFromString('--heap-growing-percent=50');
await serve();

/** How long a page was really looked at, and how far down. */
import { SECOND } from '../../protocol/event.ts';
import { now } from '../clock.ts';
import { listen } from '../guard.ts';
import { record, view } from '../record.ts';

export function watchEngagement(): void {
  listen(document, 'scroll pointerdown pointermove keydown', attend);
}

/** Counts the time since the last sign of life, and no more of it than a reader needs. */
export function attend(): void {
  const time = now();
  if (visible) engaged += Math.min(Math.max(time - attended, 0), ATTENTION_SPAN);
  visible = document.visibilityState !== 'hidden';
  attended = time;
  const page = document.documentElement;
  depth = Math.max(depth, Math.min(100, Math.round(((scrollY + innerHeight) / page.scrollHeight) * 100)) || 0);
}

/** What this view has gathered since the last report. */
export function reportEngagement(): void {
  attend();
  if (engaged >= SECOND) record('engagement', { engagement_time_msec: engaged, percent_scrolled: depth }, { url: view.url });
  engaged = 0;
}

export function resetEngagement(): void {
  engaged = depth = 0;
  attended = now();
}

const ATTENTION_SPAN = 30 * SECOND;
let engaged = 0;
let attended = now();
let depth = 0;
let visible = false;

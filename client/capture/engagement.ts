/** How long a page was really looked at, and how far down. */
import { SECOND } from '../../protocol/event.ts';
import { now } from '../clock.ts';
import { record, view } from '../record.ts';

/** A sign of life: counts the time since the last one, and no more of it than a reader needs. */
export function attend(): void {
  const time = now();
  if (visible) engaged += Math.min(time - attended, ATTENTION_SPAN);
  visible = !document.hidden;
  attended = time;
  depth = Math.max(depth, ~~((100 * (scrollY + innerHeight)) / document.documentElement.scrollHeight));
}

/** What the view has gathered since the last report. */
export function reportEngagement(): void {
  attend();
  if (engaged >= SECOND) record('engagement', { engagement_time_msec: engaged, percent_scrolled: depth }, { url: view.url });
  engaged = depth = 0;
}

const ATTENTION_SPAN = 30 * SECOND;
let engaged = 0;
let attended = 0;
let depth = 0;
let visible = false;

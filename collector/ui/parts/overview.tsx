/** The whole time of a long journey at a glance, and ways to go along it: what is read and drawn at once is one window of it. */
import type { CustomerFeed } from '../customer-feed.ts';
import { formatCount, formatMoment } from '../words.ts';

const BUCKETS = 120;

export function Overview({ customer }: { customer: CustomerFeed }) {
  const { events, links, older, before, goTo } = customer;
  if (older.value === null && before.value === null) return null;
  const first = links.value.reduce((least, link) => Math.min(least, link.started_at), Number.POSITIVE_INFINITY);
  const last = links.value.reduce((most, link) => Math.max(most, link.ended_at), 0);
  const span = Math.max(1, last - first);
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const link of links.value) {
    const at = Math.min(BUCKETS - 1, Math.floor(((link.started_at - first) * BUCKETS) / span));
    counts[at] = (counts[at] ?? 0) + link.events;
  }
  const most = Math.max(1, ...counts);
  const [newest, oldest] = [events.value[0]?.occurred_at ?? last, events.value.at(-1)?.occurred_at ?? first];
  const isShown = (index: number): boolean => {
    const [from, to] = [first + (index * span) / BUCKETS, first + ((index + 1) * span) / BUCKETS];
    return to >= oldest && from <= newest;
  };
  return (
    <section class="overview panel" aria-label="The whole journey">
      <svg
        viewBox={`0 0 ${BUCKETS} 30`}
        preserveAspectRatio="none"
        aria-hidden="true"
        onClick={({ currentTarget, clientX }) => {
          const { left, width } = currentTarget.getBoundingClientRect();
          const at = first + (((clientX - left) / width) * BUCKETS + 1) * (span / BUCKETS);
          void goTo(at >= last ? null : String(Math.ceil(at)));
        }}
      >
        {counts.map((count, index) => {
          const height = count === 0 ? 0 : Math.max(1.5, (30 * count) / most);
          return <rect key={`${index}`} class={isShown(index) ? 'is-shown' : ''} x={index} y={30 - height} width={0.8} height={height} />;
        })}
      </svg>
      <p class="buttons">
        <button type="button" disabled={older.value === null} onClick={() => goTo(older.value)}>
          Earlier
        </button>
        <button type="button" disabled={before.value === null} onClick={() => goTo(null)}>
          Newest
        </button>
      </p>
      <p class="quiet small">
        {formatCount(events.value.length)} of {formatCount(links.value.reduce((sum, link) => sum + link.events, 0))} events:{' '}
        {formatMoment(oldest)} to {formatMoment(newest)}. Click into the strip to go there.
      </p>
    </section>
  );
}

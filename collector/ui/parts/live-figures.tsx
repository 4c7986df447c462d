/** Events a second over the last minutes, the slowest acknowledgement in a hundred, and what was refused. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Figures, figuresBetween, type Reading, readMetrics } from '../live-figures.ts';
import { startPolling } from '../poll.ts';
import { formatCount, spoken } from '../words.ts';

export function LiveFigures({ paused }: { paused: Signal<boolean> }) {
  const minute = useSignal<Figures | null>(null);
  const rates = useSignal<readonly number[]>([]);
  useEffect(() => {
    const readings: { at: number; reading: Reading }[] = [];
    return startPolling({
      interval: EVERY,
      read: async () => {
        if (paused.value) return false;
        const answer = await fetch('/metrics');
        const reading = readMetrics(await answer.text());
        const at = performance.now();
        const [last] = readings.slice(-1);
        const first = readings[0];
        if (last && first) {
          minute.value = figuresBetween(first.reading, reading, (at - first.at) / 1_000);
          rates.value = [...rates.value, figuresBetween(last.reading, reading, (at - last.at) / 1_000).events_per_s].slice(-STEPS);
        } else minute.value = figuresBetween(new Map(), reading, 0);
        readings.push({ at, reading });
        if (readings.length > MINUTE_OF_READINGS) readings.shift();
        return false;
      },
      report: () => undefined,
    });
  }, []);
  const figures = minute.value;
  const rejected = figures?.rejected ?? [];
  return (
    <section class="panel live-figures" aria-label="This collector, the last minute">
      <dl class="figures">
        <div class="figure">
          <dt>events a second</dt>
          <dd>{figures === null ? '…' : oneDigit(rates.value.length === 0 ? 0 : figures.events_per_s)}</dd>
        </div>
        <div class="figure">
          <dt>99 of 100 acknowledged within</dt>
          <dd>
            {figures?.ack_p99_ms == null ? '—' : Number.isFinite(figures.ack_p99_ms) ? `${formatCount(figures.ack_p99_ms)} ms` : '> 5 s'}
          </dd>
        </div>
        <div class="figure">
          <dt>refused since the start</dt>
          <dd>
            {formatCount(rejected.reduce((sum, { count }) => sum + count, 0))}{' '}
            <span class="quiet">{rejected.map(({ reason, count }) => `${spoken(reason)} ${formatCount(count)}`).join(', ')}</span>
          </dd>
        </div>
      </dl>
      <Sparkline values={rates.value} />
    </section>
  );
}

const EVERY = 2_000;
const MINUTE_OF_READINGS = 30;
const STEPS = 90;

/** The rate over the last three minutes, the newest at the right. */
function Sparkline({ values }: { values: readonly number[] }) {
  const most = Math.max(1, ...values);
  const points = values.map((value, index) => `${((STEPS - values.length + index) * 100) / (STEPS - 1)},${30 - (28 * value) / most}`);
  return (
    <svg
      class="sparkline"
      viewBox="0 0 100 31"
      preserveAspectRatio="none"
      role="img"
      aria-label={`At most ${oneDigit(most)} events a second`}
    >
      <path class="ground" d="M0 30.5H100" />
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}

function oneDigit(value: number): string {
  return value < 10 ? (Math.round(value * 10) / 10).toString() : formatCount(Math.round(value));
}

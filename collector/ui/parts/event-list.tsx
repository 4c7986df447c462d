/** Everything in words, newest first, in the sessions that it happened in. */
import { type Signal, useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { type Bar, isTurn, type Journey, type Mark } from '../journey.ts';
import { outcomeOf } from '../links-table.ts';
import { eventWords, formatClock, formatMoment } from '../words.ts';
import { eventIcon, Icon } from './icons.tsx';
import { OutcomeMark } from './outcome.tsx';

interface EventListProps {
  journey: Journey;
  selected: Signal<string | null>;
  pointed: Signal<string | null>;
}

export function EventList({ journey, selected, pointed }: EventListProps) {
  const most = useSignal(STEP);
  const runs = useMemo(() => runsOf(journey.marks), [journey]);
  const bars = useMemo(() => new Map(journey.bars.map((bar) => [bar.key, bar])), [journey]);
  // What is pointed at elsewhere has to be there.
  const place = pointed.value === null ? -1 : runs.findIndex(({ marks }) => marks.some(({ event }) => event.event_id === pointed.value));
  const shown = runsWithin(runs, most.value, place);
  const serves = new Map<string, number>();
  for (const { link } of journey.bars) {
    const evidence = link?.evidence_event_id;
    if (evidence) serves.set(evidence, (serves.get(evidence) ?? 0) + 1);
  }
  return (
    <section class="events" aria-label="Events">
      {shown.map((run) => {
        const bar = run.session === null ? undefined : bars.get(run.session);
        const first = run.marks[0] as Mark;
        return (
          <section key={first.event.event_id} class={`run ${bar && bar.key === selected.value ? 'is-selected' : ''}`}>
            <RunHead bar={bar} first={first} lane={journey.lanes[bar?.lane ?? first.lane]?.label ?? ''} selected={selected} />
            <ol>
              {run.marks.map(({ event }) => {
                const { title, detail } = eventWords(event);
                const serving = serves.get(event.event_id) ?? 0;
                const classes = [isTurn(event.type) ? 'is-turn' : '', event.event_id === pointed.value ? 'is-pointed' : ''];
                return (
                  <li key={event.event_id} id={rowId(event.event_id)} class={classes.join(' ')}>
                    <time dateTime={new Date(event.occurred_at).toISOString()}>{formatClock(event.occurred_at)}</time>
                    <Icon name={eventIcon(event.type)} />
                    <span class="what">
                      <bdi>{title}</bdi> {detail && <bdi class="quiet">{detail}</bdi>}
                      {serving > 0 && <span class="serves">evidence for {serving === 1 ? 'a session' : `${serving} sessions`}</span>}
                    </span>
                  </li>
                );
              })}
            </ol>
          </section>
        );
      })}
      {shown.length < runs.length && (
        <p class="more">
          <button
            type="button"
            onClick={() => {
              most.value += STEP;
            }}
          >
            Show more of these events
          </button>
        </p>
      )}
    </section>
  );
}

/** Events drawn at once; a list of thousands would hold up the page. */
const STEP = 80;

/** Runs until so many events are reached, and until the one at `place` at least. */
function runsWithin<T extends { marks: readonly unknown[] }>(runs: readonly T[], most: number, place: number): readonly T[] {
  let events = 0;
  const end = runs.findIndex(({ marks }, index) => {
    events += marks.length;
    return events >= most && index >= place;
  });
  return end < 0 ? runs : runs.slice(0, end + 1);
}

/** Where an event stands in the list. */
export function rowId(eventId: string): string {
  return `event-${eventId}`;
}

interface RunHeadProps {
  bar: Bar | undefined;
  first: Mark;
  lane: string;
  selected: Signal<string | null>;
}

function RunHead({ bar, first, lane, selected }: RunHeadProps) {
  const at = formatMoment(bar?.started_at ?? first.event.occurred_at);
  if (!bar) {
    return (
      <h3>
        {lane} <span class="quiet">{at}</span>
      </h3>
    );
  }
  const chosen = bar.key === selected.value;
  return (
    <h3>
      <button
        class="plain"
        type="button"
        aria-pressed={chosen}
        onClick={() => {
          selected.value = chosen ? null : bar.key;
        }}
      >
        {lane} <span class="quiet">{at}</span>
      </button>
      {bar.link && <OutcomeMark outcome={outcomeOf(bar.link)} />}
    </h3>
  );
}

/** Events of one session that stand together, newest first. Two devices used at once alternate. */
function runsOf(marks: readonly Mark[]): { session: string | null; marks: Mark[] }[] {
  const runs: { session: string | null; marks: Mark[] }[] = [];
  for (const mark of [...marks].reverse()) {
    const last = runs.at(-1);
    if (last && last.session === mark.session && (mark.session !== null || last.marks[0]?.lane === mark.lane)) last.marks.push(mark);
    else runs.push({ session: mark.session, marks: [mark] });
  }
  return runs;
}

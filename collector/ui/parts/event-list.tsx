/** Everything in words, newest first, in the sessions that it happened in. */
import { type Signal, useSignal } from '@preact/signals';
import { asFailure } from '../api.ts';
import { type Bar, isTurn, type Journey, type Mark } from '../journey.ts';
import { outcomeOf } from '../links-table.ts';
import { eventWords, formatClock, formatMoment } from '../words.ts';
import { eventIcon, Icon } from './icons.tsx';
import { OutcomeMark } from './outcome.tsx';

interface EventListProps {
  journey: Journey;
  selected: Signal<string | null>;
  pointed: Signal<string | null>;
  onOlder: (() => Promise<void>) | null;
}

export function EventList({ journey, selected, pointed, onOlder }: EventListProps) {
  const serves = new Map<string, number>();
  for (const { link } of journey.bars) {
    const evidence = link?.evidence_event_id;
    if (evidence) serves.set(evidence, (serves.get(evidence) ?? 0) + 1);
  }
  return (
    <section class="events" aria-label="Events">
      {runsOf(journey.marks).map((run) => {
        const bar = journey.bars.find((one) => one.key === run.session);
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
      {onOlder !== null && <Older onOlder={onOlder} />}
    </section>
  );
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

function Older({ onOlder }: { onOlder: () => Promise<void> }) {
  const state = useSignal<'idle' | 'busy' | string>('idle');
  async function load(): Promise<void> {
    state.value = 'busy';
    try {
      await onOlder();
      state.value = 'idle';
    } catch (thrown) {
      state.value = asFailure(thrown).message;
    }
  }
  return (
    <p class="more">
      <button type="button" disabled={state.value === 'busy'} onClick={load}>
        Show older events
      </button>
      {state.value !== 'idle' && state.value !== 'busy' && <span class="problem"> {state.value}</span>}
    </p>
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

/** Draws a journey: a lane per browser and for the stores, sessions as bars, events as marks, threads to the evidence. */
import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Bar, isTurn, type Journey, type Lane, type Mark } from '../journey.ts';
import { outcomeOf } from '../links-table.ts';
import { eventWords, formatClock, formatMoment, formatRoughly, joined, OUTCOME_MEANING, spoken } from '../words.ts';
import { deviceIcon, eventIcon, Icon, type IconName } from './icons.tsx';

interface JourneyPictureProps {
  journey: Journey;
  selected: Signal<string | null>;
  pointed: Signal<string | null>;
  onEvent: (eventId: string) => void;
}

export function JourneyPicture({ journey, selected, pointed, onEvent }: JourneyPictureProps) {
  const frame = useRef<HTMLDivElement>(null);
  const followsEnd = useRef(true);
  const { width, squeeze } = journey;

  // Stays at the newest end while the journey grows, unless the reader scrolled back.
  useEffect(() => {
    const box = frame.current;
    if (box && followsEnd.current) box.scrollLeft = box.scrollWidth;
  }, [width]);
  useEffect(() => bringIn(frame.current, '[aria-pressed="true"]'), [selected.value]);
  useEffect(() => bringIn(frame.current, '.mark.is-pointed'), [pointed.value]);

  const at = (x: number): string => `${(100 * x) / width}%`;
  const events = { selected: selected.value, pointed: pointed.value, at, onEvent };
  return (
    <section class="journey" aria-label="Journey">
      <div
        class="journey-frame"
        ref={frame}
        onScroll={({ currentTarget: box }) => {
          followsEnd.current = box.scrollLeft + box.clientWidth > box.scrollWidth - 40;
        }}
      >
        <div class="journey-sheet" style={{ minWidth: `calc(var(--lane-label) + ${width * squeeze}px)`, '--most': `${width * 1.4}px` }}>
          <div class="lane is-clock" aria-hidden="true">
            <span class="lane-name" />
            <div class="track">
              {journey.starts.map((start) => (
                <span key={start.at} class="start" style={{ left: at(start.x) }}>
                  {formatMoment(start.at)}
                </span>
              ))}
            </div>
          </div>
          <div class="backdrop" aria-hidden="true">
            {journey.pauses.map((pause) => (
              <span key={pause.from} class="pause" style={{ left: at(pause.from), width: at(pause.to - pause.from) }}>
                <b>{formatRoughly(pause.span)}</b>
              </span>
            ))}
          </div>
          {journey.lanes.map((lane, index) => (
            <div key={lane.key} class={`lane is-${lane.kind}`}>
              <LaneName lane={lane} />
              <div class="track">
                {journey.bars
                  .filter((bar) => bar.lane === index)
                  .map((bar) => (
                    <SessionBar key={bar.key} bar={bar} lane={lane} at={at} selected={selected} />
                  ))}
                {journey.marks
                  .filter((mark) => mark.lane === index)
                  .map((mark) => (
                    <EventMark key={mark.event.event_id} mark={mark} lane={index} {...events} />
                  ))}
              </div>
            </div>
          ))}
        </div>
      </div>
    </section>
  );
}

/** Scrolls the picture sideways to what was chosen elsewhere, and leaves the page where it is. */
function bringIn(box: HTMLElement | null, selector: string): void {
  const found = box?.querySelector(selector);
  if (!box || !found) return;
  const edge = box.querySelector('.lane-name')?.getBoundingClientRect().right ?? 0;
  const { left, right } = found.getBoundingClientRect();
  if (left < edge + 24) box.scrollLeft += left - edge - 24;
  else if (right > box.getBoundingClientRect().right) box.scrollLeft += left - edge - box.clientWidth / 3;
}

function LaneName({ lane }: { lane: Lane }) {
  const icon: IconName = lane.kind === 'browser' ? deviceIcon(lane.device) : lane.kind;
  return (
    <div class="lane-name" title={joined(lane.label, lane.detail)}>
      <Icon name={icon} />
      <span>
        {lane.label}
        <bdi class="quiet">{lane.detail}</bdi>
      </span>
    </div>
  );
}

interface SessionBarProps {
  bar: Bar;
  lane: Lane;
  at: (x: number) => string;
  selected: Signal<string | null>;
}

function SessionBar({ bar, lane, at, selected }: SessionBarProps) {
  const outcome = bar.link && outcomeOf(bar.link);
  const chosen = selected.value === bar.key;
  const toEvidence = bar.evidence && bar.evidence.lane === bar.lane ? bar.evidence.x : null;
  const words = outcome ? spoken(outcome) : 'session';
  return (
    <>
      {toEvidence !== null && (
        <span
          class={`thread ${toEvidence < bar.from ? 'is-back' : ''} ${chosen ? 'is-selected' : ''} is-${bar.link?.strength ?? 'stated'}`}
          style={{ left: at(Math.min(bar.from, toEvidence)), width: at(Math.abs(toEvidence - bar.from)) }}
        />
      )}
      <button
        type="button"
        class={`session is-${outcome ?? 'anonymous'} is-${bar.link?.strength ?? 'stated'}`}
        aria-pressed={chosen}
        aria-label={`Session on ${lane.label}, ${formatMoment(bar.started_at)}, ${bar.events} events, ${words}`}
        title={outcome ? OUTCOME_MEANING[outcome] : ''}
        style={{ left: at(bar.from), width: at(bar.to - bar.from) }}
        onClick={() => {
          selected.value = chosen ? null : bar.key;
        }}
      >
        <span class="caption">{words}</span>
      </button>
    </>
  );
}

interface EventMarkProps {
  mark: Mark;
  lane: number;
  selected: string | null;
  pointed: string | null;
  at: (x: number) => string;
  onEvent: (eventId: string) => void;
}

/** For the eye and the pointer only: the list below says the same to the keyboard and to screen readers. */
function EventMark({ mark, lane, selected, pointed, at, onEvent }: EventMarkProps) {
  const { event } = mark;
  const { title, detail } = eventWords(event);
  const classes = ['mark', isTurn(event.type) ? `is-turn is-${event.type}` : '', event.event_id === pointed ? 'is-pointed' : ''];
  if (selected !== null && selected === mark.session) classes.push('is-selected');
  return (
    <>
      <span
        class={classes.join(' ')}
        aria-hidden="true"
        title={joined(title, detail, formatClock(event.occurred_at))}
        style={{ left: at(mark.x) }}
        onClick={() => onEvent(event.event_id)}
      >
        <i>
          <Icon name={eventIcon(event.type)} />
        </i>
      </span>
      {mark.drop !== null && mark.drop !== lane && (
        <span
          class={`drop ${mark.drop < lane ? 'is-up' : ''}`}
          aria-hidden="true"
          style={{ left: at(mark.x), '--lanes': Math.abs(mark.drop - lane) }}
        />
      )}
      {mark.room > 28 && (
        <span class={isTurn(event.type) ? 'label is-turn' : 'label'} aria-hidden="true" style={{ left: at(mark.x), width: at(mark.room) }}>
          <bdi>{title}</bdi>
          {detail && <bdi class="quiet">{detail}</bdi>}
        </span>
      )}
    </>
  );
}

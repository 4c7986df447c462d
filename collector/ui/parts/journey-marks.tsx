/** The things that a journey is drawn of: names of lanes, lines between them, sessions, events. */
import type { Signal } from '@preact/signals';
import { isTurn, type Lane } from '../journey.ts';
import type { Band, Cluster } from '../journey-view.ts';
import { outcomeOf } from '../links-table.ts';
import { eventWords, formatClock, formatMoment, joined, OUTCOME_MEANING, spoken } from '../words.ts';
import { deviceIcon, eventIcon, Icon, type IconName } from './icons.tsx';

/** Where in its lane a line begins or ends. */
function middleOf(lane: Lane | undefined): number {
  if (lane?.kind === 'channel') return 22;
  return lane?.kind === 'browser' ? 50 : 24;
}

interface DropProps {
  x: string;
  from: number;
  to: number;
  fromLane: Lane | undefined;
  toLane: Lane | undefined;
}

export function Drop({ x, from, to, fromLane, toLane }: DropProps) {
  const [a, b] = [from + middleOf(fromLane), to + middleOf(toLane)];
  return <span class="drop" style={{ left: x, top: `${Math.min(a, b)}px`, height: `${Math.abs(b - a)}px` }} />;
}

const LANE_ICONS: Readonly<Record<Exclude<Lane['kind'], 'browser' | 'channel'>, IconName>> = {
  store: 'store',
  till: 'till',
  service: 'service',
  backend: 'backend',
};

export function LaneName({ lane }: { lane: Lane }) {
  const { kind } = lane;
  const icon = kind === 'browser' ? deviceIcon(lane.device) : kind === 'channel' ? ((lane.device ?? 'link') as IconName) : LANE_ICONS[kind];
  return (
    <div class="lane-name" title={joined(lane.label, lane.detail)}>
      <Icon name={icon} />
      <span>
        {lane.label}
        {lane.detail && <bdi class="quiet">{lane.detail}</bdi>}
      </span>
    </div>
  );
}

interface SessionBarProps {
  band: Band;
  captioned: boolean;
  lane: Lane;
  px: (x: number) => string;
  selected: Signal<string | null>;
}

export function SessionBar({ band: { bar, count, from, to }, captioned, lane, px, selected }: SessionBarProps) {
  const outcome = bar.link && outcomeOf(bar.link);
  const chosen = selected.value === bar.key;
  const toEvidence = count === 1 && bar.evidence && bar.evidence.lane === bar.lane ? bar.evidence.x : null;
  const words = count > 1 ? `${count} sessions` : outcome ? spoken(outcome) : 'session';
  return (
    <>
      {toEvidence !== null && (
        <span
          class={`thread ${chosen ? 'is-selected' : ''} is-${bar.link?.strength ?? 'stated'}`}
          style={{ left: px(Math.min(from, toEvidence)), width: px(Math.abs(toEvidence - from)) }}
        />
      )}
      <button
        type="button"
        class={`session is-${outcome ?? 'anonymous'} is-${bar.link?.strength ?? 'stated'}`}
        aria-pressed={chosen}
        aria-label={`Session on ${lane.label}, ${formatMoment(bar.started_at)}, ${bar.events} events, ${words}`}
        title={outcome ? OUTCOME_MEANING[outcome] : ''}
        style={{ left: px(from), width: px(to - from) }}
        onClick={() => {
          selected.value = chosen ? null : bar.key;
        }}
      >
        {captioned && <span class="caption">{words}</span>}
      </button>
    </>
  );
}

interface EventMarkProps {
  cluster: Cluster;
  zoom: number;
  selected: string | null;
  pointed: string | null;
  onEvent: () => void;
}

/** For the eye and the pointer only: the list below says the same to the keyboard and to screen readers. */
export function EventMark({ cluster: { mark, count }, zoom, selected, pointed, onEvent }: EventMarkProps) {
  const { event } = mark;
  const { title, detail } = eventWords(event);
  const turn = isTurn(event.type);
  const classes = ['mark', turn ? `is-turn is-${event.type}` : '', event.event_id === pointed ? 'is-pointed' : ''];
  if (selected !== null && selected === mark.session) classes.push('is-selected');
  const room = mark.room * zoom;
  return (
    <>
      <span
        class={classes.join(' ')}
        aria-hidden="true"
        title={count === 1 ? joined(title, detail, formatClock(event.occurred_at)) : `${count} events: zoom in`}
        style={{ left: `${mark.x * zoom}px` }}
        onClick={onEvent}
      >
        <i>
          <Icon name={eventIcon(event.type)} />
        </i>
        {count > 1 && <b>{count > 999 ? '999+' : count}</b>}
      </span>
      {count === 1 && room > 30 && (
        <span class={turn ? 'label is-turn' : 'label'} aria-hidden="true" style={{ left: `${mark.x * zoom}px`, width: `${room}px` }}>
          <bdi>{title}</bdi>
          {detail && <bdi class="quiet">{detail}</bdi>}
        </span>
      )}
    </>
  );
}

/** Draws a journey: lanes, sessions as bars, events as marks, threads to the evidence; to be zoomed and moved along. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { heightOf, isTurn, type Journey, type Lane } from '../journey.ts';
import { type Band, type Cluster, viewOf } from '../journey-view.ts';
import { outcomeOf } from '../links-table.ts';
import { eventWords, formatClock, formatCount, formatMoment, formatRoughly, joined, OUTCOME_MEANING, spoken } from '../words.ts';
import { deviceIcon, eventIcon, Icon, type IconName } from './icons.tsx';

interface JourneyPictureProps {
  journey: Journey;
  selected: Signal<string | null>;
  pointed: Signal<string | null>;
  onEvent: (eventId: string) => void;
}

const CLOSEST = 2.2;
/** Labels, or at least marks, still stand apart. */
const READABLE = { sparse: 0.57, dense: 0.9 } as const;
/** Drawn beyond both edges, so that scrolling shows no gaps. */
const BEYOND = 500;

export function JourneyPicture({ journey, selected, pointed, onEvent }: JourneyPictureProps) {
  const frame = useRef<HTMLElement>(null);
  const room = useSignal(900);
  const left = useSignal(0);
  const wished = useSignal<number | null>(null);
  /** What stays where it is while the zoom changes: a place in the journey and in the frame. */
  const anchor = useRef<{ x: number; at: number } | null>(null);
  const followsEnd = useRef(true);

  const readable = journey.sparse ? READABLE.sparse : READABLE.dense;
  const fit = Math.min(1.4, room.value / Math.max(1, journey.width));
  const zoom = wished.value === null ? Math.max(fit, readable) : Math.max(Math.min(fit, readable), wished.value);
  const from = Math.floor((left.value - BEYOND) / 250) * 250;
  const shown = viewOf(journey, zoom, from / zoom, (from + room.value + 2 * BEYOND + 250) / zoom);

  useLayoutEffect(() => {
    const box = frame.current;
    if (!box) return;
    const measure = (): void => {
      room.value = Math.max(120, box.clientWidth - labelWidth(box));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const box = frame.current;
    if (!box) return;
    if (anchor.current) box.scrollLeft = anchor.current.x * zoom - anchor.current.at;
    else if (followsEnd.current) box.scrollLeft = box.scrollWidth;
    anchor.current = null;
    left.value = box.scrollLeft;
  }, [zoom, journey.width]);
  useEffect(() => {
    const mark = journey.marks.find(({ event }) => event.event_id === pointed.value);
    if (mark) bringIn(mark.x, mark.x);
  }, [pointed.value]);
  useEffect(() => {
    const bar = journey.bars.find(({ key }) => key === selected.value);
    if (bar && pointed.value === null) bringIn(bar.from, bar.to);
  }, [selected.value]);

  function bringIn(start: number, end: number): void {
    const box = frame.current;
    if (!box) return;
    if (start * zoom < box.scrollLeft + 24) box.scrollLeft = start * zoom - 24;
    else if (end * zoom > box.scrollLeft + room.value) box.scrollLeft = start * zoom - room.value / 3;
  }
  function zoomTo(next: number, at = room.value / 2): void {
    const box = frame.current;
    if (!box) return;
    anchor.current = { x: (box.scrollLeft + at) / zoom, at };
    wished.value = Math.max(Math.min(fit, readable), Math.min(CLOSEST, next));
  }
  function onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '=') zoomTo(zoom * 1.4);
    else if (event.key === '-') zoomTo(zoom / 1.4);
    else if (event.key === '0') zoomTo(fit);
    else return;
    event.preventDefault();
  }
  useEffect(() => {
    const box = frame.current;
    if (!box) return;
    // A trackpad's pinch comes as a wheel with ctrl; Preact would listen passively.
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomTo(zoom * Math.exp(-event.deltaY / 200), event.clientX - box.getBoundingClientRect().left - labelWidth(box));
    };
    box.addEventListener('wheel', onWheel, { passive: false });
    return () => box.removeEventListener('wheel', onWheel);
  });

  const px = (x: number): string => `${x * zoom}px`;
  const tops = topsOf(journey.lanes);
  return (
    <section class="journey" aria-label="Journey">
      <div class="zoom">
        <span class="quiet small">{formatCount(journey.marks.length)} events</span>
        <button
          type="button"
          aria-label="Zoom out"
          title="Zoom out (-)"
          disabled={zoom <= Math.min(fit, readable) * 1.01}
          onClick={() => zoomTo(zoom / 1.6)}
        >
          −
        </button>
        <button type="button" aria-label="Zoom in" title="Zoom in (+)" disabled={zoom >= CLOSEST} onClick={() => zoomTo(zoom * 1.6)}>
          +
        </button>
        <button type="button" title="Show all of it (0)" onClick={() => zoomTo(fit)}>
          Fit
        </button>
      </div>
      <section
        class="journey-frame"
        ref={frame}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable without a mouse.
        tabIndex={0}
        aria-label="Timeline: scroll with the arrow keys, zoom with + and -"
        onKeyDown={onKey}
        onScroll={({ currentTarget: box }) => {
          followsEnd.current = box.scrollLeft + box.clientWidth > box.scrollWidth - 40;
          left.value = box.scrollLeft;
        }}
      >
        <div class="journey-sheet" style={{ width: `calc(var(--lane-label) + ${journey.width * zoom}px)` }}>
          <div class="lane is-clock" aria-hidden="true">
            <span class="lane-name" />
            <div class="track">
              {shown.starts.map((start) => (
                <span key={start.at} class="start" style={{ left: px(start.x) }}>
                  {formatMoment(start.at)}
                </span>
              ))}
            </div>
          </div>
          <div class="backdrop" aria-hidden="true">
            {shown.pauses.map((pause) => (
              <span key={pause.from} class="pause" style={{ left: px(pause.from), width: px(pause.to - pause.from) }}>
                {(pause.to - pause.from) * zoom > 40 && <b>{formatRoughly(pause.span)}</b>}
              </span>
            ))}
            {shown.entries.map((entry) => (
              <Drop
                key={`${entry.lane} ${entry.x}`}
                x={px(entry.x)}
                from={tops[entry.lane] ?? 0}
                to={tops[entry.to] ?? 0}
                fromLane={journey.lanes[entry.lane]}
                toLane={journey.lanes[entry.to]}
              />
            ))}
            {shown.clusters
              .flat()
              .map(
                ({ mark }) =>
                  mark.drop !== null &&
                  mark.drop !== mark.lane && (
                    <Drop
                      key={mark.event.event_id}
                      x={px(mark.x)}
                      from={tops[mark.lane] ?? 0}
                      to={tops[mark.drop] ?? 0}
                      fromLane={journey.lanes[mark.lane]}
                      toLane={journey.lanes[mark.drop]}
                    />
                  ),
              )}
          </div>
          {journey.lanes.map((lane, index) => (
            <div key={lane.key} class={`lane is-${lane.kind}`} style={{ height: `${heightOf(lane)}px` }}>
              <LaneName lane={lane} />
              <div class="track">
                {shown.entries.map(
                  (entry) =>
                    entry.lane === index && (
                      <span
                        key={entry.x}
                        class="entry"
                        aria-hidden="true"
                        title={joined(entry.label, entry.detail)}
                        style={{ left: px(entry.x), maxWidth: px(entry.room) }}
                      >
                        <bdi>{entry.label}</bdi> {entry.detail && <bdi class="quiet">{entry.detail}</bdi>}
                      </span>
                    ),
                )}
                {shown.bands[index]?.map((band) => (
                  <SessionBar key={band.bar.key} band={band} captioned={band.room * zoom > 110} lane={lane} px={px} selected={selected} />
                ))}
                {shown.clusters[index]?.map((cluster) => (
                  <EventMark
                    key={cluster.mark.event.event_id}
                    cluster={cluster}
                    zoom={zoom}
                    selected={selected.value}
                    pointed={pointed.value}
                    onEvent={() => {
                      if (cluster.count === 1) return onEvent(cluster.mark.event.event_id);
                      anchor.current = { x: cluster.x, at: room.value / 2 };
                      wished.value = Math.min(CLOSEST, zoom * 2.5);
                    }}
                  />
                ))}
              </div>
            </div>
          ))}
        </div>
      </section>
    </section>
  );
}

/** The clock's height: lanes begin below it. */
const CLOCK = 30;

function topsOf(lanes: readonly Lane[]): number[] {
  let top = CLOCK + 1;
  return lanes.map((lane) => {
    const own = top;
    top += heightOf(lane) + 1;
    return own;
  });
}

function labelWidth(box: HTMLElement): number {
  return box.querySelector<HTMLElement>('.lane-name')?.offsetWidth ?? 0;
}

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

function Drop({ x, from, to, fromLane, toLane }: DropProps) {
  const [a, b] = [from + middleOf(fromLane), to + middleOf(toLane)];
  return <span class="drop" style={{ left: x, top: `${Math.min(a, b)}px`, height: `${Math.abs(b - a)}px` }} />;
}

const LANE_ICONS: Readonly<Record<Exclude<Lane['kind'], 'browser' | 'channel'>, IconName>> = {
  store: 'store',
  till: 'till',
  service: 'service',
  backend: 'backend',
};

function LaneName({ lane }: { lane: Lane }) {
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

function SessionBar({ band: { bar, count, from, to }, captioned, lane, px, selected }: SessionBarProps) {
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
function EventMark({ cluster: { mark, count }, zoom, selected, pointed, onEvent }: EventMarkProps) {
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

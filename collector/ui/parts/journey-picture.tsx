/** Draws a journey: lanes, sessions as bars, events as marks, threads to the evidence; to be zoomed and moved along. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { heightOf, type Journey, type Lane } from '../journey.ts';
import { viewOf } from '../journey-view.ts';
import { formatCount, formatMoment, formatRoughly, joined } from '../words.ts';
import { Drop, EventMark, LaneName, SessionBar } from './journey-marks.tsx';

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

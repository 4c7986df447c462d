/** The newest events, in a few words each. */
import type { StreamedEvent } from '../types.ts';
import { eventWords, formatClock, joined, shortId } from '../words.ts';
import { deviceIcon, eventIcon, Icon } from './icons.tsx';

const SHOWN = 6;

export function Ticker({ events }: { events: readonly StreamedEvent[] }) {
  return (
    <section class="panel" aria-label="Events as they come">
      {events.length === 0 ? (
        <p class="quiet">Events show here the moment they are stored. Nothing new since you opened this page.</p>
      ) : (
        <ol class="ticker">
          {events.slice(0, SHOWN).map((event) => {
            const { title, detail } = eventWords(event);
            return (
              <li key={event.event_id}>
                <time dateTime={new Date(event.occurred_at).toISOString()}>{formatClock(event.occurred_at)}</time>
                <Icon name={eventIcon(event.type)} />
                <span class="clip" title={joined(title, detail)}>
                  <bdi>{title}</bdi> {detail && <bdi class="quiet">{detail}</bdi>}
                </span>
                <span class="quiet">
                  {event.anonymous_id !== null && (
                    <>
                      <Icon name={deviceIcon(event.device_type)} /> <code>{shortId(event.anonymous_id)}</code>
                    </>
                  )}
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}

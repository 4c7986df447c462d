/** One customer's journey: was this all one person, and why? */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { followCustomer } from '../customer-feed.ts';
import { layOut, segmentOf } from '../journey.ts';
import { followLinks } from '../links-feed.ts';
import { addMoney } from '../money.ts';
import type { PageProps } from '../pages.tsx';
import { CustomerActions } from '../parts/customer-actions.tsx';
import { EventList, rowId } from '../parts/event-list.tsx';
import { Explain } from '../parts/explain.tsx';
import { JourneyPicture } from '../parts/journey-picture.tsx';
import type { LinkRow } from '../types.ts';
import { formatCount, formatDay, formatMoney } from '../words.ts';

export function CustomerPage({ api, path: [site = '', customerId = ''] }: PageProps) {
  const feed = useMemo(() => followLinks(api, site), [api, site]);
  useEffect(() => feed.stop, [feed]);
  const customer = useMemo(() => followCustomer(api, feed, site, customerId), [api, feed, site, customerId]);
  useEffect(() => customer.stop, [customer]);
  const journey = useComputed(() => layOut(customer.events.value, customer.links.value));
  const selected = useSignal<string | null>(null);
  const pointed = useSignal<string | null>(null);

  const bar = journey.value.bars.find((one) => one.key === selected.value);
  const event = bar && customer.events.value.find((one) => segmentOf(one, customer.links.value)?.key === bar.key);
  function pointAt(eventId: string): void {
    const found = customer.events.value.find((one) => one.event_id === eventId);
    if (!found) return;
    selected.value = segmentOf(found, customer.links.value)?.key ?? selected.value;
    pointed.value = eventId;
  }
  function showInList(eventId: string): void {
    pointAt(eventId);
    document.getElementById(rowId(eventId))?.scrollIntoView({ block: 'center' });
  }

  const failure = customer.failure.value;
  if (!customer.loaded.value) {
    if (failure === null) return <p class="quiet waiting">Reading the journey …</p>;
    return (
      <section class="nobody">
        <h1>
          <bdi>{customerId}</bdi>
        </h1>
        <p class="problem">{failure.status === 404 ? `The site “${site}” has no customer of this id.` : failure.message}</p>
        <p>
          <a href="#/">Back to the newest links</a>
        </p>
      </section>
    );
  }
  return (
    <>
      <Head customerId={customerId} site={site} links={customer.links.value} />
      <CustomerActions api={api} site={site} customerId={customerId} onDone={() => location.reload()} />
      {journey.value.marks.length === 0 ? (
        <p class="quiet waiting">No events of this customer (any more).</p>
      ) : (
        <>
          <JourneyPicture journey={journey.value} selected={selected} pointed={pointed} onEvent={pointAt} />
          <div class="below">
            <aside aria-label="Explanation">
              {bar && event?.session_id && event.anonymous_id ? (
                <>
                  <h2>Why this session?</h2>
                  <Explain
                    api={api}
                    session={{ site, anonymous_id: event.anonymous_id, session_id: event.session_id }}
                    version={bar.link?.changed_at ?? 0}
                    onEvent={showInList}
                  />
                </>
              ) : (
                <>
                  <h2>Why these sessions?</h2>
                  <p class="quiet">Select a session in the picture or in the list to see what links it to this customer.</p>
                  <Key />
                </>
              )}
            </aside>
            <EventList
              journey={journey.value}
              selected={selected}
              pointed={pointed}
              onOlder={customer.older.value === null ? null : customer.loadOlder}
            />
          </div>
        </>
      )}
    </>
  );
}

function Head({ customerId, site, links }: { customerId: string; site: string; links: readonly LinkRow[] }) {
  const first = links.reduce((least, link) => Math.min(least, link.started_at), Number.POSITIVE_INFINITY);
  const last = links.reduce((most, link) => Math.max(most, link.ended_at), 0);
  const orders = links.reduce((sum, link) => sum + link.orders, 0);
  const revenue = addMoney(links).map(({ value, currency }) => formatMoney(value, currency));
  const figures: [string, string][] = [
    ['sessions', formatCount(new Set(links.map((link) => `${link.anonymous_id} ${link.session_id}`)).size)],
    ['browsers', formatCount(new Set(links.map((link) => link.anonymous_id)).size)],
    ['scans', formatCount(links.reduce((sum, link) => sum + (link.scans?.length ?? 0), 0))],
    ['orders', formatCount(orders)],
    ['revenue', revenue.join(' + ') || '—'],
  ];
  return (
    <header class="customer">
      <div>
        <p class="quiet small">
          <a href="#/">Links</a> / Customer of <bdi>{site}</bdi>
        </p>
        <h1>
          <bdi>{customerId}</bdi>
        </h1>
        {links.length > 0 && (
          <p class="quiet small">
            {formatDay(first)} to {formatDay(last)}
          </p>
        )}
      </div>
      <dl class="figures">
        {figures.map(([name, value]) => (
          <div class="figure" key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </header>
  );
}

/** How to read the picture. */
function Key() {
  return (
    <ul class="key">
      <li>
        <span class="sample is-signed" /> signed: the retailer’s backend vouches for it
      </li>
      <li>
        <span class="sample is-stated" /> stated: the page said so
      </li>
      <li>
        <span class="sample is-carried" /> carried: came with a personal link
      </li>
      <li>
        <span class="sample is-thread" /> the event that links a session which named nobody
      </li>
    </ul>
  );
}

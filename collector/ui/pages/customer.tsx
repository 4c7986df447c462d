/** Was this all one person, and why? The journey, who the person is made of, what they are to the shop, and what can be done about it. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { followCustomer } from '../customer-feed.ts';
import { identityOf } from '../identity.ts';
import { layOut, segmentOf, segmentsOf } from '../journey.ts';
import type { PageProps } from '../pages.tsx';
import { CustomerActions } from '../parts/customer-actions.tsx';
import { CustomerHead } from '../parts/customer-head.tsx';
import { Drawer } from '../parts/drawer.tsx';
import { EventList, rowId } from '../parts/event-list.tsx';
import { Explain } from '../parts/explain.tsx';
import { IdentitySection } from '../parts/identity-section.tsx';
import { JourneyPicture } from '../parts/journey-picture.tsx';
import { Overview } from '../parts/overview.tsx';
import { Problem } from '../parts/problem.tsx';
import { StrengthKey } from '../parts/strength-key.tsx';
import { openStream } from '../stream.ts';
import type { LinkRow } from '../types.ts';
import { shortId } from '../words.ts';

export function CustomerPage({ api, path: [site = '', customerId = ''] }: PageProps) {
  const { stream, customer } = useMemo(() => {
    const stream = openStream({ site, onRefused: () => void api.get('/ui/session').catch(() => undefined) });
    return { stream, customer: followCustomer(api, stream, site, customerId) };
  }, [api, site, customerId]);
  useEffect(
    () => () => {
      customer.stop();
      stream.stop();
    },
    [customer, stream],
  );
  const segments = useComputed(() => segmentsOf(customer.links.value));
  const journey = useComputed(() => layOut(customer.events.value, customer.links.value));
  const identity = useComputed(
    () => customer.profile.value && identityOf(customer.profile.value, customer.links.value, customer.decisions.value),
  );
  const selected = useSignal<string | null>(null);
  const pointed = useSignal<string | null>(null);
  const asked = useSignal<LinkRow | null>(null);

  const bar = journey.value.bars.find((one) => one.key === selected.value);
  function pointAt(eventId: string): void {
    const found = customer.events.value.find((one) => one.event_id === eventId);
    if (!found) return;
    selected.value = segmentOf(found, segments.value)?.key ?? selected.value;
    pointed.value = eventId;
  }
  async function showInList(eventId: string, at: number): Promise<void> {
    if (!customer.events.value.some((one) => one.event_id === eventId)) await customer.goTo(String(at + 1));
    pointAt(eventId);
    requestAnimationFrame(() => document.getElementById(rowId(eventId))?.scrollIntoView({ block: 'center' }));
  }

  const failure = customer.failure.value;
  const profile = customer.profile.value;
  const gone = failure?.status === 404;
  if (profile === null || identity.value === null || gone) {
    if (failure === null) return <p class="quiet waiting">Reading the journey …</p>;
    return (
      <section class="nobody">
        <h1>
          <bdi>{customerId}</bdi>
        </h1>
        <p class="problem">{gone ? `The site “${site}” has no customer of this id.` : failure.message}</p>
        <p>
          <a href="#/customers">Look for somebody else</a>
        </p>
      </section>
    );
  }
  return (
    <>
      <CustomerHead customerId={customerId} profile={profile} />
      <CustomerActions api={api} site={site} customerId={customerId} onDone={customer.refresh} />
      {(stream.lost.value || failure !== null) && (
        <Problem
          failure={{ message: `${failure?.message ?? 'The connection is lost.'} What you see may be out of date.` }}
          again={customer.refresh}
        />
      )}
      {journey.value.marks.length === 0 ? (
        <p class="quiet waiting">No events of this customer (any more).</p>
      ) : (
        <>
          <Overview customer={customer} />
          <JourneyPicture journey={journey.value} selected={selected} pointed={pointed} onEvent={pointAt} />
          <StrengthKey />
        </>
      )}
      <IdentitySection
        api={api}
        site={site}
        identity={identity.value}
        profile={profile}
        decisions={customer.decisions.value}
        events={customer.events.value}
        onDone={customer.refresh}
        asked={asked}
      />
      <div class="below">
        <aside aria-label="Explanation">
          <h2>Why this session?</h2>
          {bar?.link ? (
            <Explain api={api} session={bar.link} version={bar.link.changed_at} onEvent={showInList} />
          ) : (
            <p class="quiet">Select a session in the picture or in the list to see what links it to this customer.</p>
          )}
        </aside>
        <EventList journey={journey.value} selected={selected} pointed={pointed} />
      </div>
      {asked.value !== null && (
        <Drawer
          title={`Session ${shortId(asked.value.session_id)}`}
          onClose={() => {
            asked.value = null;
          }}
        >
          <Explain api={api} session={asked.value} version={asked.value.changed_at} />
        </Drawer>
      )}
    </>
  );
}

/** Who is this? One search box for anything that may stand for a person, and those who were here last. */
import { useSignal } from '@preact/signals';
import { asFailure, type Failure } from '../api.ts';
import { type Found, findPeople } from '../find.ts';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Empty } from '../parts/empty.tsx';
import { FirstSteps } from '../parts/first-steps.tsx';
import { Icon } from '../parts/icons.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Problem } from '../parts/problem.tsx';
import { type Column, Pager, Table } from '../parts/table.tsx';
import { customerAddress } from '../route.ts';
import type { CustomerRow, CustomersPage as Page } from '../types.ts';
import { formatCount, formatMoment, formatMoney, joined, spoken } from '../words.ts';

export function CustomersPage({ api, site }: PageProps) {
  const text = useSignal('');
  const found = useSignal<readonly Found[] | null>(null);
  const failure = useSignal<Failure | null>(null);
  const busy = useSignal(false);
  const before = useSignal<readonly string[]>([]);
  const cursor = before.value.at(-1);
  const recent = useLoad(() => api.get<Page>('/v1/customers', { site, order: 'recent', limit: 25, cursor }), [api, site, cursor]);

  async function find(event: Event): Promise<void> {
    event.preventDefault();
    const wanted = text.value.trim();
    if (wanted === '') {
      found.value = null;
      return;
    }
    busy.value = true;
    failure.value = null;
    try {
      const people = await findPeople(api, site, wanted);
      found.value = people;
      const [only] = people;
      if (only && people.length === 1) location.hash = customerAddress(site, only.profile.customer_id);
    } catch (thrown) {
      failure.value = asFailure(thrown);
    } finally {
      busy.value = false;
    }
  }

  return (
    <>
      <h1>Who is this?</h1>
      <form class="find" aria-label="Find a customer" onSubmit={find}>
        <input
          type="search"
          aria-label="Customer id, e-mail, order, session, browser or scan code"
          placeholder="Customer id, e-mail, order, session, browser or scan code"
          autocomplete="off"
          spellcheck={false}
          dir="auto"
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        />
        <button class="primary" type="submit" disabled={busy.value}>
          <Icon name="search" /> Find
        </button>
      </form>
      <p class="quiet small">An e-mail address is hashed in this page: the collector never gets it.</p>
      <div aria-live="polite">
        {failure.value !== null && failure.value.kind !== 'refused' && <Problem failure={failure.value} />}
        {found.value !== null &&
          (found.value.length === 0 ? (
            <Empty title="Nobody is known by that">
              <p class="quiet">
                Ids are compared letter by letter. An anonymous browser or session has no customer yet: look for it among the{' '}
                <a href="#/links">links</a>.
              </p>
            </Empty>
          ) : (
            <ul class="found">
              {found.value.map(({ profile, by }) => (
                <li key={profile.person_id} class="panel">
                  <a href={customerAddress(site, profile.customer_id)}>
                    <bdi>{profile.customer_id}</bdi>
                  </a>{' '}
                  <span class="quiet">
                    by {by.join(', ')} · {joined(`${formatCount(profile.sessions)} sessions`, `${formatCount(profile.order_count)} orders`)}
                  </span>
                </li>
              ))}
            </ul>
          ))}
      </div>
      <h2 class="section">Here last</h2>
      <Loaded of={recent}>
        {({ customers, next_cursor }) =>
          customers.length === 0 && before.value.length === 0 ? (
            <FirstSteps site={site} />
          ) : (
            <>
              <Table
                caption="Customers, by their newest session"
                columns={columnsOf(site)}
                rows={customers}
                keyOf={(row) => row.customer_id}
              />
              <Pager
                before={before.value}
                next={next_cursor}
                onTurn={(turned) => {
                  before.value = turned;
                }}
              />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function columnsOf(site: string): Column<CustomerRow>[] {
  return [
    {
      name: 'customer',
      title: 'Customer',
      cell: ({ customer_id }) => (
        <a class="clip" href={customerAddress(site, customer_id)} title={customer_id}>
          <bdi>{customer_id}</bdi>
        </a>
      ),
    },
    { name: 'seen', title: 'Last seen', cell: ({ last_seen_at }) => (last_seen_at === null ? '—' : formatMoment(last_seen_at)) },
    { name: 'sessions', title: 'Sessions', kind: 'number', cell: ({ sessions }) => formatCount(sessions) },
    { name: 'orders', title: 'Orders', kind: 'number', cell: ({ orders }) => formatCount(orders) },
    { name: 'revenue', title: 'Revenue', kind: 'number', cell: ({ revenue, currency }) => formatMoney(revenue, currency) },
    {
      name: 'segments',
      title: 'Segments',
      cell: ({ segments }) => (
        <span class="chips">
          {segments.map((segment) => (
            <span key={segment} class="chip">
              {spoken(segment)}
            </span>
          ))}
        </span>
      ),
    },
  ];
}

/** What a customer is to the shop, in figures. */
import type { Profile } from '../types.ts';
import { formatCount, formatDay, formatMoment, formatMoney, joined, spoken } from '../words.ts';
import { FigureList } from './figures.tsx';

export function CustomerHead({ customerId, profile }: { customerId: string; profile: Profile }) {
  const { revenue, rfm, first_seen_at, last_seen_at, segments, consent, last_products, last_searches } = profile;
  const [product] = last_products;
  const [search] = last_searches;
  return (
    <>
      <header class="customer">
        <div>
          <p class="quiet small">
            <a href="#/customers">Customers</a> / <bdi>{profile.site}</bdi>
          </p>
          <h1>
            <bdi>{customerId}</bdi>
          </h1>
          {profile.person_id !== customerId && (
            <p class="quiet">
              one person with <bdi>{profile.person_id}</bdi>
            </p>
          )}
          <p class="quiet small">
            {first_seen_at !== null && last_seen_at !== null && `${formatDay(first_seen_at)} to ${formatMoment(last_seen_at)}`}
          </p>
          {segments.length > 0 && (
            <p class="chips">
              {segments.map((segment) => (
                <span key={segment} class="chip">
                  {spoken(segment)}
                </span>
              ))}
            </p>
          )}
        </div>
        <FigureList
          figures={[
            { name: 'sessions', value: formatCount(profile.sessions) },
            { name: 'browsers', value: formatCount(profile.browsers.length) },
            { name: 'events', value: formatCount(profile.events) },
            {
              name: 'orders',
              value: formatCount(profile.order_count),
              note: profile.refund_count > 0 ? `${profile.refund_count} refunds` : undefined,
            },
            { name: 'revenue', value: revenue.map(({ net, currency }) => formatMoney(net, currency)).join(' + ') || '—', strong: true },
            ...(rfm
              ? [{ name: 'recency, frequency, money', value: `${rfm.recency} · ${rfm.frequency} · ${rfm.monetary}`, note: 'of 5' }]
              : []),
          ]}
        />
      </header>
      <p class="quiet last">
        {product && (
          <>
            Last product: <bdi>{product.item_name ?? product.item_id}</bdi> ({spoken(product.type)}).{' '}
          </>
        )}
        {search && (
          <>
            Last search: “<bdi>{search.search_term}</bdi>”.{' '}
          </>
        )}
        {consent && `Consent: ${joined(consent.state ?? 'not stated', consent.gpc ? 'Global Privacy Control' : null)}.`}
      </p>
    </>
  );
}

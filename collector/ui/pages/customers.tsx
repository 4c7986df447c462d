/** Who is this? One search box for anything that may stand for a person. */
import { useSignal } from '@preact/signals';
import { useLoad } from '../load.ts';
import type { PageProps } from '../pages.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { customerAddress } from '../route.ts';
import type { LinksPage } from '../types.ts';

export function CustomersPage({ api, site }: PageProps) {
  const text = useSignal('');
  const recent = useLoad(() => api.get<LinksPage>('/v1/links', { site, status: 'linked', order: 'desc', limit: 300 }), [api, site]);
  return (
    <>
      <h1>Who is this?</h1>
      <form
        class="find"
        onSubmit={(event) => {
          event.preventDefault();
          location.hash = customerAddress(site, text.value.trim());
        }}
      >
        <input
          type="search"
          aria-label="Customer"
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value;
          }}
        />
        <button class="primary" type="submit">
          Find
        </button>
      </form>
      <Loaded of={recent}>
        {({ links }) => (
          <ul>
            {[...new Set(links.map(({ customer_id }) => customer_id ?? ''))].map((id) => (
              <li key={id}>
                <a href={customerAddress(site, id)}>
                  <bdi>{id}</bdi>
                </a>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </>
  );
}

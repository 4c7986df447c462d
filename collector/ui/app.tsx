/** The analysts' pages: signs in, keeps the feed of links, and shows the page that the address names. */
import { signal } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { createApi } from './api.ts';
import { keepToken, takeToken } from './credentials.ts';
import { followLinks, type LinksFeed } from './links-feed.ts';
import { CustomerPage } from './pages/customer.tsx';
import { LinksPage } from './pages/links.tsx';
import { Icon } from './parts/icons.tsx';
import { SignIn } from './parts/sign-in.tsx';
import { parseRoute } from './route.ts';

const token = signal(takeToken(location, history, sessionStorage));
const refusal = signal<string | null>(null);
const route = signal(parseRoute(location.hash));

addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) setToken(takeToken(location, history, sessionStorage), null);
  route.value = parseRoute(location.hash);
  scrollTo(0, 0);
});

render(<App />, document.getElementById('app') as HTMLElement);

function App() {
  if (token.value === null) return <SignIn message={refusal.value} onToken={(given) => setToken(given, null)} />;
  return <SignedIn key={token.value} token={token.value} />;
}

function setToken(given: string | null, reason: string | null): void {
  keepToken(given, sessionStorage);
  refusal.value = reason;
  token.value = given;
}

function SignedIn({ token }: { token: string }) {
  const api = useMemo(() => createApi(token), [token]);
  const feed = useMemo(() => followLinks(api), [api]);
  useEffect(() => feed.stop, [feed]);
  const failure = feed.failure.value;
  useEffect(() => {
    if (failure?.kind === 'refused') setToken(null, failure.message);
  }, [failure]);

  const at = route.value;
  useEffect(() => {
    document.title = at.page === 'customer' ? `${at.customer_id} · Footfall` : 'Footfall';
  }, [at]);
  return (
    <>
      <header class="top">
        <a class="brand" href="#/">
          <Icon name="mark" /> Footfall
        </a>
        <nav aria-label="Pages">
          <a href="#/" aria-current={at.page === 'links' ? 'page' : undefined}>
            Links
          </a>
        </nav>
        <LiveSwitch feed={feed} />
        <button class="plain" type="button" onClick={() => setToken(null, null)}>
          Sign out
        </button>
      </header>
      {failure !== null && failure.kind !== 'refused' && (
        <p class="banner" role="alert">
          {failure.message} {feed.loaded.value === 'no' ? 'Trying again …' : 'What you see may be out of date. Trying again …'}
        </p>
      )}
      <main>
        {at.page === 'links' && <LinksPage api={api} feed={feed} />}
        {at.page === 'customer' && (
          <CustomerPage key={`${at.site} ${at.customer_id}`} api={api} feed={feed} site={at.site} customerId={at.customer_id} />
        )}
      </main>
    </>
  );
}

/** Says whether the page follows what happens, and lets the reader hold it still. */
function LiveSwitch({ feed }: { feed: LinksFeed }) {
  const state = feed.paused.value ? 'paused' : feed.failure.value === null ? 'live' : 'waiting';
  return (
    <button
      type="button"
      class={`live is-${state}`}
      aria-pressed={feed.paused.value}
      title={feed.paused.value ? 'Follow again' : 'Hold still'}
      onClick={() => {
        feed.paused.value = !feed.paused.value;
      }}
    >
      {state}
    </button>
  );
}

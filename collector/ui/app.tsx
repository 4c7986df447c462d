/** The analysts' pages: signs in, and shows the page that the address names inside the frame. */
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { PAGES, pageAt } from './pages.tsx';
import { Boundary } from './parts/boundary.tsx';
import { Icon } from './parts/icons.tsx';
import { SignIn } from './parts/sign-in.tsx';
import { addressOf, followAddress, route } from './route.ts';
import { api, chooseSite, chosenSite, resume, signOut, who } from './session.ts';

addEventListener('hashchange', () => {
  if (location.hash.startsWith('#token=')) void resume();
});
void resume();
followAddress();
render(<App />, document.getElementById('app') as HTMLElement);

function App() {
  if (who.value === undefined) return null;
  return who.value === null ? <SignIn /> : <Frame />;
}

function Frame() {
  const { path, query } = route.value;
  const page = pageAt(path);
  const site = chosenSite.value;
  useEffect(() => {
    document.title = `${path[2] ?? page.question} · Footfall`;
  }, [page, path[2]]);
  const parts = path.slice(1, page.parts + 1);
  return (
    <>
      <a class="skip" href={location.hash} onClick={(event) => skipMenu(event)}>
        Skip the menu
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <Icon name="mark" /> Footfall
        </a>
        <nav aria-label="Pages">
          {PAGES.filter(({ menu }) => menu).map(({ name, menu, question }) => (
            <a key={name} href={addressOf([name])} title={question} aria-current={name === page.name ? 'page' : undefined}>
              {menu}
            </a>
          ))}
        </nav>
        <SiteChoice />
        <button class="plain" type="button" title={`Signed in with the token “${who.value?.name}”`} onClick={signOut}>
          Sign out
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {site === null ? (
          <p class="quiet waiting">This token reaches no site. An operator makes one with “footfall sites add”.</p>
        ) : (
          <Boundary key={`${site} ${page.name} ${parts.join(' ')}`}>
            <page.show api={api} site={site} path={parts} query={query} />
          </Boundary>
        )}
      </main>
    </>
  );
}

function SiteChoice() {
  const sites = who.value?.sites ?? [];
  if (sites.length < 2) return null;
  return (
    <select class="site" aria-label="Site" value={chosenSite.value ?? ''} onChange={({ currentTarget }) => chooseSite(currentTarget.value)}>
      {sites.map(({ site }) => (
        <option key={site} value={site}>
          {site}
        </option>
      ))}
    </select>
  );
}

/** The fragment is the address here, so the link moves the focus by hand. */
function skipMenu(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

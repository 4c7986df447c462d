/** What to do while nothing has been collected yet: paste the snippet, visit the demo shop, scan a code. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Api } from '../api.ts';
import type { Site } from '../types.ts';
import { Icon } from './icons.tsx';

export function FirstSteps({ api }: { api: Api }) {
  const site = useSignal<string | null>(null);
  const demo = useSignal(false);
  const copied = useSignal('');

  useEffect(() => {
    api<{ sites: Site[] }>('/v1/sites').then(
      ({ sites }) => {
        site.value = sites[0]?.site ?? null;
      },
      () => undefined,
    );
    fetch('/demo/', { method: 'HEAD' }).then(
      (answer) => {
        demo.value = answer.ok;
      },
      () => undefined,
    );
  }, [api]);

  const snippet = snippetOf(location.origin, site.value ?? 'SITE');
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(snippet);
      copied.value = 'Copied.';
    } catch {
      copied.value = 'Not allowed here: select the line and copy it.';
    }
  }

  return (
    <section class="first-steps">
      <h2>Nothing collected yet</h2>
      <p class="quiet">Links appear here by themselves, within a second of the first visit. Three ways to get one:</p>
      <ol>
        <li>
          <h3>Paste the snippet into your shop’s pages</h3>
          <div class="snippet">
            <code>{snippet}</code>
            <button type="button" onClick={copy}>
              <Icon name="copy" /> Copy
            </button>
          </div>
          <p class="quiet small" role="status">
            {copied.value ||
              (site.value ? `For the site “${site.value}”. Nothing else is needed.` : 'Put your site’s key in the place of SITE.')}
          </p>
        </li>
        <li>
          <h3>{demo.value ? 'Look around in the demo shop' : 'Visit a page that carries it'}</h3>
          {demo.value ? (
            <p>
              <a href="/demo/" target="_blank" rel="noreferrer">
                Open the demo shop
              </a>
              , look at two products, then sign in under Account: the visit before becomes yours as well.
            </p>
          ) : (
            <p>Look at two products, then log in: the visit before becomes the customer’s as well.</p>
          )}
        </li>
        <li>
          <h3>Scan a code</h3>
          <p>
            {demo.value
              ? 'Each product of the demo shop shows its shelf’s QR code. Open it with a phone, or just follow it.'
              : 'Make a code for a shelf, print it, and open it with a phone.'}
          </p>
        </li>
      </ol>
    </section>
  );
}

function snippetOf(origin: string, site: string): string {
  return `<script async src="${origin}/t.js" data-site="${site}"></script>`;
}

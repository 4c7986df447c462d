/** What to do while a site has collected nothing yet: paste the snippet, visit the demo shop, scan a code. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { CopyLine } from './copy.tsx';
import { Empty } from './empty.tsx';

export function FirstSteps({ site }: { site: string }) {
  const demo = useSignal(false);
  useEffect(() => {
    if (site !== DEMO) return;
    fetch('/demo/', { method: 'HEAD' }).then(
      (answer) => {
        demo.value = answer.ok;
      },
      () => undefined,
    );
  }, [site]);

  return (
    <Empty title="Nothing collected yet">
      <p class="quiet">Links appear here by themselves, within a second of the first visit. Three ways to get one:</p>
      <ol class="steps">
        <li>
          <h3>Paste the snippet into your shop’s pages</h3>
          <CopyLine name="the snippet" text={snippetOf(location.origin, site)} />
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
              : 'Make a code for a shelf, print it, and open it with a phone:'}
          </p>
          {!demo.value && <CopyLine name="the command" text={`npx footfall codes sheet --site ${site} --out codes.pdf`} />}
        </li>
      </ol>
    </Empty>
  );
}

const DEMO = 'demo';

export function snippetOf(origin: string, site: string): string {
  return `<script async src="${origin}/t.js" data-site="${site}"></script>`;
}

/** The overlay's panel: text nodes and a constructed stylesheet only, so that strict policies and Trusted Types let it be. */
import { attempt } from '../guard.ts';
import { firstBroken, type Seen, type Step } from './installation.ts';

/** Puts the panel on the page; the result draws it anew. It stands in a shadow tree: the page's styles and it do not meet. */
export function openPanel(): (steps: readonly Step[], seen: Seen) => void {
  const host = document.createElement('footfall-debug');
  const root = host.attachShadow({ mode: 'open' });
  attempt(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    root.adoptedStyleSheets = [sheet];
  });
  const close = element('button', 'Close');
  close.addEventListener('click', () => host.remove());
  const header = element('header', 'Footfall', element('span', ' on this page'), close);
  const body = element('div');
  const panel = element('section', header, body);
  panel.setAttribute('role', 'region');
  panel.setAttribute('aria-label', 'Footfall: what the tag does on this page');
  root.append(panel);
  let shown = '';
  return (steps, seen) => {
    // Scripts in the head run before there is a body.
    if (!host.isConnected && !shown) document.documentElement.append(host);
    const drawn = JSON.stringify([steps, seen.events, seen.data_layer]);
    if (drawn === shown) return;
    shown = drawn;
    body.replaceChildren(verdict(steps), list(steps), counts(seen), events(seen));
  };
}

function element(name: string, ...content: (string | Node)[]): HTMLElement {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}

function verdict(steps: readonly Step[]): HTMLElement {
  const step = firstBroken(steps);
  const text = step ? `Broken: ${step.name}. ${step.says}` : WORDS[steps.every(({ state }) => state === 'right') ? 'right' : 'waiting'];
  const made = element('p', text);
  made.className = step ? 'broken' : '';
  made.setAttribute('role', 'status');
  return made;
}

const WORDS = { right: 'Everything works.', waiting: 'Nothing is broken; what waits is marked below.' };
const MARKS = { right: '✓', broken: '✗', waiting: '…' };

function list(steps: readonly Step[]): HTMLElement {
  const rows = steps.map(({ name, state, says }) => {
    const mark = element('b', MARKS[state]);
    mark.setAttribute('aria-label', state);
    const row = element('li', mark, element('span', name), element('small', says));
    row.className = state;
    return row;
  });
  return element('ol', ...rows);
}

function counts({ events, data_layer }: Seen): HTMLElement {
  const of = (...states: string[]) => events.filter(({ state }) => states.includes(state)).length;
  const refused = of('refused', 'given up');
  const parts = [`${events.length} captured`, `${of('sent', 'acknowledged', 'refused')} sent`, `${of('acknowledged')} acknowledged`];
  if (refused) parts.push(`${refused} refused`);
  parts.push(data_layer ? `dataLayer: ${data_layer} entries` : 'no dataLayer');
  return element('p', parts.join(' · '));
}

function events({ events }: Seen): HTMLElement {
  const rows = events.slice(-SHOWN).reverse();
  return element(
    'ul',
    ...rows.map(({ type, state, reason }) =>
      element('li', element('span', type), element('small', reason ? `${state}: ${reason}` : state)),
    ),
  );
}

const SHOWN = 8;

const STYLES = `
:host { all: initial }
section { position: fixed; right: 12px; bottom: 12px; z-index: 2147483647; box-sizing: border-box; width: min(420px, calc(100vw - 24px));
  max-height: calc(100vh - 24px); overflow: auto; padding: 0 16px 12px; border-radius: 10px; background: #fff; color: #1c2330;
  box-shadow: 0 0 0 1px #0002, 0 8px 32px #0004; font: 14px/1.45 system-ui, sans-serif; overflow-wrap: anywhere }
header { position: sticky; top: 0; display: flex; gap: .35em; align-items: center; padding: 12px 0 8px; background: #fff; font-weight: 650 }
header span { font-weight: 400; color: #586174 }
button { margin-left: auto; padding: 3px 10px; border: 1px solid #b9c0cc; border-radius: 6px; background: #fff; color: inherit; font: inherit; cursor: pointer }
button:focus-visible { outline: 2px solid #1f5fd0; outline-offset: 1px }
p { margin: 4px 0 10px }
.broken { color: #a11212 }
p.broken { padding: 8px 10px; border-radius: 6px; background: #fdecec; font-weight: 550 }
ol, ul { margin: 0 0 10px; padding: 0; list-style: none }
ol li { display: grid; grid-template-columns: 1.5em 1fr; padding: 3px 0 }
ol small { grid-column: 2 }
ul { border-top: 1px solid #e3e6ec; padding-top: 8px }
ul li { display: flex; justify-content: space-between; gap: 12px }
small { color: #586174; font-size: 12.5px }
.right b { color: #14733b }
.waiting b { color: #8a5a00 }
@media (prefers-color-scheme: dark) {
  section, header, button { background: #171c26; color: #e8ebf1 }
  header span, small { color: #a3acbd }
  .broken { color: #ff9d9d }
  p.broken { background: #4a1d22 }
  ul { border-color: #313a4a }
  .right b { color: #6fd699 }
  .waiting b { color: #f0c069 }
}`;

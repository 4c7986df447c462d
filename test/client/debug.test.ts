/** The overlay's verdicts, and what it sees of a real tag's work. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findTags } from '../../client/debug/find-tags.ts';
import { firstBroken, type Seen, stepsOf } from '../../client/debug/installation.ts';

const WORKS: Seen = {
  scripts: ['https://t.shop.example/t.js'],
  site: 'shop',
  collector: 'https://t.shop.example',
  origin: 'https://shop.example',
  started: true,
  storage: true,
  cookie: true,
  consent: 'granted',
  gpc: false,
  events: [{ event_id: 'e1', type: 'page_view', state: 'acknowledged' }],
  answer: { status: 204 },
  refused_by: [],
  data_layer: 0,
};

let page: HTMLElement;
beforeEach(() => {
  page = document.createElement('div');
});
afterEach(() => page.remove());

test('where all works, each step is right', () => {
  expect(stepsOf(WORKS).filter(({ state }) => state !== 'right')).toEqual([]);
});

test.each<[string, Partial<Seen>, string]>([
  ['Tag on the page', { scripts: ['https://t.shop.example/t.js', 'https://t.shop.example/t.js?site=b'] }, '2 times'],
  ['Site named', { site: undefined }, 'data-site'],
  ['Storage', { cookie: false }, 'ff_id'],
  ['Storage', { storage: false }, 'localStorage'],
  ['Request leaves the page', { refused_by: ['connect-src'], answer: { status: 0 } }, 'add https://t.shop.example to connect-src'],
  ['Request leaves the page', { answer: { status: 0 } }, 'blocker'],
  ['Collector accepts', { answer: { status: 403, reason: 'unknown_site' } }, 'footfall sites add shop --origin https://shop.example'],
  ['Collector accepts', { answer: { status: 403, reason: 'bad_origin' } }, 'https://shop.example is not an origin'],
  ['Collector accepts', { answer: { status: 503 } }, 'sent again'],
  ['Collector accepts', { answer: { status: 400, reason: 'not_a_batch' } }, 'given up'],
  [
    'Collector accepts',
    { answer: { status: 200 }, events: [{ event_id: 'e1', type: 'a_thing', state: 'refused', reason: 'too_deep' }] },
    'a_thing: too_deep',
  ],
])('the broken step is named: %s, for %j', (name, difference, words) => {
  const broken = firstBroken(stepsOf({ ...WORKS, ...difference }));
  expect(broken?.name).toBe(name);
  expect(broken?.says).toContain(words);
});

test.each(['pending', 'denied'] as const)('consent %s breaks nothing: the steps after it wait', (consent) => {
  const steps = stepsOf({ ...WORKS, consent, cookie: false, storage: false, events: [], answer: undefined });
  expect(firstBroken(steps)).toBeUndefined();
  expect(steps.find(({ name }) => name === 'Consent')?.state).toBe('waiting');
});

test('the tag is found by attribute or address, in any version, and nothing else is taken for it', () => {
  page.innerHTML = `<script src="https://cdn.example/not.js"></script><script src="https://t.shop.example/t/stub.js"></script>
    <script src="https://t.shop.example/t/0.1.0-1a2b3c4d.js?site=shop" data-name="ours"></script><script src="https://t.shop.example/t.js"></script>`;
  const { scripts, site, name } = findTags(page);
  expect(scripts.map((src) => new URL(src).pathname)).toEqual(['/t/0.1.0-1a2b3c4d.js', '/t.js']);
  expect([site, name]).toEqual(['shop', 'ours']);
  expect(findTags(document.createElement('div'))).toEqual({ scripts: [], site: undefined, name: 'footfall' });
});

/** Golden wire batches: what the tag sends, to the letter. The collector's tests accept the same files. `UPDATE_FIXTURES=1` writes them anew. */
// @vitest-environment node
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Batch } from '../../protocol/event.ts';
import { openBrowser, type Page, type PageOptions, type PageWindow, startSink, until } from './browser.ts';

interface Case extends PageOptions {
  act?: (page: Page) => void;
}
const EMAIL = 'b4c9a289323b21a01c3e940f150eb9b8c542587f1abfd8f0e1cc1ffc5e475514';
const TOKEN = 'eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJDMSIsImF1ZCI6ImRlbW8ifQ.c2lnbmF0dXJl';
const PRODUCT = 'https://shop.example/p/tv-55';
const ITEM = `{item_id: 'TV-55', item_name: 'OLED TV 55"', price: '499.00', quantity: 1}`;
const layer =
  (...entries: string[]) =>
  (window: PageWindow) =>
    window.eval(`dataLayer = []; function gtag() { dataLayer.push(arguments) } ${entries.join(';')}`);

const CASES: Record<string, Case> = {
  'page-view': { url: `${PRODUCT}?utm_source=google&utm_medium=cpc&gclid=Cj0KCQ`, referrer: 'https://www.google.com/' },
  'spa-navigation': { url: PRODUCT, act: ({ window }) => window.history.pushState({}, '', '/p/tv-65') },
  'view-item': {
    url: PRODUCT,
    before: layer(`dataLayer.push({event: 'view_item', ecommerce: {currency: 'EUR', value: 499, items: [${ITEM}]}})`),
  },
  purchase: {
    url: 'https://shop.example/thanks',
    before: layer(
      `gtag('config', 'G-1', {user_id: 'C1'})`,
      `gtag('event', 'purchase', {transaction_id: 991, value: 499, tax: '79.67', currency: 'EUR', items: [${ITEM}]})`,
    ),
  },
  'guest-purchase': {
    url: 'https://shop.example/thanks',
    before: layer(
      `gtag('set', 'user_data', {sha256_email_address: '${EMAIL}'})`,
      `dataLayer.push({event: 'purchase', ecommerce: {transaction_id: '992', value: '499.00', currency: 'EUR', items: [${ITEM}]}})`,
    ),
  },
  'legacy-purchase': {
    url: 'https://shop.example/thanks',
    before: layer(
      `dataLayer.push({ecommerce: {currencyCode: 'EUR', purchase: {actionField: {id: '993', revenue: '499.00'}, products: [{id: 'TV-55', name: 'TV', price: '499.00', quantity: '1'}]}}})`,
    ),
  },
  login: { url: 'https://shop.example/account', before: layer(`dataLayer.push({event: 'login', method: 'form', user_id: 'C1'})`) },
  'login-tracked': {
    url: 'https://shop.example/account',
    act: ({ footfall }) => footfall('track', 'login', { customer_id: 4711, method: 'form' }),
  },
  'identify-signed': { url: PRODUCT, act: ({ footfall }) => footfall('identify', 'C1', { email_sha256: EMAIL, token: TOKEN }) },
  'another-customer': {
    url: PRODUCT,
    act: ({ footfall }) => {
      footfall('identify', 'C1');
      footfall('identify', 'C2');
    },
  },
  logout: {
    url: PRODUCT,
    act: ({ footfall }) => {
      footfall('identify', 'C1');
      footfall('logout');
      footfall('track', 'view_item', { items: [{ item_id: 'TV-55' }] });
    },
  },
  reset: {
    url: PRODUCT,
    act: ({ footfall }) => {
      footfall('reset');
      footfall('track', 'view_item', { items: [{ item_id: 'TV-55' }] });
    },
  },
  'scan-landing': { url: `${PRODUCT}?utm_source=shelf&ff_scan=3q2-7wTfQk6dZ0aVb1c2dw.Jx0aQw` },
  'consent-late': { url: PRODUCT, data: { site: 'demo', consent: 'pending' }, act: ({ footfall }) => footfall('consent', 'granted') },
  'consent-withdrawn': { url: PRODUCT, act: ({ footfall }) => footfall('consent', 'denied') },
  cookieless: { url: PRODUCT, data: { site: 'demo', consent: 'denied', cookieless: '' } },
  kiosk: { url: PRODUCT, data: { site: 'demo', kiosk: '' } },
  custom: {
    url: PRODUCT,
    act: ({ footfall }) => footfall('track', 'compare_opened', { skus: ['TV-55', 'TV-65'], note: 'größer als \u2028 null \u0000' }),
  },
  dropped: { url: PRODUCT, act: ({ footfall }) => footfall('track', 'too_big', { text: 'x'.repeat(40_000) }) },
  'click-and-form': {
    url: 'https://shop.example/contact',
    html: '<a id="a" href="https://other.example/">x</a><form id="f" onsubmit="return false"><input name="email" value="jane@mail.example"></form>',
    act: ({ window }) => {
      window.document.getElementById('a')?.click();
      window.document.getElementById('f')?.dispatchEvent(new window.Event('submit', { bubbles: true, cancelable: true }));
    },
  },
  engagement: {
    url: PRODUCT,
    act: ({ window }) => {
      const { now } = (window as unknown as { Date: DateConstructor }).Date;
      (window as unknown as { Date: DateConstructor }).Date.now = () => now() + 12_000;
      window.history.pushState({}, '', '/p/tv-65');
    },
  },
};

test.each(Object.entries(CASES))('%s.json', async (name, { act, ...options }) => {
  const sink = await startSink();
  const browser = openBrowser(sink);
  browser.clock.now = Date.UTC(2026, 0, 5, 12);
  try {
    const page = browser.open({
      ...options,
      before: (window) => {
        seedRandom(window);
        options.before?.(window);
      },
    });
    act?.(page);
    const { status: _, ...batch } = await until(() => sink.requests[0]);
    const file = new URL(`../fixtures/wire/${name}.json`, import.meta.url);
    if (process.env['UPDATE_FIXTURES']) writeFileSync(file, `${JSON.stringify({ name, batch }, null, 2)}\n`);
    expect({ name, batch }).toEqual(JSON.parse(readFileSync(file, 'utf8')) as { name: string; batch: Batch });
  } finally {
    browser.close();
    await sink.close();
  }
});

/** The same ids in each run. */
function seedRandom(window: PageWindow): void {
  let seed = 1;
  const getRandomValues = (bytes: Uint8Array) => {
    for (let index = 0; index < bytes.length; index++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      bytes[index] = 1 + ((seed >>> 16) % 255);
    }
    return bytes;
  };
  Object.defineProperty(window, 'crypto', { value: { getRandomValues } });
}

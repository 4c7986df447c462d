/** The tag as a module of a shop's own bundle, as `import { start } from 'footfall'` gives it, in three real engines. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Browser, ENGINES, launch } from './engines.ts';
import { openShop, type Shop } from './shop.ts';
import { typesOf, visit } from './visitor.ts';

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: { '.': { types: string; import: string } } };

test('the package names a module and its types', () => {
  expect(readFileSync(exports['.'].types, 'utf8')).toMatch(/export declare const start: \(settings: Settings\) => Footfall/);
  expect(readFileSync(exports['.'].import, 'utf8')).toMatch(/export\s*\{[^}]*\bstart\b[^}]*\}/);
});

describe.each(ENGINES)('%s', (engine) => {
  let shop: Shop;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(engine);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    shop = await openShop();
  });
  afterEach(async () => {
    await browser.driver.get('about:blank');
    await shop.close();
  });

  test('started by the shop’s own code it does what the script does, once however often it is started', async () => {
    const code = readFileSync(exports['.'].import).toString('base64');
    shop.pages['/module'] = `<!doctype html><title>module</title><script type="module">
      import { start } from 'data:text/javascript;base64,${code}';
      const settings = { site: 'shop', collector: location.origin };
      window.same = start(settings) === start(settings);
      start(settings)('identify', 'C1');
      start(settings)('track', 'a_thing', {n: 1});
    </script>`;
    const visitor = visit(browser, shop);
    await visitor.open('/module');
    const events = await visitor.stored(3);
    expect(typesOf(events).sort()).toEqual(['a_thing', 'identify', 'page_view']);
    expect(events.find(({ type }) => type === 'identify')?.customer_id).toBe('C1');
    expect(await visitor.run('return window.same')).toBe(true);
  });
});

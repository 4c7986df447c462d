/** `npm run screenshots [-- --all FOLDER]`: pictures of the pages for README and docs; with --all, each page in three widths and two themes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Analyst, analystAt } from './analyst.ts';
import { type Browser, launch } from './engines.ts';
import { fillTown, JANE, startNow, tellJane } from './ui-store.ts';

const PAGES: readonly { name: string; hash: string; ready: string }[] = [
  { name: 'live', hash: '#/live', ready: 'table tbody tr' },
  { name: 'customers', hash: '#/customers', ready: 'main a[href^="#/customers/demo/"]' },
  { name: 'customer', hash: `#/customers/demo/${JANE}`, ready: '.journey .mark' },
  { name: 'links', hash: '#/links', ready: 'table tbody tr' },
  { name: 'health', hash: '#/health', ready: 'table tbody tr' },
];
const SIZES = { desktop: [1280, 860], tablet: [820, 1100], phone: [390, 844] } as const;
/** The pictures that documents show. */
const KEPT: readonly [string, keyof typeof SIZES, boolean][] = [
  ['live', 'desktop', false],
  ['customers', 'desktop', false],
  ['customer', 'desktop', false],
  ['customer', 'phone', true],
  ['links', 'desktop', false],
];

const all = process.argv.indexOf('--all');
const folder = all > 0 ? (process.argv[all + 1] ?? 'pictures') : fileURLToPath(new URL('../../docs/pictures', import.meta.url));
mkdirSync(folder, { recursive: true });
const server = await startNow();
const browser = await launch('chromium');
try {
  await fillTown(server, { people: 900, days: 12 });
  await tellJane(server);
  const analyst = await analystAt(browser, server);
  for (const { name, hash, ready } of PAGES)
    for (const size of Object.keys(SIZES) as (keyof typeof SIZES)[])
      for (const dark of [false, true]) {
        if (all < 0 && !KEPT.some((kept) => kept[0] === name && kept[1] === size && kept[2] === dark)) continue;
        const [width, height] = SIZES[size];
        await analyst.size(width, height, dark);
        await analyst.open(hash, ready);
        await new Promise((resolve) => setTimeout(resolve, 700));
        const file = join(folder, `${name}-${size}${dark ? '-dark' : ''}.png`);
        writeFileSync(file, await picture(browser, analyst));
        process.stdout.write(`${file}\n`);
      }
} finally {
  await browser.close();
  await server.close();
}

async function picture({ cdp }: Browser, analyst: Analyst): Promise<Buffer> {
  await analyst.run('document.activeElement?.blur()');
  const { data } = (await cdp('Page.captureScreenshot', { format: 'png' })) as { data: string };
  return Buffer.from(data, 'base64');
}

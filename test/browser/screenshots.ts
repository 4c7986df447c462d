/** `npm run screenshots [-- --all FOLDER [PAGE …]]`: pictures of the pages for README and docs; with --all, each page (or these) in three widths and two themes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Analyst, analystAt } from './analyst.ts';
import { type Browser, launch } from './engines.ts';
import { smallPng } from './small-png.ts';
import { tellDoubts } from './ui-doubts.ts';
import { fillShops } from './ui-shops.ts';
import { fillTown, JANE, startNow, tellJane, visitNow } from './ui-store.ts';

const PAGES: readonly { name: string; hash: string; ready: string }[] = [
  { name: 'live', hash: '#/live', ready: 'table tbody tr' },
  { name: 'customers', hash: '#/customers', ready: 'main a[href^="#/customers/demo/"]' },
  { name: 'customer', hash: `#/customers/demo/${JANE}`, ready: '.journey .mark' },
  { name: 'links', hash: '#/links', ready: 'table tbody tr' },
  { name: 'review', hash: '#/review', ready: 'table tbody tr' },
  { name: 'merges', hash: '#/review?show=merges', ready: 'table tbody tr' },
  { name: 'codes', hash: '#/codes', ready: '.grid tbody tr' },
  { name: 'funnel', hash: '#/funnel', ready: '.bars li' },
  { name: 'health', hash: '#/health', ready: 'table tbody tr' },
];
const SIZES = { desktop: [1280, 800], tablet: [820, 1100], phone: [390, 844] } as const;
/** Documents show each page on a desktop, and these. */
const KEPT: ReadonlySet<string> = new Set(['customer-phone-dark']);
/** Pages that need more than a screen to tell their story. */
const TALL: Readonly<Record<string, number>> = { customer: 1170 };

const all = process.argv.indexOf('--all');
const folder = all > 0 ? (process.argv[all + 1] ?? 'pictures') : fileURLToPath(new URL('../../docs/pictures', import.meta.url));
const wanted = all > 0 ? process.argv.slice(all + 2) : [];
mkdirSync(folder, { recursive: true });
const server = await startNow();
const browser = await launch('chromium');
try {
  await fillTown(server, { people: 900, days: 12 });
  await tellJane(server);
  await fillShops(server);
  await tellDoubts(server);
  const analyst = await analystAt(browser, server);
  for (const { name, hash, ready } of PAGES)
    for (const size of Object.keys(SIZES) as (keyof typeof SIZES)[])
      for (const dark of [false, true]) {
        if (wanted.length > 0 && !wanted.includes(name)) continue;
        const file = `${name}-${size}${dark ? '-dark' : ''}`;
        if (all < 0 && (name === 'merges' || !(size === 'desktop' && !dark)) && !KEPT.has(file)) continue;
        const [width, height] = SIZES[size];
        await analyst.size(width, (size === 'desktop' && TALL[name]) || height, dark);
        await analyst.open(hash, ready);
        await (name === 'live' ? visitNow(server, 12) : sleep(700));
        const png = await smallPng(browser.driver, await pictureOf(browser, analyst));
        writeFileSync(join(folder, `${file}.png`), png);
        process.stdout.write(`${file}.png ${Math.round(png.length / 1024)} KB\n`);
      }
} finally {
  await browser.close();
  await server.close();
}

async function pictureOf({ cdp }: Browser, analyst: Analyst): Promise<string> {
  await analyst.run('document.activeElement?.blur()');
  const { data } = (await cdp('Page.captureScreenshot', { format: 'png' })) as { data: string };
  return data;
}

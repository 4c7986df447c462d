/** `footfall check`: real pages in front of a real collector, each with one thing wrong. */
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Checked, checkPage } from '../../collector/cli-check.ts';
import { allows } from '../../collector/http/content-policy.ts';
import { findScripts } from '../../collector/http/script-elements.ts';
import type { TagManifest } from '../../collector/http/tag.ts';
import { startServer, type TestServer } from './server.ts';

let collector: TestServer;
let shop: Server;
let url: string;
let served: { html: string; headers?: Record<string, string>; status?: number };
let manifest: TagManifest;

beforeAll(async () => {
  collector = await startServer();
  shop = createServer((_req, res) =>
    res.writeHead(served.status ?? 200, { 'content-type': 'text/html', ...served.headers }).end(served.html),
  );
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve));
  url = `http://localhost:${(shop.address() as AddressInfo).port}`;
  await collector.send('POST', '/v1/sites', { site: 'shop', origins: [url] });
  manifest = (await (await fetch(`${collector.url}/t/manifest.json`)).json()) as TagManifest;
});
afterAll(async () => {
  await collector.close();
  shop.close();
});

const tag = (attributes = 'data-site="shop"', path = '/t.js') => `<script async src="${collector.url}${path}" ${attributes}></script>`;
async function check(html: string, more: { headers?: Record<string, string>; status?: number } = {}): Promise<Checked> {
  served = { html: `<!doctype html><title>Shop</title>${html}`, ...more };
  return checkPage(`${url}/`);
}
const brokenIn = ({ steps }: Checked) => steps.filter(({ ok }) => !ok).map(({ step }) => step);

test('an installation that is right is right in each step', async () => {
  const checked = await check(tag());
  expect(checked).toMatchObject({ ok: true });
  expect(checked.steps.map(({ step }) => step)).toEqual(['page', 'tag', 'site', 'script', 'policy', 'collector', 'cookies']);
  expect(checked.steps.find(({ step }) => step === 'script')?.says).toBe(`version ${manifest.version}, the collector's own`);
});

test('a pinned version with its hash is right; with another hash it is broken', async () => {
  const path = `/t/${manifest.version}.js`;
  const { integrity } = manifest.files[path] as { integrity: string };
  expect(await check(tag(`data-site="shop" integrity="${integrity}" crossorigin="anonymous"`, path))).toMatchObject({ ok: true });
  expect(brokenIn(await check(tag(`data-site="shop" integrity="${integrity}"`, path)))).toEqual(['script']);
  expect(brokenIn(await check(tag('data-site="shop" integrity="sha384-x" crossorigin', path)))).toEqual(['script']);
});

test.each<[string, () => string, string[], string]>([
  ['no tag', () => '<p>hello', ['tag'], 'no script element'],
  ['a tag in a comment', () => `<!-- ${tag()} -->`, ['tag'], 'in a comment'],
  ['the tag twice', () => tag() + tag(), ['tag'], '2 times'],
  ['no site', () => tag(''), ['site'], 'data-site'],
  ['an unknown site', () => tag('data-site="nobody"'), ['collector'], 'footfall sites add nobody'],
  ['a site of other origins', () => tag('data-site="demo"'), ['collector'], 'not an origin'],
  ['a version that never was', () => tag('data-site="shop"', '/t/9.9.9-00000000.js'), ['script'], '404'],
  [
    'a collector that is not there',
    () => '<script src="http://127.0.0.1:9/t.js?site=shop"></script>',
    ['script', 'collector'],
    '127.0.0.1:9',
  ],
  ['another shop’s cookie domain', () => tag('data-site="shop" data-domain="other.example"'), ['cookies'], 'no domain of localhost'],
  [
    'a policy in the page that forbids both',
    () => `<meta http-equiv="Content-Security-Policy" content="default-src 'self'">${tag()}`,
    ['policy'],
    'connect-src lacks',
  ],
])('%s is named', async (_, html, steps, words) => {
  const checked = await check(html());
  expect(brokenIn(checked)).toEqual(steps);
  expect(JSON.stringify(checked.steps.filter(({ ok }) => !ok))).toContain(words);
});

test('a policy in the header, a page that is no page, a shop that is down', async () => {
  expect(brokenIn(await check(tag(), { headers: { 'content-security-policy': `connect-src 'self'` } }))).toEqual(['policy']);
  expect(brokenIn(await check(tag(), { status: 500 }))).toEqual(['page']);
  expect(brokenIn(await checkPage('http://127.0.0.1:9/'))).toEqual(['page']);
});

test('the demo shop passes, from the command line too: exit codes 0, 1 and 2, JSON for programs', async () => {
  const run = async (...args: string[]) => {
    const exec = promisify(execFile)(process.execPath, ['--import', 'tsx', 'collector/cli.ts', 'check', ...args]);
    return exec.then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );
  };
  const [right, broken, misused] = await Promise.all([
    run(`${collector.url}/demo/`, '--json'),
    run('http://127.0.0.1:9/'),
    run('shop.example'),
  ]);
  expect(right.code).toBe(0);
  expect(JSON.parse(right.stdout)).toMatchObject({ ok: true });
  expect(broken).toMatchObject({ code: 1, stdout: expect.stringContaining('BROKEN') });
  expect(misused.code).toBe(2);
});

test.each<[string, boolean]>([
  ["script-src 'self'", false],
  ['script-src https://t.shop.example', true],
  ['script-src t.shop.example', true],
  ['script-src http://t.shop.example', true],
  ['script-src *.shop.example', true],
  ['script-src *.t.shop.example', false],
  ['script-src https:', true],
  ['script-src *', true],
  ["default-src 'none'", false],
  ["default-src 'none'; script-src-elem https://t.shop.example/t.js", true],
  ['script-src https://t.shop.example/other/', false],
  ['script-src https://t.shop.example:8443', false],
  ["script-src 'nonce-abc'", true],
  ["script-src 'strict-dynamic' https://t.shop.example", false],
  ["script-src 'strict-dynamic' 'nonce-abc'", true],
  ['img-src x', true],
])('policy %s: %s', (policy, allowed) => {
  const nonce = policy.includes('nonce') ? 'abc' : undefined;
  expect(allows(policy, 'script-src', 'https://t.shop.example/t.js', 'https://www.shop.example/', nonce)).toBe(allowed);
});

test('scripts are read as browsers read them: any quotes and case, entities, relative addresses', () => {
  const html = `<SCRIPT ASYNC SRC='/t.js?site=a&amp;kiosk=1'></SCRIPT><script>"<script src=x.js>"</script><script src=t.js data-a="x>y"></script>`;
  expect(findScripts(html, 'https://shop.example/p/').map(({ src }) => src)).toEqual([
    'https://shop.example/t.js?site=a&kiosk=1',
    'https://shop.example/p/t.js',
  ]);
});

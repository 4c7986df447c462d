/** Every command that the docs show in an `sh` block is run here, as it stands, against a real collector. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LinkRow } from '../collector/store/link-row.ts';
import { startServer, type TestServer } from './collector/server.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
/** Install, build and start: CI and the suites do it. */
const NOT_RUN = ['npm ci && npm start', 'npm ci && npm test'];
/** A reader goes through them in this order, so that what one makes the next may name. */
const PAGES = [
  'README.md',
  'docs/protocol.md',
  'docs/operations.md',
  'docs/linking.md',
  'docs/codes.md',
  'docs/tag.md',
  'docs/api.md',
  'docs/profiles.md',
  'docs/privacy.md',
];

let server: TestServer;
/** Where the reader's shell stands: `data` is in it, as it is in a checkout. */
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footfall-docs-'));
  server = await startServer({ data_dir: join(folder, 'data') }, realTime());
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

test.each(PAGES)('%s: each command succeeds', { timeout: 300_000 }, async (page) => {
  const blocks = commandsOf(page);
  expect(blocks.length).toBeGreaterThan(0);
  expect(await runAll(blocks)).toHaveLength(blocks.length);
});

test('a command that is refused would be noticed', async () => {
  await expect(runAll(['curl -s localhost:8080/v1/links', 'true'])).rejects.toThrow(/Command failed/);
  await expect(runAll(['npx footfall sites add demo', 'true'])).rejects.toThrow(/The site demo is there already/);
});

test('the README leads to a customer whose earlier session is linked, with the login as evidence', async () => {
  const links = await server.links('customer_id=C-jane');
  expect(links.map(({ session_id, rule, evidence_event_id, channel }) => [session_id, rule, evidence_event_id, channel])).toEqual([
    ['friday', 'device_before', 'five-2', 'email'],
    ['sunday', 'session', 'five-2', null],
  ]);
  const pull = commandsOf('README.md').find((block) => block.includes('/v1/links?customer_id='));
  const [printed = ''] = await runAll([pull ?? '']);
  expect((JSON.parse(printed) as { links: LinkRow[] }).links).toEqual(links);
});

test('the scan of the docs stands in the session that brought its token, with store and product', async () => {
  const [link] = await server.links('anonymous_id=phone');
  expect(link?.scans).toEqual([
    { code: 'TV55AA', store_id: 'berlin', placement: 'shelf', sku: 'TV-55', gtin: expect.any(String) as string },
  ]);
});

test('the two commands of the README are scripts of the package', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test']));
  for (const command of NOT_RUN) expect(read('README.md')).toContain(command);
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function commandsOf(page: string): string[] {
  const blocks = [...read(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);
  return blocks.map((block) => block.split('\n').filter(isRun).join('\n')).filter((block) => block !== '');
}

const isRun = (line: string): boolean => !NOT_RUN.includes(line.replace(/\s+#.*/, ''));

/** Runs blocks one after the other in one shell: variables stay, the first failure ends it. Gives what each printed. */
async function runAll(blocks: readonly string[]): Promise<string[]> {
  const script = [
    'set -euo pipefail',
    // A refusal is a failure here, though not at the prompt.
    'curl() { command curl --fail-with-body "$@"; }',
    // What `npx footfall` runs, without a build.
    `npx() { shift; "${process.execPath}" --import "${import.meta.resolve('tsx')}" "${join(root, 'collector/cli.ts')}" "$@"; }`,
    // Set by an earlier block of the README, and by most readers' shells by now.
    'TOKEN=$(cat data/admin-token)',
    ...blocks.map((block) => `${block.replaceAll('localhost:8080', new URL(server.url).host)}\necho; echo ${END}`),
  ].join('\n');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, ADMIN_TOKEN: '', DATA_DIR: '' },
  });
  return stdout
    .split(`${END}\n`)
    .slice(0, -1)
    .map((text) => text.trim());
}

const END = '--- end of block ---';

function realTime(): { now: number } {
  return {
    get now() {
      return Date.now();
    },
  };
}

/** Holds deploy/ to the program: settings that exist, metrics that are served, an image with all that serving needs. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SETTINGS } from '../collector/config.ts';
import { startServer } from './collector/server.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, 'deploy', file), 'utf8');
const COMPOSE = readdirSync(join(ROOT, 'deploy')).filter((file) => file.startsWith('compose'));

test('each metric of the alert rules is served, or documented for the scale-out shape', async () => {
  const server = await startServer();
  const served = new Set([...(await (await fetch(`${server.url}/metrics`)).text()).matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));
  await server.close();
  const documented = new Set(
    [...readFileSync(join(ROOT, 'docs/scaling.md'), 'utf8').matchAll(/^\| `(footfall_\w+)` \|/gm)].map(([, name]) => name),
  );
  const used = [...read('alerts.yaml').matchAll(/\b(?:footfall|nodejs|process)_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));
  expect(used.length).toBeGreaterThan(15);
  for (const metric of used) expect(served.has(metric) || documented.has(metric), metric).toBe(true);
});

test.each([...COMPOSE, 'Dockerfile', 'footfall.service'])('%s names settings that exist, and files that are there', (file) => {
  const text = read(file);
  const theirs = /^(?:POSTGRES_|NATS_(?:NAME|PASSWORD)$|NODE_ENV$)/;
  const assigned = [...text.matchAll(/^ {4,}([A-Z][A-Z_]+): |\b(?<![$-])([A-Z][A-Z_]+)=/gm)].map(([, yaml, plain]) => yaml ?? plain ?? '');
  const ours = assigned.filter((name) => !theirs.test(name));
  for (const name of ours) expect(SETTINGS.map((setting) => setting.name) as string[], name).toContain(name);
  for (const [, mounted = ''] of text.matchAll(/"\.\/([\w.-]+):/g)) expect(existsSync(join(ROOT, 'deploy', mounted)), mounted).toBe(true);
  if (file !== 'footfall.service') expect(ours.length).toBeGreaterThan(0);
});

test('the image holds what serving needs, and nothing but its data folder is written to', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-image-'));
  const [, last = ''] = read('Dockerfile').split(/^FROM node:20-bookworm-slim$/m);
  const copied = [...last.matchAll(/^COPY --from=build \/build\/(\S+) (\S+)$/gm)].map(([, from = '']) => from);
  expect(copied).toContain('dist');
  for (const path of copied) {
    mkdirSync(dirname(join(folder, 'app', path)), { recursive: true });
    if (path === 'node_modules') symlinkSync(join(ROOT, path), join(folder, 'app', path));
    else cpSync(join(ROOT, path), join(folder, 'app', path), { recursive: true });
  }
  mkdirSync(join(folder, 'data'));
  const before = readdirSync(join(folder, 'app'), { recursive: true, encoding: 'utf8' }).length;
  const env = { PATH: process.env['PATH'], NODE_ENV: 'production', HOST: '127.0.0.1', PORT: '0', DATA_DIR: join(folder, 'data') };
  const child = spawn(process.execPath, [join(folder, 'app/bin/footfall.js'), 'serve'], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const at = /ready at (\S+)/.exec(said)?.[1];
        if (at) resolve(at);
      });
    child.once('exit', () => reject(new Error(said)));
  });
  const answers = await Promise.all(['/healthz', '/t.js', '/', '/metrics'].map(async (path) => (await fetch(url + path)).status));
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await gone).toBe(0);
  const after = readdirSync(join(folder, 'app'), { recursive: true, encoding: 'utf8' }).length;
  rmSync(folder, { recursive: true });
  expect(answers).toEqual([200, 200, 200, 200]);
  expect(after).toBe(before);
});

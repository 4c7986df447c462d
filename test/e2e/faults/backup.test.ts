/** A backup taken under load, a damaged file, and the restore: all that was acknowledged before the backup is there again. */
import { execFile } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compare, pause, startLoad, startProcess, storedIn } from './process.ts';

const folder = mkdtempSync(join(tmpdir(), 'footfall-backup-'));
afterAll(() => rmSync(folder, { recursive: true }));

function footfall(data_dir: string, ...args: string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/footfall.js', ...args], { env: { ...process.env, DATA_DIR: data_dir } }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, error: err }),
    );
  });
}

test('footfall backup copies a collector under load; the copy restores, checked, and goes on', async () => {
  const data_dir = join(folder, 'data');
  const copy = join(folder, 'copy.db');
  const { child, url, ended } = await startProcess(data_dir);
  const load = startLoad(url, { padding: 200 });
  await pause(2_500);
  const before = [...load.acknowledged];
  const started = performance.now();
  const backup = await footfall(data_dir, 'backup', copy, '--json');
  const ms = performance.now() - started;
  const during = load.acknowledged.size - before.length;
  const again = await footfall(data_dir, 'backup', copy);
  await load.stop();
  child.kill('SIGTERM');
  await ended;
  expect(backup, backup.error).toMatchObject({ code: 0 });
  const { bytes } = JSON.parse(backup.out) as { bytes: number };
  expect(bytes).toBe(statSync(copy).size);
  expect(statSync(copy).mode & 0o777, 'for its owner only').toBe(0o600);
  expect(again, 'an older backup is not overwritten').toMatchObject({ code: 1 });
  expect(readdirSync(data_dir).filter((name) => name.endsWith('.part'))).toEqual([]);

  const restored = join(folder, 'restored');
  mkdirSync(restored);
  copyFileSync(copy, join(restored, 'footfall.db'));
  const second = await startProcess(restored);
  const more = startLoad(second.url);
  await pause(500);
  await more.stop();
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
  const { ids, linked } = await storedIn(restored);
  const { lost, doubled } = compare([...before, ...more.acknowledged], ids);
  console.info(
    `backup: ${(bytes / 1e6).toFixed(1)} MB in ${ms.toFixed(0)} ms while ${during} events were acknowledged; ` +
      `of ${before.length} acknowledged before and ${more.acknowledged.size} after the restore: lost ${lost}, doubled ${doubled}`,
  );
  expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
  expect(during, 'collecting went on').toBeGreaterThan(0);
  expect(linked).toBe(ids.size);
});

test('a damaged file is not backed up as if it were whole', async () => {
  const data_dir = join(folder, 'damaged');
  mkdirSync(data_dir);
  copyFileSync(join(folder, 'copy.db'), join(data_dir, 'footfall.db'));
  const file = openSync(join(data_dir, 'footfall.db'), 'r+');
  const pages = Math.floor(statSync(join(data_dir, 'footfall.db')).size / 4_096);
  for (let page = Math.floor(pages / 2); page < Math.floor(pages / 2) + 20; page += 1)
    writeSync(file, Buffer.alloc(4_096, 0x5a), 0, 4_096, page * 4_096);
  closeSync(file);
  const backup = await footfall(data_dir, 'backup', join(folder, 'bad.db'));
  console.info(`damaged file: ${backup.error.trim()}`);
  expect(backup.code).toBe(1);
  expect(backup.error).toMatch(/The data cannot be copied: .*(?:malformed|corrupt|page|row)/i);
  expect(readdirSync(folder)).not.toContain('bad.db');
});

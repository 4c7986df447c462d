/** A full disk: told as such, reads go on, nothing acknowledged is lost, and once there is room it goes on without a restart. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asRoot, compare, pause, startLoad, startProcess, storedIn } from './process.ts';

test('a full disk answers 507, serves reads, and takes events again when it has room', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-full-'));
  const disk = join(folder, 'disk');
  const data_dir = join(disk, 'data');
  mkdirSync(disk);
  asRoot('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk);
  try {
    const { child, url, ended } = await startProcess(data_dir);
    try {
      const load = startLoad(url, { padding: 400 });
      await until(() => (load.answers.get(507) ?? 0) >= 200);
      const full = statfsSync(disk);
      const headers = { authorization: `Bearer ${readFileSync(join(data_dir, 'admin-token'), 'utf8').trim()}` };
      const links = await fetch(`${url}/v1/links?limit=10`, { headers });
      // The canary is small: it may still find room where a group of events does not, until that is taken too.
      let ready = 0;
      await until(async () => {
        ready = (await fetch(`${url}/readyz`)).status;
        return ready === 507;
      });
      const before = load.acknowledged.size;

      asRoot('mount', '-o', 'remount,size=192m', disk);
      const freed = performance.now();
      await until(() => load.acknowledged.size > before);
      const recovered = performance.now() - freed;
      await pause(1_500);
      const refused = load.answers.get(507) ?? 0;
      await pause(500);
      const refusedLate = (load.answers.get(507) ?? 0) - refused;
      const healthy = await fetch(`${url}/readyz`);
      await load.stop();
      child.kill('SIGTERM');
      const how = await ended;
      const { ids } = await storedIn(data_dir);
      const { lost, doubled } = compare(load.acknowledged, ids);
      console.info(
        `disk full: ${full.bavail} blocks left, ${before} events acknowledged before and ${load.acknowledged.size - before} after, ` +
          `${refused} answers 507, taken again ${recovered.toFixed(0)} ms after there was room: lost ${lost}, doubled ${doubled}`,
      );
      expect([...load.answers.keys()].filter((status) => status !== 204 && status !== 507)).toEqual([]);
      expect({ links: links.status, ready, healthy: healthy.status }).toEqual({ links: 200, ready: 507, healthy: 200 });
      expect(((await links.json()) as { links: unknown[] }).links).toHaveLength(10);
      expect({ lost, doubled, refusedLate, how }).toEqual({ lost: 0, doubled: 0, refusedLate: 0, how: 0 });
      expect(load.acknowledged.size).toBeGreaterThan(before + 1_000);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  } finally {
    asRoot('umount', disk);
    rmSync(folder, { recursive: true });
  }
});

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await done()) return;
    await pause(50);
  }
  throw new Error('it did not come to that within 30 seconds');
}

/**
 * A power cut: the disk is a file with an ext4 file system in it. The stopped collector's image is copied as it is, without what
 * the file system had only in memory, and the copy is mounted. The same with synchronous=NORMAL must find losses, else this proves nothing.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asRoot, compare, pause, rounds, startLoad, startProcess, storedIn } from './process.ts';

const CUTS = rounds(3);
/** Any one cut of the control may come just after a checkpoint, which does fsync: several, and how many of them lost is told. */
const CONTROL_CUTS = Math.max(4, Math.floor(CUTS / 5));
const IMAGE_BYTES = 192 * 1024 * 1024;

test(
  `over ${CUTS} power cuts, nothing acknowledged is lost`,
  async () => {
    const { acknowledged, lost, doubled } = await cuts(CUTS, []);
    console.info(`power cut: ${CUTS} cuts, ${acknowledged} events acknowledged: lost ${lost}, doubled ${doubled}`);
    expect(acknowledged).toBeGreaterThan(100 * CUTS);
    expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
  },
  60_000 + CUTS * 20_000,
);

test(
  'the same test finds the losses of a store that does not fsync its commits',
  async () => {
    const { acknowledged, lost, cuts_with_losses } = await cuts(CONTROL_CUTS, ['./test/e2e/faults/synchronous-normal.mjs']);
    console.info(
      `power cut, control with synchronous=NORMAL: ${acknowledged} events acknowledged: lost ${lost}, in ${cuts_with_losses} of ${CONTROL_CUTS} cuts`,
    );
    expect(lost).toBeGreaterThan(0);
  },
  60_000 + CONTROL_CUTS * 20_000,
);

interface Cut {
  acknowledged: number;
  lost: number;
  doubled: number;
  /** Cuts that lost anything. */
  cuts_with_losses: number;
}

async function cuts(count: number, preload: readonly string[]): Promise<Cut> {
  const sum: Cut = { acknowledged: 0, lost: 0, doubled: 0, cuts_with_losses: 0 };
  for (let n = 0; n < count; n += 1) {
    const one = await cut(500 + ((n * 430) % 1_500), preload);
    for (const name of ['acknowledged', 'lost', 'doubled', 'cuts_with_losses'] as const) sum[name] += one[name];
  }
  return sum;
}

/** One collector on a new disk, cut after this many milliseconds of load. */
async function cut(ms: number, preload: readonly string[]): Promise<Cut> {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-power-'));
  const disk = join(folder, 'disk.img');
  const after = join(folder, 'after.img');
  const mounts = [join(folder, 'disk'), join(folder, 'after')] as const;
  for (const mount of mounts) mkdirSync(mount);
  writeFileSync(disk, '');
  truncateSync(disk, IMAGE_BYTES);
  const undo: (() => void)[] = [];
  try {
    asRoot('mkfs.ext4', '-q', '-F', disk);
    asRoot('mount', '-o', 'loop', disk, mounts[0]);
    undo.push(() => asRoot('umount', mounts[0]));
    const { child, url, ended } = await startProcess(join(mounts[0], 'data'), {}, preload);
    undo.push(() => void child.kill('SIGKILL'));
    const load = startLoad(url, { untilError: true });
    await pause(ms);
    child.kill('SIGSTOP');
    await stopped(child.pid ?? 0);
    // Whatever answer is on its way arrives before the list is closed; nothing is written any more.
    await pause(100);
    const acknowledged = [...load.acknowledged];
    copyFileSync(disk, after);
    child.kill('SIGKILL');
    await ended;
    await load.stop();
    asRoot('mount', '-o', 'loop', after, mounts[1]);
    undo.push(() => asRoot('umount', mounts[1]));
    const { ids } = await storedIn(join(mounts[1], 'data'));
    const found = compare(acknowledged, ids);
    return { acknowledged: acknowledged.length, ...found, cuts_with_losses: found.lost > 0 ? 1 : 0 };
  } finally {
    for (const step of undo.reverse()) step();
    rmSync(folder, { recursive: true });
  }
}

/** Resolves when the process does nothing any more: a SIGSTOP is not delivered at once. */
async function stopped(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return;
    await pause(10);
  }
  throw new Error('the collector did not stop');
}

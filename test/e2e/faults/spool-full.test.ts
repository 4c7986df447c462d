/** Scans on a full disk: every visitor is sent on; who was given a token has a stored scan once there is room, and every other is counted. */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asRoot, pause, startLoad, startProcess, storedIn } from './process.ts';

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';

test.each([
  ['beside the store', false],
  ['on another disk', true],
])('on a full disk, the spool %s: scans are sent on; those with a token are stored once there is room, the others counted', async (title, elsewhere) => {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-spool-full-'));
  const disk = join(folder, 'disk');
  const data_dir = join(disk, 'data');
  const filler = join(disk, 'filler');
  const spool = join(elsewhere ? folder : data_dir, 'scans.spool');
  mkdirSync(disk);
  asRoot('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk);
  try {
    const { child, url, ended } = await startProcess(data_dir, elsewhere ? { SPOOL_DIR: folder } : {});
    try {
      const tokens: string[] = [];
      let without = 0;
      async function scan(times: number): Promise<void> {
        for (let n = 0; n < times; n += 1) {
          const { status, headers } = await fetch(`${url}/q/TV55AA`, { redirect: 'manual', headers: { 'user-agent': PHONE } });
          const location = new URL(headers.get('location') ?? '');
          expect([status, location.pathname]).toEqual([302, '/demo/p/tv-55-oled/']);
          const token = location.searchParams.get('ff_scan');
          if (token === null) without += 1;
          else tokens.push(token);
        }
      }
      const load = startLoad(url, { padding: 400 });
      for (let tries = 0; tries < 600 && (load.answers.get(507) ?? 0) < 100; tries += 1) await pause(50);
      await load.stop();
      fill(filler);
      await scan(20);
      const spooled = existsSync(spool) ? statSync(spool).size : 0;
      const counted = Number(
        /^footfall_dropped_total\{reason="scan_not_stored"\} (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1] ?? 0,
      );
      rmSync(filler);
      asRoot('mount', '-o', 'remount,size=64m', disk);
      await scan(5);
      const gone = (): boolean => [spool, `${spool}.replay`].every((file) => !existsSync(file) || statSync(file).size === 0);
      for (let tries = 0; tries < 400 && !gone(); tries += 1) await pause(50);
      child.kill('SIGTERM');
      await ended;
      const { ids } = await storedIn(data_dir);
      const lost = tokens.filter((token) => ids.get(token.slice(0, token.lastIndexOf('.'))) !== 1).length;
      console.info(
        `scans on a full disk, ${title}: 25 sent on, ${without} without a token, all counted; ${spooled} bytes in the spool; ` +
          `${tokens.length} with a token: ${lost} lost or doubled`,
      );
      expect({ lost, sent: tokens.length + without, counted }).toEqual({ lost: 0, sent: 25, counted: without });
      if (elsewhere) expect([without, spooled > 0]).toEqual([0, true]);
      expect(gone()).toBe(true);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  } finally {
    asRoot('umount', disk);
    rmSync(folder, { recursive: true });
  }
});

/** Takes all the room that is left. */
function fill(file: string): void {
  const handle = openSync(file, 'a');
  try {
    for (let size = 1 << 20; size >= 1; )
      try {
        if (writeSync(handle, Buffer.alloc(size)) === 0) size >>= 1;
      } catch {
        size >>= 1;
      }
  } finally {
    closeSync(handle);
  }
}

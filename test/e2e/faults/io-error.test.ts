/** An fsync that fails: 503, the process ends, and the next start has all that was acknowledged. The fsync is never tried again. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compare, pause, rounds, startLoad, startProcess, storedIn } from './process.ts';

const ROUNDS = rounds(2);

test(
  'after an I/O error on fsync nothing is acknowledged, the process kills itself, and a restart serves what was',
  async () => {
    const data_dir = mkdtempSync(join(tmpdir(), 'footfall-io-'));
    const acknowledged: string[] = [];
    let refused = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { child, url, ended, output } = await startProcess(data_dir);
      const load = startLoad(url, { untilError: true });
      await pause(400);
      const strace = await failFsyncs(child.pid ?? 0, join(data_dir, 'strace.txt'));
      const how = await Promise.race([ended, pause(15_000).then(() => 'still running')]);
      child.kill('SIGKILL');
      await strace.ended;
      await load.stop();
      acknowledged.push(...load.acknowledged);
      refused += load.answers.get(503) ?? 0;
      const failed = readFileSync(join(data_dir, 'strace.txt'), 'utf8').match(/footfall\.db.*INJECTED/g)?.length ?? 0;
      expect({ how, failed }, 'one fsync failed, none was tried after it').toEqual({ how: 'SIGKILL', failed: 1 });
      expect(output()).toMatch(/"level":60.*I\/O error/);
      expect([...load.answers.keys()].filter((status) => ![204, 503, 'error'].includes(status))).toEqual([]);
    }
    const { url, child, ended } = await startProcess(data_dir);
    expect((await fetch(`${url}/readyz`)).status, 'ready after the restart').toBe(200);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    const { ids } = await storedIn(data_dir);
    rmSync(data_dir, { recursive: true });
    const { lost, doubled } = compare(acknowledged, ids);
    console.info(
      `fsync error: ${ROUNDS} rounds, ${acknowledged.length} events acknowledged, ${refused} answers 503: lost ${lost}, doubled ${doubled}`,
    );
    expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
    expect(refused).toBeGreaterThan(0);
  },
  60_000 + ROUNDS * 20_000,
);

/** Lets every fsync of the process fail from now on. Resolves when it does, with a promise of strace's end. */
function failFsyncs(pid: number, log: string): Promise<{ ended: Promise<void> }> {
  const calls = 'fsync,fdatasync,sync_file_range';
  const args = ['-f', '-y', '-p', String(pid), '-o', log, '-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO`];
  const strace = spawn('timeout', ['-k', '1', '30', 'strace', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => strace.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    let said = '';
    strace.once('error', reject);
    strace.once('exit', () => reject(new Error(`this test needs strace and the right to attach: ${said.trim()}`)));
    strace.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('attached')) resolve({ ended });
    });
  });
}

/** SIGTERM under load: a rolling restart loses nothing, and no answer to a stored event is cut off. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compare, pause, rounds, startLoad, startProcess, storedIn } from './process.ts';

const ROUNDS = rounds(4);

test(
  `over ${ROUNDS} rounds of SIGTERM under load, all that was stored was acknowledged, and the other way round`,
  async () => {
    const data_dir = mkdtempSync(join(tmpdir(), 'footfall-term-'));
    const acknowledged = new Set<string>();
    let slowest = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { child, url, ended } = await startProcess(data_dir);
      const load = startLoad(url, { untilError: true });
      await pause(300 + ((round * 230) % 700));
      const asked = performance.now();
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
      slowest = Math.max(slowest, performance.now() - asked);
      await load.stop();
      for (const id of load.acknowledged) acknowledged.add(id);
    }
    const { ids } = await storedIn(data_dir);
    rmSync(data_dir, { recursive: true });
    const { lost, doubled } = compare(acknowledged, ids);
    const unanswered = [...ids.keys()].filter((id) => !acknowledged.has(id)).length;
    console.info(
      `SIGTERM: ${ROUNDS} rounds, ${acknowledged.size} events acknowledged, ended within ${slowest.toFixed(0)} ms: ` +
        `lost ${lost}, doubled ${doubled}, stored without an answer ${unanswered}`,
    );
    expect({ lost, doubled, unanswered }).toEqual({ lost: 0, doubled: 0, unanswered: 0 });
    expect(slowest).toBeLessThan(5_000);
  },
  60_000 + ROUNDS * 10_000,
);

/** The scale-out shape as processes on one machine: NATS servers, PostgreSQL, collectors and linkers, each to be killed or frozen. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsCluster, startNats } from '../../../bench/harness/nats.ts';
import { freePorts } from '../../../bench/harness/ports.ts';
import { type Cluster as Postgres, startCluster as startPostgres } from '../../postgres.ts';

export const ADMIN_TOKEN = 'sk_cluster_test_0123456789abcdef';

/** A collector or a linker. */
export interface Member {
  url: string;
  signal(signal: NodeJS.Signals): void;
  start(): Promise<void>;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** Sum of a metric's series, 0 while it does not answer. */
  metric(name: string): Promise<number>;
}

export interface Parts {
  nats: NatsCluster;
  postgres: Postgres;
  /** To PostgreSQL and all its children. */
  signalPostgres(signal: NodeJS.Signals): void;
  collectors: [Member, Member];
  linkers: [Member, Member];
  stop(): Promise<void>;
}

export async function startParts(): Promise<Parts> {
  const main = 'dist/collector/main.js';
  if (!existsSync(main)) throw new Error(`${main} is missing: npm run build`);
  const folder = mkdtempSync(join(tmpdir(), 'footfall-cluster-'));
  const [nats, postgres, ports] = await Promise.all([startNats(), startPostgres({ fsync: true }), freePorts(4)]);
  const member = (name: string, role: string, port = 0): Member => {
    const data_dir = join(folder, name);
    mkdirSync(data_dir);
    const env = {
      ...{
        ...process.env,
        ROLE: role,
        DATA_DIR: data_dir,
        PORT: String(port),
        ADMIN_TOKEN,
        LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'fatal',
      },
      ...{ COLLECT_RATE: '0', DEMO: '1', NATS_URL: nats.url, DATABASE_URL: postgres.url, PARTITIONS: '8' },
    };
    const url = `http://127.0.0.1:${port}`;
    let child: ChildProcess;
    return {
      url,
      signal: (signal) => void child.kill(signal),
      start() {
        child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
        running.add(child);
        child.once('exit', () => running.delete(child));
        return new Promise((resolve, reject) => {
          child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${code ?? signal} before it was ready`)));
          child.stdout?.on('data', (chunk: Buffer) => {
            if (/ready at/.test(chunk.toString())) resolve();
            else if (process.env['LOG_LEVEL']) process.stderr.write(`${name}: ${chunk.toString()}`);
          });
        });
      },
      stop() {
        child.kill('SIGTERM');
        return new Promise((resolve) => child.once('exit', resolve));
      },
      async metric(metric) {
        const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(3_000) })
          .then((answer) => answer.text())
          .catch(() => null);
        // Who does not answer is not at rest.
        if (text === null) return Number.NaN;
        const lines = text.split('\n').filter((line) => line.startsWith(metric) && /^[ {]/.test(line.slice(metric.length)));
        return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
      },
    };
  };
  const collectors: [Member, Member] = [member('collector-a', 'collector', ports[0]), member('collector-b', 'collector', ports[1])];
  const linkers: [Member, Member] = [member('linker-a', 'linker', ports[2]), member('linker-b', 'linker', ports[3])];
  await Promise.all([...collectors, ...linkers].map((one) => one.start()));
  return {
    ...{ nats, postgres, collectors, linkers },
    signalPostgres(signal) {
      const pid = postgres.process.pid ?? 0;
      for (const one of [pid, ...childrenOf(pid)]) {
        try {
          process.kill(one, signal);
        } catch {
          // Gone already.
        }
      }
    },
    async stop() {
      for (const child of running) child.kill('SIGKILL');
      await postgres.stop();
      await nats.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]) === parent;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Starts the servers that benchmarks compare, each as a process of its own, and reads what they cost from the system. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

export interface BenchServer {
  url: string;
  data_dir: string;
  /** CPU seconds so far, user and system. */
  cpu(): number;
  /** Resident memory in MB. */
  rss(): number;
  /** Bytes of the data directory. */
  bytes(): number;
  /** The same on the same data, as a new process. */
  restart(): Promise<BenchServer>;
  /** Ends it, and removes its data unless they are another's. */
  stop(): Promise<void>;
}

const SCRIPTS = {
  ours: ['dist/collector/main.js'],
  floor: ['--import', 'tsx', 'bench/harness/floor.ts'],
  'floor-postgres': ['--import', 'tsx', 'bench/harness/floor-postgres.ts'],
  'floor-jetstream': ['--import', 'tsx', 'bench/harness/floor-jetstream.ts'],
  reads: ['--import', 'tsx', 'bench/harness/floor-reads.ts'],
} as const;
export type Kind = 'ours' | 'floor';

/** Clock ticks a second of /proc; 100 on every Linux that Debian ships. */
const TICKS = 100;

/** On new data of its own, or beside another that keeps `data_dir`. `settings`: more of the environment. */
export function startProcess(
  kind: keyof typeof SCRIPTS,
  data_dir?: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchServer> {
  return start({ kind, data_dir: data_dir ?? mkdtempSync(join(tmpdir(), 'footfall-bench-')), owned: data_dir === undefined, settings });
}

interface Start {
  kind: keyof typeof SCRIPTS;
  data_dir: string;
  owned: boolean;
  settings: Readonly<Record<string, string>>;
}

async function start(same: Start): Promise<BenchServer> {
  const { kind, data_dir, owned, settings } = same;
  const fixed = { DATA_DIR: data_dir, PORT: '0', COLLECT_RATE: '0', API_RATE: '0', LOG_LEVEL: 'error', NODE_ENV: '', DEMO: '1' };
  const env = { ...process.env, ...fixed, ...settings };
  const child = spawn(process.execPath, SCRIPTS[kind], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  // Whatever ends a benchmark leaves no server behind.
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const url = await ready(child);
  const end = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 3_000).unref();
    await gone;
  };
  return {
    url,
    data_dir,
    cpu() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / TICKS;
    },
    rss: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    bytes: () => readdirSync(data_dir).reduce((sum, file) => sum + statSync(join(data_dir, file)).size, 0),
    async restart() {
      await end();
      return start(same);
    },
    async stop() {
      await end();
      if (owned) rmSync(data_dir, { recursive: true });
    },
  };
}

function ready(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a server ended with ${code} before it was ready; was it built?`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      const url = /ready at http:\/\/[\w.]+:(\d+)/.exec(chunk.toString())?.[1];
      if (url) resolve(`http://127.0.0.1:${url}`);
    });
  });
}

/** What the figures were measured on. */
export function machine(): object {
  const [cpu] = cpus();
  return { cpu: cpu?.model ?? '', cores: cpus().length, node: process.version, memory_gb: Math.round(totalMemory() / 1024 ** 2) };
}

function totalMemory(): number {
  return Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0);
}

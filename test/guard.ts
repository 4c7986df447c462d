/** Starts a program so that nothing of it outlives the test: whatever it forks dies with `kill()`, and with this process. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';

export interface Guarded {
  readonly pid: number;
  /** The end of what it wrote to stdout and stderr, for error messages. */
  output(): string;
  running(): boolean;
  /** The first match in its output. Throws, with the output, when it ends or `timeout` ms pass before. */
  waitFor(pattern: RegExp, timeout?: number): Promise<RegExpMatchArray>;
  /** Resolves when it has ended by itself, or after `timeout` ms. */
  ended(timeout: number): Promise<void>;
  /** SIGKILL for it and all that it started. Resolves when they are gone and `removes` is removed. Safe to repeat. */
  kill(): Promise<void>;
}

export interface GuardOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Folders to remove when it is over. */
  removes?: readonly string[];
}

/** Throws (as rejection of `waitFor`) when the program cannot be started. */
export function startGuarded(command: string, args: readonly string[], { env = {}, cwd, removes = [] }: GuardOptions = {}): Guarded {
  const mark = `FOOTFALL_TEST_GUARD=${randomUUID()}`;
  // Browsers fork into sessions of their own and lose their parents; the environment is what they all inherit.
  const reaper = spawn('bash', ['-c', REAPER, 'reaper', mark, ...removes], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const reaped = new Promise<void>((resolve) => reaper.once('exit', () => resolve()));
  reaper.unref();
  reaper.stdin.on('error', () => {});
  (reaper.stdin as unknown as { unref(): void }).unref();

  const [name, value] = mark.split('=') as [string, string];
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(command, args, {
    env: { ...process.env, ...env, [name]: value },
    ...(cwd === undefined ? {} : { cwd }),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let running = true;
  const watchers = new Set<() => void>();
  const note = (text: string) => {
    output = (output + text).slice(-OUTPUT_KEPT);
    for (const watcher of watchers) watcher();
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', note);
  const end = (how: string) => {
    running = false;
    note(how);
  };
  child.once('error', (error) => end(`\n${command}: ${error.message}`));
  child.once('exit', (code, signal) => end(`\n${command} ended with ${signal ?? code}`));

  const watch = (done: () => boolean, timeout: number) =>
    new Promise<void>((resolve) => {
      const stop = () => {
        clearTimeout(timer);
        watchers.delete(check);
        resolve();
      };
      const check = () => done() && stop();
      const timer = setTimeout(stop, timeout);
      watchers.add(check);
      check();
    });

  return {
    pid: child.pid ?? 0,
    output: () => output.trim(),
    running: () => running,
    async waitFor(pattern, timeout = 20_000) {
      await watch(() => pattern.test(output) || !running, timeout);
      const match = pattern.exec(output);
      if (!match) throw new Error(`${command} did not print ${pattern} ${running ? `within ${timeout} ms` : ''}:\n${output.trim()}`);
      return match;
    },
    ended: (timeout) => watch(() => !running, timeout),
    async kill() {
      reaper.stdin.end();
      await reaped;
      await watch(() => !running, 5_000);
    },
  };
}

const OUTPUT_KEPT = 16_384;

/** Waits for the end of its input, which comes with `kill()` and with the death of the test process, however it dies. */
const REAPER = `
  read -r _ || :
  mark=$1; shift
  # Its status says nothing: processes that end while it reads are errors to it.
  while pids=$(grep -lsF -- "$mark" /proc/[0-9]*/environ) || :; [[ $pids ]]; do
    for file in $pids; do pid=\${file%/environ}; kill -KILL "\${pid#/proc/}" 2>/dev/null; done
    sleep 0.02
  done
  if (($#)); then rm -rf -- "$@"; fi
`;

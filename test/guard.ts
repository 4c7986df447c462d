/** Starts a program so that nothing of it outlives the test: whatever it forks dies with `kill()`, and with this process. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Guarded {
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
  /** Folders to remove when it is over. */
  removes?: readonly string[];
}

/** Never throws: a program that cannot be started has ended, and `waitFor` says why. */
export function startGuarded(command: string, args: readonly string[], { env = {}, removes = [] }: GuardOptions = {}): Guarded {
  // In a session of its own: an interrupt on the terminal must not reach it before it has cleaned up.
  const guard = spawn('perl', [GUARD, ...removes, '--', command, ...args], {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let running = true;
  const watchers = new Set<() => void>();
  const note = (text: string) => {
    output = (output + text).slice(-OUTPUT_KEPT);
    for (const watcher of watchers) watcher();
  };
  const end = (how: string) => {
    running = false;
    note(`\n${command}: ${how}`);
  };
  for (const stream of [guard.stdout, guard.stderr]) stream.setEncoding('utf8').on('data', note);
  guard.stdin.on('error', () => {});
  guard.once('error', (error) => end(error.message));
  guard.once('close', (code, signal) => end(`ended with ${signal ?? code}`));

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
    output: () => output.trim(),
    running: () => running,
    async waitFor(pattern, timeout = 20_000) {
      await watch(() => pattern.test(output) || !running, timeout);
      const match = pattern.exec(output);
      if (!match) throw new Error(`${command} printed no ${pattern}${running ? ` within ${timeout} ms` : ''}:\n${output.trim()}`);
      return match;
    },
    ended: (timeout) => watch(() => !running, timeout),
    async kill() {
      guard.stdin.end();
      await watch(() => !running, KILL_TIMEOUT);
    },
  };
}

const GUARD = fileURLToPath(new URL('guard.pl', import.meta.url));
const OUTPUT_KEPT = 16_384;
const KILL_TIMEOUT = 25_000;

/** Load from a process of its own: wrk (Debian's package), its requests read from a file or made by a script. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchServer } from './servers.ts';

export interface Figures {
  requests_per_s: number;
  events_per_s: number;
  p50_ms: number;
  p99_ms: number;
  cpu_us_per_event: number;
}

export interface Load {
  /** Bodies to POST to /e, each once; none: GET `path`. */
  bodies: readonly string[];
  path: string;
  events_per_request: number;
  seconds: number;
  connections?: number;
  /** How long each connection waits between an answer and its next request. */
  delay_ms?: number;
}

/** Bodies are kept off the disk whose fsyncs are measured, where the system has a place for that. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36';

/** Sends the load and reads what came of it. Throws if a request failed. */
export async function sendLoad(
  server: BenchServer,
  { bodies, path, events_per_request, seconds, connections = 64, delay_ms = 0 }: Load,
): Promise<Figures> {
  const folder = mkdtempSync(join(MEMORY, 'footfall-load-'));
  writeFileSync(join(folder, 'bodies'), bodies.join('\n'));
  writeFileSync(join(folder, 'load.lua'), (bodies.length > 0 ? postScript(join(folder, 'bodies')) : getScript(path)) + pause(delay_ms));
  const before = server.cpu();
  const output = await wrk(['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', join(folder, 'load.lua'), server.url]);
  const cpu = server.cpu() - before;
  rmSync(folder, { recursive: true });
  const requests = Number(/(\d+) requests in/.exec(output)?.[1] ?? 0);
  const failed = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? /timeout (\d+)/.exec(output)?.[1] ?? '0';
  if (requests === 0 || failed !== '0') throw new Error(`requests failed:\n${output}`);
  const requests_per_s = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]);
  return {
    requests_per_s: Math.round(requests_per_s),
    events_per_s: Math.round(requests_per_s * events_per_request),
    p50_ms: percentile(output, 50),
    p99_ms: percentile(output, 99),
    cpu_us_per_event: Math.round(((cpu * 1e6) / (requests * events_per_request)) * 10) / 10,
  };
}

function wrk(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('wrk', args, (error, output) => (error ? reject(new Error(`wrk: ${error.message} (Debian package wrk)`)) : resolve(output)));
  });
}

function percentile(output: string, which: number): number {
  const [, value = '0', unit] = new RegExp(`${which}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
  return Math.round(Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit as 'ms'] * 100) / 100;
}

const postScript = (file: string): string => `
local bodies = {}
for line in io.lines("${file}") do bodies[#bodies + 1] = line end
local n = 0
local headers = { ["content-type"] = "text/plain", ["user-agent"] = "${AGENT}" }
request = function()
  n = n % #bodies + 1
  return wrk.format("POST", "/e", headers, bodies[n])
end`;

const pause = (ms: number): string => (ms > 0 ? `\ndelay = function() return ${ms} end` : '');

const getScript = (path: string): string => `
local headers = { ["user-agent"] = "${AGENT}" }
request = function() return wrk.format("GET", "${path}", headers) end`;

/** The middle of the rounds. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function medians(rounds: readonly Figures[]): Figures {
  const of = (name: keyof Figures): number => median(rounds.map((figures) => figures[name]));
  return {
    requests_per_s: of('requests_per_s'),
    events_per_s: of('events_per_s'),
    p50_ms: of('p50_ms'),
    p99_ms: of('p99_ms'),
    cpu_us_per_event: of('cpu_us_per_event'),
  };
}

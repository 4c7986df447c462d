/** Throwaway PostgreSQL: a cluster in a folder of its own, started for the tests that want one, gone after them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../bench/harness/ports.ts';

export interface Cluster {
  /** Of the database `postgres`; another name in its place is another database. */
  url: string;
  /** The server's process: stop and kill it at will. */
  process: ChildProcess;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Acknowledgements are fsynced only where a test is about that. Its locale is not C: order must not come from there. */
export async function startCluster({ fsync = false, port = 0 } = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-postgres-'));
  const as = unprivileged();
  chownSync(folder, as.uid, as.gid);
  const data = join(folder, 'data');
  const locale = ['--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en'];
  execFileSync(binary('initdb'), ['-D', data, '-U', 'footfall', '-A', 'trust', '-E', 'UTF8', '--no-sync', ...locale], {
    ...as,
    cwd: folder,
    stdio: 'pipe',
  });
  const at = port || ((await freePorts(1))[0] ?? 0);
  const settings = {
    listen_addresses: '127.0.0.1',
    max_connections: '200',
    fsync: fsync ? 'on' : 'off',
    full_page_writes: fsync ? 'on' : 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const run = (): Promise<ChildProcess> =>
    started(
      spawn(binary('postgres'), ['-D', data, '-p', String(at), '-k', folder, ...options], {
        ...as,
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    );
  const cluster: Cluster = {
    url: `postgres://footfall@127.0.0.1:${at}/postgres`,
    process: await run(),
    async restart() {
      cluster.process = await run();
    },
    async stop() {
      const gone = new Promise((resolve) => cluster.process.once('exit', resolve));
      if (cluster.process.exitCode === null && cluster.process.signalCode === null) {
        cluster.process.kill('SIGQUIT');
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return cluster;
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid: number; gid: number } {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  if (uid !== 0) return { uid, gid };
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  const [, , user, group] = (
    users.find((line) => line.startsWith('postgres:')) ??
    users.find((line) => line.startsWith('nobody:')) ??
    ''
  ).split(':');
  return { uid: Number(user), gid: Number(group) };
}

function binary(name: string): string {
  const versions = '/usr/lib/postgresql';
  const [newest] = readdirSync(versions).sort((a, b) => Number(b) - Number(a));
  if (newest === undefined) throw new Error(`no PostgreSQL in ${versions} (Debian package postgresql)`);
  return join(versions, newest, 'bin', name);
}

function started(child: ChildProcess): Promise<ChildProcess> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`postgres ended with ${code}: ${said}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4_000);
      if (said.includes('ready to accept connections')) resolve(child);
    });
  });
}

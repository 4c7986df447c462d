/** One process a data directory: what a process keeps in memory of its browsers must not change behind its back. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { readRunning } from '../data-dir.ts';
import { StartupError } from '../errors.ts';

/** Takes the lock, which the system releases when the process dies. Returns its release. Throws StartupError. */
export function lockDataDir(data_dir: string): () => void {
  try {
    makeFolder(data_dir);
    const lock = new Database(join(data_dir, 'lock'), { timeout: 0 });
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
    return () => void lock.close();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')
      throw new StartupError(`DATA_DIR=${data_dir}: in use by another collector (${runningProcess(data_dir)})`);
    throw new StartupError(`DATA_DIR=${data_dir}: cannot be written (${(error as Error).message})`);
  }
}

function runningProcess(data_dir: string): string {
  const running = readRunning(data_dir);
  return running ? `process ${running.pid} at ${running.url}` : 'still starting';
}

/** Level by level: `mkdirSync(recursive)` never returns where a system folder such as /proc refuses new entries. */
function makeFolder(folder: string): void {
  const path = resolve(folder);
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

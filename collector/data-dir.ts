/** The small files of DATA_DIR: its collector's admin token, where that listens, and scans that wait for the store. */
import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { StartupError } from './errors.ts';

/** The collector that holds a data directory, as other processes of its machine reach it. */
export interface Running {
  url: string;
  pid: number;
}

const runningFile = (data_dir: string): string => join(data_dir, 'running.json');
const tokenFile = (data_dir: string): string => join(data_dir, 'admin-token');

/** Null: none has started, or it was stopped. After a crash it is still there. */
export function readRunning(data_dir: string): Running | null {
  try {
    return JSON.parse(readFileSync(runningFile(data_dir), 'utf8')) as Running;
  } catch {
    return null;
  }
}

export function writeRunning({ data_dir, host }: Config, port: number): void {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  writeFileSync(runningFile(data_dir), JSON.stringify({ url, pid: process.pid } satisfies Running));
}

export function dropRunning(data_dir: string): void {
  rmSync(runningFile(data_dir), { force: true });
}

/** The admin token kept here. */
export function readAdminToken(data_dir: string): string | null {
  const file = tokenFile(data_dir);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() || null : null;
}

/** The admin token of the settings, or the one kept here, or a new one; kept from here on, for commands on this machine. */
export function keepAdminToken({ admin_token, data_dir }: Config): { token: string; isNew: boolean } {
  const kept = readAdminToken(data_dir);
  const token = admin_token || kept || `sk_${randomBytes(32).toString('base64url')}`;
  if (token !== kept) {
    writeFileSync(tokenFile(data_dir), `${token}\n`, { mode: 0o600 });
    chmodSync(tokenFile(data_dir), 0o600);
  }
  return { token, isNew: token !== kept && !admin_token };
}

/** Where scans wait. Looked at now: that it cannot be written must not be found out when the store fails. Throws StartupError. */
export function spoolFile({ spool_dir, data_dir }: Config): string {
  const folder = spool_dir || data_dir;
  try {
    accessSync(join(folder, '.'), constants.W_OK);
  } catch (error) {
    throw new StartupError(`SPOOL_DIR=${spool_dir}: not a folder that can be written (${(error as Error).message})`);
  }
  return join(folder, 'scans.spool');
}

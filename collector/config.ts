/** Settings: one table of name, type, default and meaning. docs/operations.md shows the same table, held by a test. */
import { StartupError } from './errors.ts';

interface Setting {
  name: string;
  type: 'port' | 'text' | 'url' | 'flag' | 'number' | 'level' | 'proxy' | 'role';
  default: string;
  meaning: string;
}

export const SETTINGS = [
  { name: 'PORT', type: 'port', default: '8080', meaning: 'Port to listen on; 0 picks a free one.' },
  { name: 'HOST', type: 'text', default: '127.0.0.1', meaning: 'Address to listen on.' },
  { name: 'DATA_DIR', type: 'text', default: './data', meaning: 'Folder of the SQLite file and the admin token.' },
  {
    name: 'SPOOL_DIR',
    type: 'text',
    default: '',
    meaning: 'Folder for scans that the store cannot take, this collector’s alone; best on another disk. Empty: DATA_DIR.',
  },
  {
    name: 'DATABASE_URL',
    type: 'text',
    default: '',
    meaning: 'postgres://…: the database of one or more collectors. Empty: a SQLite file in DATA_DIR.',
  },
  { name: 'PUBLIC_URL', type: 'url', default: '', meaning: 'Where browsers reach this collector. Empty: http://localhost:PORT.' },
  {
    name: 'ADMIN_TOKEN',
    type: 'text',
    default: '',
    meaning: 'Token with every scope. Empty: made at the first start and kept in DATA_DIR/admin-token.',
  },
  {
    name: 'DEMO',
    type: 'flag',
    default: '',
    meaning: '1 seeds the site `demo` and serves its shop at /demo/. Empty: 1 unless NODE_ENV is production.',
  },
  {
    name: 'TRUST_PROXY',
    type: 'proxy',
    default: '',
    meaning: 'How many reverse proxies stand in front and may say who the client is. Empty: none.',
  },
  { name: 'LOG_LEVEL', type: 'level', default: 'info', meaning: 'fatal, error, warn, info, debug, trace or silent.' },
  {
    name: 'COLLECT_RATE',
    type: 'number',
    default: '50',
    meaning: 'Requests a second that one IP may send to one site on the average; 0 turns the limit off.',
  },
  { name: 'COLLECT_BURST', type: 'number', default: '200', meaning: 'Requests that one IP may send to one site at once.' },
  {
    name: 'API_RATE',
    type: 'number',
    default: '6000',
    meaning: 'Requests a minute that one token may send to the API; 0 turns the limit off.',
  },
  { name: 'AUDIT_DAYS', type: 'number', default: '400', meaning: 'Days after which entries of the audit log go; 0 keeps them for ever.' },
  {
    name: 'RETENTION_DAYS',
    type: 'number',
    default: '0',
    meaning: 'Days after which events lose their content, claims and links excepted; 0 keeps them for ever.',
  },
  {
    name: 'NATS_URL',
    type: 'text',
    default: '',
    meaning:
      'NATS servers with JetStream, separated by commas: `nats://USER:PASSWORD@HOST:4222,…`. Empty: events go straight to the store.',
  },
  {
    name: 'ROLE',
    type: 'role',
    default: 'all',
    meaning: 'With NATS_URL: `collector` publishes, `linker` applies what was published, `all` does both. As `footfall serve --role`.',
  },
  { name: 'NATS_STREAM', type: 'text', default: 'footfall', meaning: 'Name of the stream, and of its subjects.' },
  {
    name: 'NATS_REPLICAS',
    type: 'number',
    default: '0',
    meaning: 'Servers that keep each event. 0: three, or as many as there are.',
  },
  {
    name: 'NATS_MAX_BYTES',
    type: 'number',
    default: '0',
    meaning: 'Bytes that may wait in the stream before collectors answer 507. 0: as much as the servers allow.',
  },
  {
    name: 'PARTITIONS',
    type: 'number',
    default: '32',
    meaning:
      'Parts of the stream, each applied by one linker at a time: the most linkers that can share the work. Fixed when the stream is made.',
  },
] as const satisfies readonly Setting[];

export interface Config {
  port: number;
  host: string;
  data_dir: string;
  /** Empty: `data_dir`. */
  spool_dir: string;
  database_url: string;
  /** Without a trailing slash; empty until the port is known. */
  public_url: string;
  admin_token: string;
  demo: boolean;
  trust_proxy: number;
  log_level: string;
  collect_rate: number;
  collect_burst: number;
  api_rate: number;
  audit_days: number;
  retention_days: number;
  nats_url: string;
  role: 'all' | 'collector' | 'linker';
  nats_stream: string;
  nats_replicas: number;
  nats_max_bytes: number;
  partitions: number;
}

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** Reads the settings. Throws StartupError naming the setting and what was expected. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const raw = (name: (typeof SETTINGS)[number]['name']): string =>
    env[name]?.trim() || (SETTINGS.find((setting) => setting.name === name)?.default ?? '');
  const fail = (name: string, expected: string): never => {
    throw new StartupError(`${name}=${JSON.stringify(env[name])}: expected ${expected}`);
  };
  const number = (name: (typeof SETTINGS)[number]['name'], max: number): number => {
    const value = Number(raw(name));
    return Number.isFinite(value) && value >= 0 && value <= max ? value : fail(name, `a number from 0 to ${max}`);
  };
  const port = number('PORT', 65_535);
  if (!Number.isInteger(port)) fail('PORT', 'a whole number from 0 to 65535');
  const url = raw('PUBLIC_URL');
  if (url && !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) fail('PUBLIC_URL', 'an http(s) URL');
  const log_level = raw('LOG_LEVEL');
  if (!LEVELS.includes(log_level)) fail('LOG_LEVEL', `one of ${LEVELS.join(', ')}`);
  const demo = raw('DEMO');
  if (!['', '0', '1'].includes(demo)) fail('DEMO', '0 or 1');
  const admin_token = raw('ADMIN_TOKEN');
  if (admin_token && !/^sk_[\w-]{20,}$/.test(admin_token)) fail('ADMIN_TOKEN', 'sk_ and at least 20 of A-Z a-z 0-9 _ -');
  const database_url = raw('DATABASE_URL');
  // Not shown: it may hold a password.
  if (database_url && !(/^postgres(?:ql)?:\/\//.test(database_url) && URL.canParse(database_url)))
    throw new StartupError('DATABASE_URL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, or nothing for SQLite');
  const nats_url = raw('NATS_URL');
  const natsServer = (one: string): boolean => URL.canParse(one.trim()) && /^(?:nats|tls):$/.test(new URL(one.trim()).protocol);
  // Its value may hold a password.
  if (nats_url && !nats_url.split(',').every(natsServer))
    throw new StartupError('NATS_URL: expected nats://HOST:PORT or tls://HOST:PORT, several separated by commas');
  const role = raw('ROLE');
  if (role !== 'all' && role !== 'collector' && role !== 'linker') return fail('ROLE', 'all, collector or linker');
  if (role !== 'all' && !nats_url) throw new StartupError(`ROLE=${role}: needs NATS_URL; without it one process does all`);
  if (role !== 'all' && !database_url) throw new StartupError(`ROLE=${role}: needs DATABASE_URL; a SQLite file has one process`);
  const nats_stream = raw('NATS_STREAM');
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(nats_stream)) fail('NATS_STREAM', 'at most 32 of A-Z a-z 0-9 _ -');
  const partitions = number('PARTITIONS', 1_024);
  if (!Number.isInteger(partitions) || partitions < 1) fail('PARTITIONS', 'a whole number from 1 to 1024');
  const nats_replicas = number('NATS_REPLICAS', 5);
  if (!Number.isInteger(nats_replicas)) fail('NATS_REPLICAS', 'a whole number from 0 to 5');
  return {
    port,
    host: raw('HOST'),
    data_dir: raw('DATA_DIR'),
    spool_dir: raw('SPOOL_DIR'),
    database_url,
    public_url: url.replace(/\/+$/, ''),
    admin_token,
    demo: demo === '' ? env['NODE_ENV'] !== 'production' : demo === '1',
    trust_proxy: raw('TRUST_PROXY') === '' ? 0 : number('TRUST_PROXY', 10),
    log_level,
    collect_rate: number('COLLECT_RATE', 1e9),
    collect_burst: number('COLLECT_BURST', 1e9),
    api_rate: number('API_RATE', 1e9),
    audit_days: number('AUDIT_DAYS', 36_500),
    retention_days: number('RETENTION_DAYS', 36_500),
    ...{ nats_url, role, nats_stream, nats_replicas, partitions },
    nats_max_bytes: number('NATS_MAX_BYTES', Number.MAX_SAFE_INTEGER),
  };
}

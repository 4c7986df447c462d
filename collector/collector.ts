/** Puts a collector together: the only file that names adapters. Used by main, the CLI, tests, and whoever embeds it. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, readConfig } from './config.ts';
import type { SiteRecord } from './domain/site.ts';
import { StartupError } from './errors.ts';
import { adminRoutes } from './http/admin.ts';
import { createApp } from './http/app.ts';
import { createAuth } from './http/auth.ts';
import { codeRoutes } from './http/codes.ts';
import { createCollect } from './http/collect.ts';
import { decisionRoutes } from './http/decisions.ts';
import { demoRoutes } from './http/demo.ts';
import { importRoutes } from './http/import.ts';
import { linkRoutes } from './http/links.ts';
import { profileRoutes } from './http/profiles.ts';
import { rateLimit } from './http/rate.ts';
import { relinkRoutes } from './http/relink.ts';
import { createScan } from './http/scan.ts';
import { storeRoutes } from './http/stores.ts';
import { tagRoutes } from './http/tag.ts';
import { uiRoutes } from './http/ui.ts';
import { directIntake } from './intake/direct.ts';
import { DEFAULT_POLICY } from './linking/policy.ts';
import { createLog, type Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { codeUrl } from './scan/code.ts';
import { codeCache } from './scan/code-cache.ts';
import { seedDemo } from './scan/seed.ts';
import { lockDataDir } from './store/lock.ts';
import { openSqlite } from './store/sqlite.ts';
import type { Store } from './store/store.ts';

export interface Collector {
  /** Where it listens: `http://localhost:8080`, without a trailing slash. */
  url: string;
  admin_token: string;
  /** The admin token was made at this start: show it, it is not shown again. */
  admin_token_is_new: boolean;
  store: Store;
  log: Logger;
  /** Stops taking requests, answers those under way, stores what was taken, closes the store. */
  close(): Promise<void>;
}

/** Codes read at the start, so that their scans are sent on even if the store fails later. */
const CODES_WARMED = 20_000;

export interface Dependencies {
  now?: () => number;
  log?: Logger;
}

/** Starts a collector. Settings left out have the defaults of config.ts. Throws StartupError. */
export async function createCollector(settings: Partial<Config> = {}, { now = Date.now, log }: Dependencies = {}): Promise<Collector> {
  const config: Config = { ...readConfig({}), ...settings };
  const logger = log ?? createLog(config.log_level);
  const unlock = lockDataDir(config.data_dir);
  try {
    return await start(config, now, logger, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function start(config: Config, now: () => number, log: Logger, unlock: () => void): Promise<Collector> {
  const store = openSqlite(join(config.data_dir, 'footfall.db'));
  const { token: admin_token, isNew } = adminToken(config);
  const auth = await createAuth(store, admin_token);
  let url = config.public_url;

  const siteOf = (site: string): SiteRecord | undefined => store.sites().find((record) => record.site === site);
  const metrics = createMetrics({ waiting: () => intake.waiting() });
  const intake = directIntake({
    store,
    policy: DEFAULT_POLICY,
    now,
    onCommit(events, ms) {
      metrics.commits.observe(ms / 1_000);
      metrics.commitEvents.observe(events);
    },
  });
  const codes = codeCache(async (code) => (await store.queries.codes({ sites: null, code }))[0] ?? null, now);
  const root = packageRoot();
  const shop = join(root, 'examples/shop');
  const collect = createCollect({
    ...{ intake, auth, metrics, log, siteOf, now },
    rate: rateLimit(config.collect_rate, config.collect_burst),
    trust_proxy: config.trust_proxy,
  });
  const scan = createScan({ intake, metrics, log, siteOf, now, codeOf: codes.get });
  const app = createApp({
    ...{ store, metrics, log, now },
    hot: [collect, scan],
    demo: config.demo
      ? demoRoutes({
          shopDir: shop,
          codeUrl: (code) => codeUrl(code, siteOf('demo') ?? { code_host: null }, url),
          hasCode: async (code) => (await codes.get(code)) !== null,
        })
      : null,
    routes: [
      tagRoutes({ dir: join(root, 'dist/tag') }),
      linkRoutes({ store, auth, now }),
      profileRoutes({ store, auth, now }),
      codeRoutes({ store, auth, now, publicUrl: () => url, onChange: codes.forget }),
      storeRoutes({ store, auth, now }),
      decisionRoutes({ store, intake, auth, policy: DEFAULT_POLICY, now }),
      relinkRoutes({ store, auth, policy: DEFAULT_POLICY, now }),
      importRoutes({ store, intake, auth, metrics, now }),
      adminRoutes({ store, auth, now }),
      uiRoutes({ dir: join(root, 'dist/ui') }),
    ],
  });
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16_384 }, app);
  server.keepAliveTimeout = 65_000;
  await listen(server, config);
  const { port } = server.address() as AddressInfo;
  url ||= `http://localhost:${port}`;
  if (config.demo) await seedDemo(store, { file: join(shop, 'seed.json'), url, port, now: now() });
  codes.warm(await store.queries.codes({ sites: null, limit: CODES_WARMED }));
  const running = join(config.data_dir, 'running.json');
  writeFileSync(
    running,
    JSON.stringify({ url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`, pid: process.pid }),
  );

  return {
    url,
    admin_token,
    admin_token_is_new: isNew,
    store,
    log,
    async close() {
      await drainServer(server);
      await intake.drain();
      await store.close();
      rmSync(running, { force: true });
      unlock();
    },
  };
}

/** The token given, or the one kept in DATA_DIR, or a new one. */
function adminToken({ admin_token, data_dir }: Config): { token: string; isNew: boolean } {
  const file = join(data_dir, 'admin-token');
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  const token = admin_token || kept || `sk_${randomBytes(32).toString('base64url')}`;
  if (token !== kept) {
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
  }
  return { token, isNew: token !== kept && !admin_token };
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function listen(server: Server, { port, host }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new StartupError(
          error.code === 'EADDRINUSE' ? `PORT=${port}: already in use on ${host}` : `HOST=${host} PORT=${port}: ${error.message}`,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
}

/** Lets requests under way finish; idle keep-alive connections are closed until none is left. */
function drainServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    const hard = setTimeout(() => server.closeAllConnections(), 10_000);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(hard);
      resolve();
    });
    server.closeIdleConnections();
  });
}

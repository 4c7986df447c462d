/** Puts a collector together: the only file that names adapters. Used by main, the CLI, tests, and whoever embeds it. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Millis, SECOND } from '../protocol/event.ts';
import { type Config, readConfig } from './config.ts';
import { dropRunning, keepAdminToken, spoolFile, writeRunning } from './data-dir.ts';
import type { SiteRecord } from './domain/site.ts';
import { Problem, StartupError } from './errors.ts';
import { readsOn } from './export/export.ts';
import { sqliteReads } from './export/sqlite.ts';
import { createAdmission } from './http/admission.ts';
import { mountApi } from './http/api.ts';
import { apiLimit } from './http/api-limit.ts';
import { createApp } from './http/app.ts';
import { createAudit } from './http/audit.ts';
import { createAuth } from './http/auth.ts';
import { createCollect } from './http/collect.ts';
import { demoRoutes } from './http/demo.ts';
import { docsRoutes } from './http/docs-page.ts';
import { createFrontier } from './http/frontier.ts';
import { createGs1, lookupOf, type SiteTarget } from './http/gs1.ts';
import { rateLimit } from './http/rate.ts';
import { createScan } from './http/scan.ts';
import { createHttpServer, listen } from './http/server.ts';
import { sessionRoutes } from './http/session.ts';
import { tagRoutes } from './http/tag.ts';
import { uiRoutes } from './http/ui.ts';
import { BACKUP_PART } from './http/upkeep.ts';
import { directIntake } from './intake/direct.ts';
import { openJetstream } from './intake/jetstream-shape.ts';
import type { StreamSettings } from './intake/jetstream-stream.ts';
import { applyAbandoned, openJournaled } from './intake/journaled.ts';
import { createRetention } from './intake/retention.ts';
import { DEFAULT_POLICY } from './linking/policy.ts';
import { createLog, type Logger } from './log.ts';
import { createMetrics } from './metrics.ts';
import { codeUrl } from './scan/code.ts';
import { codeCache } from './scan/code-cache.ts';
import { createRecorder } from './scan/recorder.ts';
import { seedDemo } from './scan/seed.ts';
import { openSpool } from './scan/spool.ts';
import { lockDataDir } from './store/lock.ts';
import { type MoveProgress, type MoveReport, moveStore } from './store/migrate-store.ts';
import { openPostgres } from './store/postgres.ts';
import { openPostgresTarget } from './store/postgres-target.ts';
import { openSqlite } from './store/sqlite.ts';
import { openSqliteSource } from './store/sqlite-source.ts';
import type { Store, StoreRow } from './store/store.ts';

export interface Collector {
  /** Where it listens: `http://localhost:8080`, without a trailing slash. */
  url: string;
  admin_token: string;
  /** The admin token was made at this start: show it, it is not shown again. */
  admin_token_is_new: boolean;
  store: Store;
  log: Logger;
  /** Resolves when what was acknowledged by now can be read in the store. */
  settled(): Promise<void>;
  /** Stops taking requests, answers those under way, stores what was taken, closes the store. */
  close(): Promise<void>;
}

/** Codes read at the start, so that their scans are sent on even if the store fails later. */
const CODES_WARMED = 20_000;

/** How soon a token that another collector made or revoked counts here. */
const TOKENS_MS = 5_000;

/** How long requests wait until what was acknowledged before them is applied. */
export interface Patience {
  /** After it a reader sees what there is. */
  read: Millis;
  /** After it an erasure is refused. */
  erase: Millis;
}

const PATIENCE: Patience = { read: 1 * SECOND, erase: 30 * SECOND };

export interface Dependencies {
  now?: () => number;
  patience?: Partial<Patience>;
  log?: Logger;
  /** An I/O error broke the store: it answers 503 from here on. Kill the process, without `close`; the next start recovers. */
  onBroken?: () => void;
}

/** Starts a collector. Settings left out have the defaults of config.ts. Throws StartupError. */
export async function createCollector(
  settings: Partial<Config> = {},
  { now = Date.now, patience = {}, log, onBroken }: Dependencies = {},
): Promise<Collector> {
  const config: Config = { ...readConfig({}), ...settings };
  const logger = log ?? createLog(config.log_level);
  const unlock = lockDataDir(config.data_dir);
  try {
    return await start(config, { now, patience: { ...PATIENCE, ...patience }, log: logger, unlock, onBroken });
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Moves the store in a SQLite file into an empty PostgreSQL database, or goes on with that. Throws StartupError, or a Problem. */
export async function migrateStore(
  { from, to, restart = false }: { from: string; to: string; restart?: boolean },
  onProgress: MoveProgress = () => undefined,
): Promise<MoveReport> {
  if (!existsSync(from)) throw new StartupError(`${from}: no such file`);
  // A backup may lie anywhere; where collectors ran, none may.
  const unlock = existsSync(join(dirname(from), 'lock')) ? lockDataDir(dirname(from)) : () => undefined;
  try {
    const source = await openSqliteSource(from);
    try {
      const target = await openPostgresTarget(to, { identity: source.identity, tables: source.tables, restart });
      try {
        return await moveStore(source, target, onProgress);
      } finally {
        await target.close();
      }
    } finally {
      source.close();
    }
  } catch (error) {
    if (error instanceof Problem || error instanceof StartupError) throw error;
    throw new Problem(503, `The move stopped: ${(error as Error).message}. The same command goes on where it was`);
  } finally {
    unlock();
  }
}

interface Start {
  now: () => number;
  patience: Patience;
  log: Logger;
  unlock: () => void;
  onBroken: (() => void) | undefined;
}

async function start(config: Config, { now, patience, log, unlock, onBroken }: Start): Promise<Collector> {
  const file = join(config.data_dir, 'footfall.db');
  const store = config.database_url
    ? await openPostgres(config.database_url)
    : openSqlite(file, (cause) => {
        log.fatal({ err: cause }, 'an I/O error: nothing more is written, the next start recovers what was acknowledged');
        onBroken?.();
      });
  const reads = config.database_url ? readsOn(store.queries) : sqliteReads(file);
  const { token: admin_token, isNew } = keepAdminToken(config);
  const auth = await createAuth(store, admin_token);
  // Another collector on the same database may have made or revoked tokens.
  const reload = config.database_url ? setInterval(() => void auth.reload().catch(() => undefined), TOKENS_MS).unref() : undefined;
  let url = config.public_url;

  const siteOf = (site: string): SiteRecord | undefined => store.sites().find((record) => record.site === site);
  const admission = createAdmission();
  for (const name of readdirSync(config.data_dir)) if (BACKUP_PART.test(name)) rmSync(join(config.data_dir, name));
  const retention = config.retention_days > 0 ? createRetention(store, { days: config.retention_days, now, log }) : null;
  const metrics = createMetrics({
    waiting: () => intake.waiting(),
    ahead: () => journaled?.ahead() ?? 0,
    held: admission.held,
    browserCache: store.browserCache,
    relinks: store.queries.relinksWaiting,
  });
  const frontier = createFrontier(store.queries.frontier);
  const direct = directIntake({
    store,
    policy: DEFAULT_POLICY,
    now,
    transactions: config.database_url ? 2 : 1,
    onCommit(events, ms) {
      metrics.commits.observe(ms / 1_000);
      metrics.commitEvents.observe(events);
      frontier.committed();
    },
  });
  const count = (fate: string): void => metrics.events.inc({ fate });
  const shape = config.nats_url
    ? await openJetstream({
        settings: streamSettings(config),
        ...{ role: config.role, store, direct, registry: metrics.registry, log, now },
        count,
      })
    : null;
  const journal = store.journal && { journal: store.journal, direct, count, sites: store.sites, log, settle_ms: patience.read };
  const journaled = journal && !shape ? await openJournaled(journal) : null;
  // What is left of a time without a stream.
  if (journal && shape && config.role !== 'collector') await applyAbandoned(journal, 0);
  // What tags and codes send survives an outage of the store; what is asked for by name (an import, a decision) goes straight to it.
  const intake = shape?.intake ?? journaled ?? direct;
  const settled = journaled?.settled ?? (async () => undefined);
  const allApplied = async (): Promise<boolean> =>
    ((await shape?.emptied(patience.erase)) ?? true) && ((await store.journal?.emptied(patience.erase)) ?? true);
  const codes = codeCache(async (code) => (await store.queries.codes({ sites: null, code }))[0] ?? null, now);
  const warmCodes = async (): Promise<void> => {
    codes.warm((await store.queries.codes({ sites: null, limit: CODES_WARMED })).map((row) => [row.code, row]));
  };
  const codesChanged = (changed: readonly string[]): void => {
    for (const code of changed) codes.forget(code);
    const [only = ''] = changed;
    (changed.length === 1 ? codes.get(only) : warmCodes()).catch((error: unknown) => log.warn({ err: error }, 'codes were not read again'));
  };
  const root = packageRoot();
  const shop = join(root, 'examples/shop');
  const collect = createCollect({
    ...{ intake, auth, metrics, log, sites: store.sites, siteOf, now },
    rate: rateLimit(config.collect_rate, config.collect_burst),
    ...{ admission, retention },
    trust_proxy: config.trust_proxy,
  });
  const recorder = createRecorder({ intake, metrics, log, spool: await openSpool(spoolFile(config)) });
  const gs1Targets = codeCache<SiteTarget[]>(async (key) => {
    const { anchors, prefixes } = lookupOf(key);
    return store.queries.gs1TargetsOf(anchors, prefixes);
  }, now);
  const stores = codeCache<StoreRow[]>((site) => store.queries.stores([site]), now);
  const gs1 = createGs1({
    ...{ recorder, metrics, log, now, sites: store.sites, publicUrl: () => url },
    targetsOf: gs1Targets.get,
    storesOf: stores.get,
  });
  const scan = createScan({ recorder, metrics, log, siteOf, now, codeOf: codes.get });
  const audit = createAudit({ store, days: config.audit_days, log, now });
  const limit = apiLimit({ auth, api_rate: config.api_rate, trust_proxy: config.trust_proxy, now });
  const { api, stream } = mountApi({
    ...{ store, intake: direct, reads, auth, audit, limit, settled, allApplied, retention, frontier, metrics, log, now },
    ...{ policy: DEFAULT_POLICY, data_dir: config.data_dir, publicUrl: () => url },
    ...{ onCodes: codesChanged, onStores: stores.forgetAll, onGs1Targets: gs1Targets.forgetAll },
  });
  const app = createApp({
    ...{ metrics, log },
    probe: () => probeAll(config.role, { stream: shape?.probe, store: () => store.probe(now()) }),
    hot: config.role === 'linker' ? [] : [collect, scan, gs1],
    demo: config.demo
      ? demoRoutes({
          shopDir: shop,
          codeUrl: (code) => codeUrl(code, siteOf('demo') ?? { code_host: null }, url),
          hasCode: async (code) => (await codes.get(code)) !== null,
        })
      : null,
    routes: [
      sessionRoutes({ auth, secret: admin_token, publicUrl: () => config.public_url, trust_proxy: config.trust_proxy, now }),
      tagRoutes({ dir: join(root, 'dist/tag'), release: versionOf(root), kept_dir: join(config.data_dir, 'tags') }),
      api.router,
      docsRoutes(() => ({ endpoints: api.endpoints, version: versionOf(root), url })),
      uiRoutes({ dir: join(root, 'dist/ui') }),
    ],
  });
  const { server, drain } = createHttpServer(app);
  await listen(server, config);
  const { port } = server.address() as AddressInfo;
  url ||= `http://localhost:${port}`;
  if (config.demo) await seedDemo(store, { file: join(shop, 'seed.json'), url, port, now: now() });
  await warmCodes();
  await recorder.replay();
  writeRunning(config, port);

  return {
    url,
    admin_token,
    admin_token_is_new: isNew,
    store,
    log,
    settled,
    async close() {
      await stream.close();
      await drain();
      clearInterval(reload);
      await audit.close();
      await recorder.close();
      await shape?.close();
      await journaled?.close();
      await direct.drain();
      await retention?.close();
      await reads.close();
      await store.close();
      dropRunning(config.data_dir);
      unlock();
    },
  };
}

function streamSettings({ nats_url, nats_stream, partitions, nats_replicas, nats_max_bytes, data_dir }: Config): StreamSettings {
  const marker = join(data_dir, 'stream.json');
  return { url: nats_url, stream: nats_stream, partitions, replicas: nats_replicas, max_bytes: nats_max_bytes, marker };
}

/** A collector whose stream answers is ready, whatever the store does. */
async function probeAll(
  role: Config['role'],
  { stream, store }: { stream: (() => Promise<void>) | undefined; store: () => Promise<void> },
): Promise<void> {
  await stream?.();
  if (role !== 'collector') await store();
}

function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function versionOf(root: string): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

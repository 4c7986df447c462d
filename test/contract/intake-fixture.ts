/** Each intake in front of a real store: what a test submits, what crashes, and what is stored once all came to rest. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { Registry } from 'prom-client';
import { type NatsCluster, startNats } from '../../bench/harness/nats.ts';
import { directIntake } from '../../collector/intake/direct.ts';
import type { Intake } from '../../collector/intake/intake.ts';
import { type JetstreamShape, openJetstream } from '../../collector/intake/jetstream-shape.ts';
import type { StreamSettings } from '../../collector/intake/jetstream-stream.ts';
import { type JournaledIntake, openJournaled } from '../../collector/intake/journaled.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { createLog } from '../../collector/log.ts';
import { openPostgres } from '../../collector/store/postgres.ts';
import { openSqlite } from '../../collector/store/sqlite.ts';
import type { Journal, Store } from '../../collector/store/store.ts';
import { createDatabase, DEMO_SITE } from './fixture.ts';

export interface OpenIntake {
  intake: Intake;
  store: Store;
  /** What became of events, as the metrics count it. */
  fates: Map<string, number>;
  registry: Registry;
  /** Resolves when all that was acknowledged is in the store. */
  atRest(): Promise<void>;
  /** The process and its servers die as they stand; answers what the next start finds. */
  crash(): Promise<OpenIntake>;
}

export interface IntakeFixture {
  name: string;
  open(): Promise<OpenIntake>;
  cleanup(): Promise<void>;
}

const now = Date.now;

export function directFixture(): IntakeFixture {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-intake-'));
  const stores: Store[] = [];
  let count = 0;
  const openAt = async (file: string): Promise<OpenIntake> => {
    const store = openSqlite(file);
    stores.push(store);
    await store.write((tx) => tx.saveSite(DEMO_SITE));
    const fates = new Map<string, number>();
    const direct = directIntake({ store, policy: DEFAULT_POLICY, now });
    const intake: Intake = {
      ...direct,
      async submit(submission) {
        const told = await direct.submit(submission);
        for (const fate of told) fates.set(fate, (fates.get(fate) ?? 0) + 1);
        return told;
      },
    };
    return { intake, store, fates, registry: new Registry(), atRest: () => direct.drain(), crash: () => openAt(file) };
  };
  return {
    name: 'direct',
    open() {
      count += 1;
      return openAt(join(folder, `${count}.db`));
    },
    async cleanup() {
      for (const store of stores) await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export function journaledFixture(): IntakeFixture {
  const opened = new Map<JournaledIntake, Store>();
  const openAt = async (url: string): Promise<OpenIntake> => {
    const store = await openPostgres(url);
    await store.write((tx) => tx.saveSite(DEMO_SITE));
    const fates = new Map<string, number>();
    const intake = await openJournaled({
      journal: store.journal as Journal,
      sites: store.sites,
      direct: directIntake({ store, policy: DEFAULT_POLICY, transactions: 2, now }),
      count: (fate) => void fates.set(fate, (fates.get(fate) ?? 0) + 1),
      log: createLog('silent'),
      settle_ms: 1_000,
    });
    opened.set(intake, store);
    return {
      ...{ intake, store, fates, registry: new Registry() },
      async atRest() {
        await intake.drain();
        while (intake.ahead() > 0) await intake.settled();
      },
      async crash() {
        opened.delete(intake);
        await store.close();
        await intake.close();
        return openAt(url);
      },
    };
  };
  return {
    name: 'journaled',
    open: async () => openAt(await createDatabase()),
    async cleanup() {
      for (const [intake, store] of opened) {
        await intake.close();
        await store.close();
      }
    },
  };
}

export interface JetstreamFixture extends IntakeFixture {
  cluster: NatsCluster;
  settings(stream: string): StreamSettings;
}

export async function jetstreamFixture(): Promise<JetstreamFixture> {
  const cluster = await startNats();
  const folder = mkdtempSync(join(tmpdir(), 'footfall-intake-'));
  const opened: { shape: JetstreamShape; store: Store }[] = [];
  let count = 0;
  const settings = (stream: string): StreamSettings => ({
    ...{ url: cluster.url, stream, partitions: 4, replicas: 3, max_bytes: 0, marker: join(folder, `${stream}.json`) },
  });
  const nc = await cluster.connect();
  const groupsIn = async (stream: string): Promise<number> => {
    const jsm = await jetstreamManager(nc, { timeout: 1_000 }).catch(() => null);
    const info = await jsm?.streams.info(stream).catch(() => null);
    return info?.state.messages ?? 1;
  };
  const openAt = async (stream: string): Promise<OpenIntake> => {
    const store = openSqlite(join(folder, `${stream}.db`));
    await store.write((tx) => tx.saveSite(DEMO_SITE));
    const registry = new Registry();
    const fates = new Map<string, number>();
    const shape = await openJetstream({
      settings: settings(stream),
      ...{ role: 'all', store, direct: directIntake({ store, policy: DEFAULT_POLICY, now }), registry, log: createLog('silent'), now },
      count: (fate) => void fates.set(fate, (fates.get(fate) ?? 0) + 1),
    });
    opened.push({ shape, store });
    return {
      ...{ intake: shape.intake, store, fates, registry },
      async atRest() {
        await shape.intake.drain();
        for (let tries = 0; (await groupsIn(stream)) > 0; tries += 1) {
          if (tries > 300) throw new Error('the stream does not empty');
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      },
      async crash() {
        for (const { signal } of cluster.nodes) signal('SIGKILL');
        await shape.close().catch(() => undefined);
        opened.splice(
          opened.findIndex((one) => one.shape === shape),
          1,
        );
        await store.close();
        await new Promise((resolve) => setTimeout(resolve, 300));
        for (const node of cluster.nodes) node.start();
        await cluster.ready();
        return openAt(stream);
      },
    };
  };
  return {
    name: 'jetstream',
    cluster,
    settings,
    open() {
      count += 1;
      return openAt(`test${count}`);
    },
    async cleanup() {
      for (const { shape, store } of opened) {
        await shape.close();
        await store.close();
      }
      await nc.close();
      await cluster.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

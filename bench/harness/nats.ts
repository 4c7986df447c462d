/** A NATS cluster of real servers on loopback, each a process that can be killed, stopped, continued and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePorts } from './ports.ts';

export interface NatsNode {
  port: number;
  pid(): number;
  /** What it keeps of a stream's groups. */
  groupsOf(stream: string): string;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; resolves once it has written everything and ended. */
  stop(): Promise<void>;
  /** Starts it again on the same data; a stopped one must be killed first. */
  start(): void;
}

export interface NatsCluster {
  /** As NATS_URL has it. */
  url: string;
  nodes: NatsNode[];
  /** A connection of one's own. */
  connect(): Promise<NatsConnection>;
  /** Resolves once JetStream answers, as after a start. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  servers?: number;
  /** More lines of each server's configuration. */
  config?: string;
  /** In front of the hosts of `url`: `user:password`. */
  credentials?: string;
}

export async function startNats({ servers = 3, config = '', credentials = '' }: ClusterOptions = {}): Promise<NatsCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-nats-'));
  const ports = await freePorts(servers * 2);
  const routes = ports.slice(servers).map((port) => `"nats://127.0.0.1:${port}"`);
  const nodes = Array.from({ length: servers }, (_, at): NatsNode => {
    const file = join(folder, `${at}.conf`);
    const cluster = `cluster { name: footfall, listen: "127.0.0.1:${ports[servers + at]}", routes: [${routes.join()}] }`;
    writeFileSync(
      file,
      [
        `server_name: n${at}`,
        `listen: "127.0.0.1:${ports[at]}"`,
        `jetstream { store_dir: "${join(folder, `data-${at}`)}", max_mem: 64MB, max_file: 1GB }`,
        ...(servers > 1 ? [cluster] : []),
        config,
      ].join('\n'),
    );
    let child: ChildProcess;
    const node: NatsNode = {
      port: ports[at] ?? 0,
      pid: () => child.pid ?? 0,
      groupsOf: (stream) => join(folder, `data-${at}`, 'jetstream', '$G', 'streams', stream, 'msgs'),
      signal: (signal) => void child.kill(signal),
      async stop() {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      },
      start() {
        child = spawn('/usr/sbin/nats-server', ['-c', file, '-l', join(folder, `${at}.log`)], { stdio: 'ignore' });
        running.add(child);
        child.once('exit', () => running.delete(child));
      },
    };
    node.start();
    return node;
  });
  const url = nodes.map(({ port }) => `nats://${credentials && `${credentials}@`}127.0.0.1:${port}`).join();
  const [user, pass] = credentials.split(':');
  const reach = (): Promise<NatsConnection> =>
    connect({
      ...{
        servers: nodes.map(({ port }) => `127.0.0.1:${port}`),
        waitOnFirstConnect: true,
        reconnectTimeWait: 100,
        maxReconnectAttempts: -1,
      },
      ...(user && pass && { user, pass }),
    });
  const cluster: NatsCluster = {
    ...{ url, nodes, connect: reach },
    ready: async () => elected(await reach()),
    async stop() {
      for (const { pid, signal } of nodes) if (pid()) signal('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 100));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await cluster.ready();
  return cluster;
}

/** A server whose test failed must not outlive it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** JetStream answers once the servers have found each other. */
async function elected(nc: NatsConnection): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await jetstreamManager(nc, { timeout: 500 });
      return await nc.close();
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

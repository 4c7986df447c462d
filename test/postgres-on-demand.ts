/** One PostgreSQL cluster for all test files of a project, started when the first of them asks: most runs need none. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { type Cluster, startCluster } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: string;
  }
}

/** The URL of the cluster's database `postgres`. */
export async function clusterUrl(): Promise<string> {
  const answer = await fetch(inject('postgres'));
  if (!answer.ok) throw new Error(await answer.text());
  return answer.text();
}

/** vitest's global setup. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let cluster: Promise<Cluster> | null = null;
  const server = createServer((_req, res) => {
    cluster ??= startCluster();
    cluster.then(
      ({ url }) => res.end(url),
      (error: Error) => res.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  project.provide('postgres', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    server.close();
    await (await cluster)?.stop();
  };
}

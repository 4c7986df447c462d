/** The connection to NATS and the stream in it: made once, checked at each start, never made again behind the operator's back. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { SECOND } from '../../protocol/event.ts';
import { StartupError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { GROUP_BYTES } from './jetstream-message.ts';

export interface StreamSettings {
  /** NATS_URL: servers, separated by commas, with user and password or a token in front of the host. */
  url: string;
  stream: string;
  partitions: number;
  /** 0: three, or as many as there are servers. */
  replicas: number;
  /** Most bytes that may wait in the stream; 0: what the servers' storage limit allows. */
  max_bytes: number;
  /** Remembers that the stream was made, so that a lost one is noticed at the next start. */
  marker: string;
}

export interface Stream {
  name: string;
  partitions: number;
  replicas: number;
  nc: NatsConnection;
  js: JetStreamClient;
  jsm: JetStreamManager;
  subject(partition: number | '*'): string;
  /** What waits in it, and since when. Rejects where it cannot be asked. */
  state(): Promise<{ messages: number; bytes: number; lag_seconds: number; first_seq: number; last_seq: number }>;
  close(): Promise<void>;
}

/** A server that said nothing for two of these is taken for dead, and the next one is tried. */
const PING = 2 * SECOND;
/** A cluster that has just started first elects its leaders. */
const PATIENCE = 20 * SECOND;
/** A stream that was there is asked for again this long. */
const REPLAY = 5 * SECOND;
/** Window in which the stream itself drops a group published twice. The store's is for ever. */
const DUPLICATE_WINDOW = 120 * SECOND;
const MS = 1_000_000;

/** Codes of the server's API. */
const STREAM_NOT_FOUND = 10059;
/** No leader yet, or not enough servers known yet. */
const STARTING = new Set([10004, 10005, 10006, 10008, 10009]);

/** Connects, and makes the stream at the very first start. Throws StartupError. */
export async function openStream(settings: StreamSettings, log: Logger): Promise<Stream> {
  const nc = await reach(settings.url);
  try {
    const jsm = await untilReady(() => jetstreamManager(nc, { timeout: 3 * SECOND }), nc);
    const { max_payload } = nc.info ?? {};
    if (max_payload !== undefined && max_payload < GROUP_BYTES + 4_096)
      throw new StartupError(`NATS_URL: the server's max_payload is ${max_payload}; at least ${GROUP_BYTES + 4_096} are needed`);
    const info = await findOrMake(jsm, nc, settings);
    check(info, settings, log);
    writeFileSync(settings.marker, JSON.stringify({ stream: settings.stream, created: info.created }));
    return streamOf(nc, jsm, info);
  } catch (error) {
    await nc.close();
    throw error;
  }
}

/** The consumer of one partition. A stream that deletes what was taken (a work queue) lets a partition have one at a time. */
export function consumerOf(stream: Pick<Stream, 'subject'>, partition: number, name: string) {
  return {
    durable_name: name,
    filter_subject: stream.subject(partition),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: 15 * SECOND * MS,
    max_ack_pending: 128,
    max_deliver: -1,
  };
}

/** The API's error code, or 0. */
export function codeOf(error: unknown): number {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : 0;
}

function streamOf(nc: NatsConnection, jsm: JetStreamManager, { config }: StreamInfo): Stream {
  const { name } = config;
  return {
    ...{ name, nc, jsm, js: jetstream(nc), partitions: config.subjects.length, replicas: config.num_replicas },
    subject: (partition) => `${name}.events.${partition}`,
    async state() {
      const { state } = await jsm.streams.info(name);
      const oldest = Date.parse(state.first_ts);
      const lag_seconds = state.messages > 0 ? Math.max(0, (Date.now() - oldest) / SECOND) : 0;
      return { messages: state.messages, bytes: state.bytes, lag_seconds, first_seq: state.first_seq, last_seq: state.last_seq };
    },
    close: () => nc.drain(),
  };
}

async function reach(url: string): Promise<NatsConnection> {
  const { servers, tls, ...who } = serversOf(url);
  try {
    return await connect({
      ...{ servers, ...who, ...(tls && { tls: {} }) },
      ...{ name: 'footfall', timeout: 5 * SECOND, maxReconnectAttempts: -1, reconnectTimeWait: 250, reconnectJitter: 250 },
      ...{ pingInterval: PING, maxPingOut: 2, ignoreAuthErrorAbort: true },
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/authorization|authentication/i.test(why)) throw new StartupError('NATS_URL: the server refused these credentials');
    throw new StartupError(`NATS_URL: no server answers at ${servers.join(', ')} (${why})`);
  }
}

function serversOf(url: string): { servers: string[]; tls: boolean; user?: string; pass?: string; token?: string } {
  const urls = url.split(',').map((one) => new URL(one.trim()));
  const named = urls.find(({ username }) => username !== '');
  const [user, pass] = [decodeURIComponent(named?.username ?? ''), decodeURIComponent(named?.password ?? '')];
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || '4222'}`),
    tls: urls.some(({ protocol }) => protocol === 'tls:'),
    ...(user && (pass ? { user, pass } : { token: user })),
  };
}

async function findOrMake(jsm: JetStreamManager, nc: NatsConnection, settings: StreamSettings): Promise<StreamInfo> {
  const { stream, marker } = settings;
  const wasThere = existsSync(marker) && (JSON.parse(readFileSync(marker, 'utf8')) as { stream: string }).stream === stream;
  // Servers that were all restarted may not have read again yet what they keep.
  for (const until = Date.now() + (wasThere ? REPLAY : 0); ; await wait(250)) {
    try {
      return await untilReady(() => jsm.streams.info(stream), nc);
    } catch (error) {
      if (codeOf(error) !== STREAM_NOT_FOUND) throw unusable(error);
      if (Date.now() >= until) break;
    }
  }
  if (wasThere)
    throw new StartupError(
      `NATS_STREAM=${stream}: this stream was there and is gone, and with it all that was not stored yet. To go on with a new one, remove ${marker}`,
    );
  const replicas = settings.replicas || Math.min(3, Math.max(settings.url.split(',').length, nc.info?.connect_urls?.length ?? 1));
  try {
    return await untilReady(
      () =>
        jsm.streams.add({
          ...{ name: stream, subjects: subjectsOf(stream, settings.partitions), num_replicas: replicas },
          ...{ retention: RetentionPolicy.Workqueue, storage: StorageType.File, discard: DiscardPolicy.New },
          ...{ max_bytes: settings.max_bytes || -1, duplicate_window: DUPLICATE_WINDOW * MS },
        }),
      nc,
    );
  } catch (error) {
    throw unusable(error);
  }
}

const subjectsOf = (stream: string, partitions: number): string[] =>
  Array.from({ length: partitions }, (_, partition) => `${stream}.events.${partition}`);

/** A stream that is not as it must be would lose events (another retention) or part browsers (other partitions). */
function check({ config }: StreamInfo, { stream, partitions, replicas }: StreamSettings, log: Logger): void {
  const refuse = (what: string): StartupError => new StartupError(`NATS_STREAM=${stream}: ${what}`);
  if (config.retention !== RetentionPolicy.Workqueue || config.discard !== DiscardPolicy.New || config.max_age > 0)
    throw refuse('a stream of this name exists and is not ours: it must be a work queue that refuses what it has no room for');
  if (config.subjects.length !== partitions)
    throw refuse(`it has ${config.subjects.length} partitions, PARTITIONS says ${partitions} (docs/scaling.md tells how to change them)`);
  if (config.subjects.some((subject) => !subject.startsWith(`${stream}.events.`)))
    throw refuse('a stream of this name exists and is not ours');
  if (replicas > 0 && replicas !== config.num_replicas)
    log.warn({ has: config.num_replicas, wanted: replicas }, 'the stream has another number of replicas than NATS_REPLICAS says');
}

async function untilReady<T>(ask: () => Promise<T>, nc: NatsConnection): Promise<T> {
  const until = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const code = codeOf(error);
      const starting = code === 0 || STARTING.has(code);
      if (!starting || Date.now() > until || nc.isClosed()) throw code === STREAM_NOT_FOUND ? error : unusable(error);
      await wait(250);
    }
  }
}

function unusable(error: unknown): StartupError {
  if (error instanceof StartupError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new StartupError(`NATS_URL: JetStream is not usable there (${why})`);
}

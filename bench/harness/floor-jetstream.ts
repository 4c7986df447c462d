/** The floor of the JetStream shape: node:http, one parse, the same groups published bare to the same partitions. Nothing else. */
import { createServer, type ServerResponse } from 'node:http';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

const PARTITIONS = Number(process.env['PARTITIONS'] ?? 32);
const servers = (process.env['NATS_URL'] ?? '').split(',').map((url) => new URL(url).host);
const stream = process.env['NATS_STREAM'] ?? 'floor';
const nc = await connect({ servers });
const jsm = await jetstreamManager(nc);
await jsm.streams.add({
  ...{ name: stream, subjects: Array.from({ length: PARTITIONS }, (_, n) => `${stream}.events.${n}`) },
  ...{ retention: 'workqueue', discard: 'new', storage: 'file', num_replicas: Math.min(3, servers.length) },
});
const js = jetstream(nc);

interface Waiting {
  json: string;
  res: ServerResponse;
}

const partitions = Array.from({ length: PARTITIONS }, () => ({ waiting: [] as Waiting[], busy: false }));
let n = 0;

async function publish(partition: number): Promise<void> {
  const own = partitions[partition];
  if (!own || own.busy) return;
  own.busy = true;
  await new Promise((next) => setImmediate(next));
  while (own.waiting.length > 0) {
    const group = own.waiting;
    own.waiting = [];
    n += 1;
    await js.publish(`${stream}.events.${partition}`, `[${group.map(({ json }) => json).join()}]`, { msgID: String(n) });
    for (const { res } of group) res.writeHead(204).end();
  }
  own.busy = false;
}

function partitionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % PARTITIONS;
}

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { events } = JSON.parse(Buffer.concat(chunks).toString()) as { events: { anonymous_id: string }[] };
    const partition = partitionOf(`demo ${events[0]?.anonymous_id}`);
    partitions[partition]?.waiting.push({ json: JSON.stringify(events), res });
    void publish(partition);
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`ready at http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`);
});

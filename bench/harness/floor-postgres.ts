/** The floor of the PostgreSQL shape: node:http, one parse, one durable row an event, group commit over two connections. Nothing else. */
import { createServer, type ServerResponse } from 'node:http';
import pg from 'pg';

const CONNECTIONS = 2;
const connectionString = process.env['DATABASE_URL'];

interface FloorEvent {
  event_id: string;
  time: number;
}

interface Waiting {
  events: FloorEvent[];
  res: ServerResponse;
}

let waiting: Waiting[] = [];
const idle: pg.Client[] = [];
for (let n = 0; n < CONNECTIONS; n += 1) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  idle.push(client);
}
await idle[0]?.query('CREATE TABLE IF NOT EXISTS floor_events (event_id text PRIMARY KEY, time bigint, body text)');

async function flush(): Promise<void> {
  const client = idle.pop();
  if (!client) return;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    // In the order of their keys: two connections that insert the same must not wait for each other.
    const events = group.flatMap((item) => item.events).sort((a, b) => (a.event_id < b.event_id ? -1 : 1));
    await client.query({
      name: 'insert',
      text: 'INSERT INTO floor_events SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[]) ON CONFLICT DO NOTHING',
      values: [events.map(({ event_id }) => event_id), events.map(({ time }) => time), events.map((event) => JSON.stringify(event))],
    });
    for (const { res } of group) res.writeHead(204).end();
  }
  idle.push(client);
}

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const { events } = JSON.parse(Buffer.concat(chunks).toString()) as { events: FloorEvent[] };
    waiting.push({ events, res });
    // After this turn of the event loop: what came in with it shares the commit.
    if (waiting.length === 1) setImmediate(() => void flush());
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`ready at http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`);
});

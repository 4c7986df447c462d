/** The floor that ingest and scan are held against: node:http, one parse, one durable row an event, group commit. Nothing else. */
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import Database from 'better-sqlite3';

const db = new Database(join(process.env['DATA_DIR'] ?? '.', 'floor.db'));
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.pragma('cache_size = -65536');
db.pragma('wal_autocheckpoint = 4000');
db.exec('CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, time INTEGER, body TEXT) WITHOUT ROWID');
const insert = db.prepare('INSERT OR IGNORE INTO events VALUES (?, ?, ?)');
const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')];

interface FloorEvent {
  event_id: string;
  time: number;
}

let waiting: { events: FloorEvent[]; res: ServerResponse }[] = [];
let scans = 0;

function flush(): void {
  const group = waiting;
  waiting = [];
  begin.run();
  for (const { events } of group) for (const event of events) insert.run(event.event_id, event.time, JSON.stringify(event));
  commit.run();
  for (const { res } of group) res.writeHead(204).end();
}

function store(events: FloorEvent[], res: ServerResponse): void {
  if (waiting.push({ events, res }) === 1) setImmediate(flush);
}

const server = createServer((req, res) => {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const time = Date.now();
    if (req.method === 'GET') store([{ event_id: `${time.toString(36)}-${scans++}`, time }], res);
    else store((JSON.parse(Buffer.concat(chunks).toString()) as { events: FloorEvent[] }).events, res);
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`ready at http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`);
});

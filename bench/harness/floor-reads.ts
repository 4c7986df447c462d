/** The floor that reading is held against: node:http and one plain statement on the same file, its rows written as they come. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Database from 'better-sqlite3';

const db = new Database(join(process.env['DATA_DIR'] ?? '.', 'footfall.db'), { readonly: true });
const LINKS = 'SELECT * FROM links JOIN sessions USING (session_pk) JOIN browsers ON browsers.browser_pk = links.browser_pk';
const all = db.prepare<[], Record<string, unknown>>(LINKS);
const statements = {
  '/profile': db.prepare<[string]>(`${LINKS} WHERE customer_id = ?`),
  '/timeline': db.prepare<[string]>(
    `SELECT e.* FROM events e JOIN (SELECT DISTINCT session_pk FROM links WHERE customer_id = ?) USING (session_pk)
     ORDER BY e.time DESC LIMIT 100`,
  ),
  '/changes': db.prepare<[string]>('SELECT * FROM change_log WHERE position > CAST(? AS INTEGER) ORDER BY position LIMIT 100'),
};
const LINES_AT_ONCE = 200;

function* lines(format: string): Generator<string> {
  let text: string[] = [];
  for (const row of all.iterate()) {
    text.push(format === 'csv' ? Object.values(row).join(',') : JSON.stringify(row));
    if (text.length < LINES_AT_ONCE) continue;
    yield `${text.join('\n')}\n`;
    text = [];
  }
  yield text.join('\n');
}

const server = createServer((req, res) => {
  const url = new URL(req.url ?? '', 'http://floor');
  const value = url.searchParams.get('of') ?? '';
  const statement = statements[url.pathname as keyof typeof statements];
  if (statement) res.end(JSON.stringify(statement.all(value)));
  else pipeline(Readable.from(lines(value)), res).catch(() => res.destroy());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`ready at http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`);
});

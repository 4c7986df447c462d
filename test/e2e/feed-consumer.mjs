/** A consumer as docs/feed.md tells to write one: a copy of the links table, kept in a file with the place in the feed. May be killed. A dot for each page that it has. */
import Database from 'better-sqlite3';

const [url, token, file, lastLife] = process.argv.slice(2);
const db = new Database(file);
db.exec('CREATE TABLE IF NOT EXISTS copy (name TEXT PRIMARY KEY, link TEXT) STRICT; CREATE TABLE IF NOT EXISTS place (cursor TEXT) STRICT');
const put = db.prepare('INSERT INTO copy VALUES (?, ?) ON CONFLICT DO UPDATE SET link = excluded.link');
const drop = db.prepare('DELETE FROM copy WHERE name = ?');
const go = db.prepare('UPDATE place SET cursor = ?');
const nameOf = ({ site, anonymous_id, session_id, segment }) => JSON.stringify([site, anonymous_id, session_id, segment]);
const get = async (path) => {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
  if (!response.ok) throw new Error(await response.text());
  return response;
};

let place = db.prepare('SELECT cursor FROM place').get();
if (!place) {
  const response = await get('/v1/links?format=ndjson&bots=include');
  const lines = (await response.text()).split('\n').filter(Boolean);
  place = { cursor: response.headers.get('footfall-changes-cursor') };
  db.transaction(() => {
    for (const line of lines) put.run(nameOf(JSON.parse(line)), line);
    db.prepare('INSERT INTO place VALUES (?)').run(place.cursor);
  })();
}
const links = new Map(
  db
    .prepare('SELECT name, link FROM copy')
    .all()
    .map(({ name, link }) => [name, JSON.parse(link)]),
);

/** Of a `person`: every row, and every candidate, that names this customer. */
function rename({ site, customer_id, person_id }) {
  for (const [name, link] of links) {
    if (link.site !== site) continue;
    const named = [link, ...link.candidates].filter((one) => one.customer_id === customer_id && one.person_id !== person_id);
    for (const one of named) one.person_id = person_id;
    if (named.length > 0) put.run(name, JSON.stringify(link));
  }
}

function take(change) {
  if (change.type === 'person') return rename(change);
  const name = nameOf(change.link ?? change.old);
  if (change.type === 'delete') {
    links.delete(name);
    drop.run(name);
  } else {
    links.set(name, change.link);
    put.run(name, JSON.stringify(change.link));
  }
}

for (;;) {
  const { changes, next_cursor } = await (await get(`/v1/links/changes?limit=200&since=${place.cursor}`)).json();
  db.transaction(() => {
    for (const change of changes) take(change);
    go.run(next_cursor);
  })();
  place = { cursor: next_cursor };
  process.stdout.write('.');
  if (changes.length === 0) {
    if (lastLife) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
db.close();

/** Keeping a SQLite store: copying it while it runs, and dropping what is older than it has to be kept. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type Database from 'better-sqlite3';
import { Problem, StoreUnavailable } from '../errors.ts';
import type { Tx } from './store.ts';

/** In a thread of its own with a connection of its own: one read transaction, beside which writing goes on. */
const COPY = `
const { parentPort, workerData } = require('node:worker_threads');
const { openSync, fsyncSync, closeSync, statSync } = require('node:fs');
const Database = require(workerData.driver);
function copied() {
  const source = new Database(workerData.from, { readonly: true });
  source.prepare('VACUUM INTO ?').run(workerData.to);
  source.close();
  const copy = new Database(workerData.to, { readonly: true });
  const found = copy.pragma('quick_check(1)', { simple: true });
  copy.close();
  if (found !== 'ok') throw new Error(found);
  const file = openSync(workerData.to, 'r+');
  fsyncSync(file);
  closeSync(file);
  return { bytes: statSync(workerData.to).size };
}
try {
  parentPort.postMessage(copied());
} catch ({ message }) {
  parentPort.postMessage({ error: message });
}
`;

/** Writes a whole, checked, compact copy into a file that must not be there yet. Answers its size. Rejects with a Problem that says why. */
export function copySqlite(from: string, to: string): Promise<number> {
  const driver = createRequire(import.meta.url).resolve('better-sqlite3');
  return new Promise((resolve, reject) => {
    const worker = new Worker(COPY, { eval: true, workerData: { driver, from, to } });
    worker.once('message', (said: { bytes: number } | { error: string }) => {
      if ('bytes' in said) resolve(said.bytes);
      else if (/disk is full/.test(said.error)) reject(new StoreUnavailable('full', { cause: new Error(said.error) }));
      else reject(new Problem(500, `The data cannot be copied: ${said.error}`));
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the copying thread ended early')));
  });
}

export function createUpkeepStatements(db: Database.Database): Pick<Tx, 'dropFailed' | 'dropOld'> {
  const dropFailed = db.prepare<[number]>('DELETE FROM failed_events WHERE failed_pk = ?');
  const dropOldFailed = db.prepare<[number, number]>(
    'DELETE FROM failed_events WHERE failed_pk IN (SELECT failed_pk FROM failed_events WHERE received_at < ? LIMIT ?)',
  );
  const cursor = db.prepare<[], { value: number }>("SELECT value FROM meta WHERE name = 'emptied_to'");
  const setCursor = db.prepare<[number]>(
    "INSERT INTO meta (name, value) VALUES ('emptied_to', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );
  // Rows are in the order of receipt.
  const page = db.prepare<[number, number], { event_pk: number; received_at: number }>(
    'SELECT event_pk, received_at FROM events WHERE event_pk > ? ORDER BY event_pk LIMIT ?',
  );
  const empty = db.prepare<[number, number]>(
    `UPDATE events SET payload = '' WHERE event_pk > ? AND event_pk <= ? AND type <> 'scan'
       AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.site_pk = events.site_pk AND c.event_id = events.event_id)
       AND NOT EXISTS (SELECT 1 FROM sessions s JOIN barriers b ON b.browser_pk = s.browser_pk AND b.time = events.time AND b.event_id = events.event_id
         WHERE s.session_pk = events.session_pk)
       AND NOT EXISTS (SELECT 1 FROM barriers b WHERE b.browser_pk = events.browser_pk AND b.time = events.time AND b.event_id = events.event_id)`,
  );
  return {
    async dropFailed(failed_pks) {
      for (const failed_pk of failed_pks) dropFailed.run(failed_pk);
    },
    async dropOld(before, limit) {
      const from = cursor.get()?.value ?? 0;
      const rows = page.all(from, limit);
      const young = rows.findIndex(({ received_at }) => received_at >= before);
      const old = young < 0 ? rows : rows.slice(0, young);
      const to = old.at(-1)?.event_pk;
      const events = to === undefined ? 0 : empty.run(from, to).changes;
      if (to !== undefined) setCursor.run(to);
      const failed = dropOldFailed.run(before, limit).changes;
      return { events, failed, done: old.length < limit && failed < limit };
    },
  };
}

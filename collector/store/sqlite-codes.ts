/** The statements of a SQLite write transaction about what is printed: codes and their edits, stores, GS1 targets. */
import type Database from 'better-sqlite3';
import type { CodeRow, Tx } from './store.ts';

type Statements = Pick<Tx, 'saveStore' | 'saveCode' | 'takenCodes' | 'addCodeEdit' | 'saveGs1Target' | 'dropGs1Target'>;

const CODE_COLUMNS = [
  ...['code', 'site_pk', 'target', 'label', 'kind', 'customer_id', 'single_use', 'store_id', 'placement', 'sku', 'gtin', 'campaign'],
  ...['valid_from', 'valid_until', 'fallback', 'active', 'created_at', 'updated_at'],
] as const satisfies readonly (keyof CodeRow)[];

export function createCodeStatements(db: Database.Database): Statements {
  const sql = <P extends unknown[], R = unknown>(text: string) => db.prepare<P, R>(text);
  const putStore = sql<unknown[]>('INSERT OR REPLACE INTO stores (site_pk, store_id, name, gln) VALUES (?, ?, ?, ?)');
  const putCode = sql<unknown[]>(
    `INSERT OR REPLACE INTO codes (${CODE_COLUMNS.join(', ')}) VALUES (${CODE_COLUMNS.map(() => '?').join(', ')})`,
  );
  const isTaken = sql<[string], { code: string }>('SELECT code FROM codes WHERE code = ?');
  const addEdit = sql<unknown[]>('INSERT INTO code_edits (code, edited_at, author, old, new) VALUES (?, ?, ?, ?, ?)');
  const putTarget = sql<unknown[]>(
    `INSERT INTO gs1_targets (site_pk, anchor, prefix, link_type, target, title, lang, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (site_pk, anchor, prefix, link_type, lang)
     DO UPDATE SET target = excluded.target, title = excluded.title, updated_at = excluded.updated_at`,
  );
  const dropTarget = sql<unknown[]>(
    'DELETE FROM gs1_targets WHERE site_pk = ? AND anchor = ? AND prefix = ? AND link_type = ? AND lang = ?',
  );

  return {
    async saveStore(site_pk, { store_id, name, gln }) {
      putStore.run(site_pk, store_id, name, gln);
    },
    async saveCode(code) {
      putCode.run(CODE_COLUMNS.map((column) => (typeof code[column] === 'boolean' ? Number(code[column]) : code[column])));
    },
    async takenCodes(codes) {
      return new Set([...codes].filter((code) => isTaken.get(code) !== undefined));
    },
    async addCodeEdit({ code, edited_at, author, old, new: next }) {
      addEdit.run(code, edited_at, author, JSON.stringify(old), JSON.stringify(next));
    },
    async saveGs1Target({ site_pk, anchor, prefix, link_type, target, title, lang, updated_at }) {
      putTarget.run(site_pk, anchor, prefix ? 1 : 0, link_type, target, title, lang, updated_at);
    },
    async dropGs1Target({ site_pk, anchor, prefix, link_type, lang }) {
      return dropTarget.run(site_pk, anchor, prefix ? 1 : 0, link_type, lang).changes > 0;
    },
  };
}

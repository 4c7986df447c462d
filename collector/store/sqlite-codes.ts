/** The statements of a SQLite write transaction about what is printed: codes and their edits, stores, GS1 targets. */
import type Database from 'better-sqlite3';
import type { CodeRow, Tx } from './store.ts';

type Statements = Pick<
  Tx,
  'saveStore' | 'saveCode' | 'takenCodes' | 'addCodeEdit' | 'saveGs1Target' | 'dropGs1Target' | 'addSingleUse' | 'singleUses' | 'setSpent'
>;

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
  const addUse = sql<unknown[]>('INSERT OR IGNORE INTO single_use_scans (site_pk, scan_id, code) VALUES (?, ?, ?)');
  const codeOfUse = sql<[number, string], { code: string }>('SELECT code FROM single_use_scans WHERE site_pk = ? AND scan_id = ?');
  const usesOf = sql<[string, number], { scan_id: string; spent: number }>(
    `SELECT u.scan_id, coalesce(c.revoked & 2, 0) AS spent FROM single_use_scans u
     LEFT JOIN claims c ON c.site_pk = u.site_pk AND c.event_id = u.scan_id WHERE u.code = ? AND u.site_pk = ?`,
  );
  const setSpent = sql<unknown[]>('UPDATE claims SET revoked = (revoked & 1) | ? WHERE site_pk = ? AND event_id = ?');

  return {
    async addSingleUse(site_pk, scan_id, code) {
      addUse.run(site_pk, scan_id, code);
    },
    async singleUses(site_pk, scan_ids) {
      const codes = new Set([...scan_ids].flatMap((scan_id) => codeOfUse.get(site_pk, scan_id)?.code ?? []));
      return [...codes].map((code) => new Map(usesOf.all(code, site_pk).map(({ scan_id, spent }) => [scan_id, spent !== 0])));
    },
    async setSpent(site_pk, scan_id, spent) {
      setSpent.run(spent ? 2 : 0, site_pk, scan_id);
    },
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

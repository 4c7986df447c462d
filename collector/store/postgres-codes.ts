/** The statements of a PostgreSQL write transaction about what is printed: codes and their edits, stores, GS1 targets. */
import { LOCKS } from './postgres-connect.ts';
import { prepared, texts } from './postgres-sql.ts';
import type { TxContext } from './postgres-tx.ts';
import type { CodeRow, Tx } from './store.ts';

type Statements = Pick<
  Tx,
  'saveStore' | 'saveCode' | 'takenCodes' | 'addCodeEdit' | 'saveGs1Target' | 'dropGs1Target' | 'addSingleUse' | 'singleUses' | 'setSpent'
>;

export function createCodeStatements({ session, need }: TxContext): Statements {
  return {
    async addSingleUse(site_pk, scan_id, code) {
      // All scans of a code decide together which one counts.
      await need('exclusive');
      session.send(ADD_USE, [site_pk, scan_id, code]);
    },
    async singleUses(site_pk, scan_ids) {
      const codes = await session.query<{ code: string }>(CODES_OF_USES, [site_pk, texts(scan_ids)]);
      if (codes.length === 0) return [];
      await need('exclusive');
      const uses = await session.query<{ code: string; scan_id: string; spent: number }>(USES, [
        site_pk,
        texts(codes.map(({ code }) => code)),
      ]);
      const byCode = new Map<string, Map<string, boolean>>(codes.map(({ code }) => [code, new Map()]));
      for (const { code, scan_id, spent } of uses) byCode.get(code)?.set(scan_id, spent !== 0);
      return [...byCode.values()];
    },
    async setSpent(site_pk, scan_id, spent) {
      session.send(SET_SPENT, [spent ? 2 : 0, site_pk, scan_id]);
    },
    async saveStore(site_pk, { store_id, name, gln }) {
      session.send(PUT_STORE, [site_pk, store_id, name, gln]);
    },
    async saveCode(code) {
      session.send(
        PUT_CODE,
        CODE_COLUMNS.map((column) => (typeof code[column] === 'boolean' ? Number(code[column]) : code[column])),
      );
    },
    async takenCodes(codes) {
      // What is free now stays free until the end: another collector may be making the same codes.
      session.send(LOCK_CODES);
      return new Set((await session.query<{ code: string }>(TAKEN, [texts(codes)])).map(({ code }) => code));
    },
    async addCodeEdit({ code, edited_at, author, old, new: next }) {
      session.send(ADD_EDIT, [code, edited_at, author, JSON.stringify(old), JSON.stringify(next)]);
    },
    async saveGs1Target({ site_pk, anchor, prefix, link_type, target, title, lang, updated_at }) {
      session.send(PUT_TARGET, [site_pk, anchor, prefix ? 1 : 0, link_type, target, title, lang, updated_at]);
    },
    async dropGs1Target({ site_pk, anchor, prefix, link_type, lang }) {
      return (await session.query(DROP_TARGET, [site_pk, anchor, prefix ? 1 : 0, link_type, lang])).length > 0;
    },
  };
}

const CODE_COLUMNS = [
  ...['code', 'site_pk', 'target', 'label', 'kind', 'customer_id', 'single_use', 'store_id', 'placement', 'sku', 'gtin', 'campaign'],
  ...['valid_from', 'valid_until', 'fallback', 'active', 'created_at', 'updated_at'],
] as readonly (keyof CodeRow)[];

const ADD_USE = prepared('INSERT INTO single_use_scans (site_pk, scan_id, code) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING');
const CODES_OF_USES = prepared('SELECT DISTINCT code FROM single_use_scans WHERE site_pk = $1 AND scan_id = ANY($2::text[])');
const USES = prepared(
  `SELECT u.code, u.scan_id, coalesce(c.revoked & 2, 0) AS spent FROM single_use_scans u
   LEFT JOIN claims c ON c.site_pk = u.site_pk AND c.event_id = u.scan_id WHERE u.site_pk = $1 AND u.code = ANY($2::text[])`,
);
const SET_SPENT = prepared('UPDATE claims SET revoked = (revoked & 1) | $1::smallint WHERE site_pk = $2 AND event_id = $3');
const PUT_STORE = prepared(
  `INSERT INTO stores (site_pk, store_id, name, gln) VALUES ($1, $2, $3, $4)
   ON CONFLICT (site_pk, store_id) DO UPDATE SET name = excluded.name, gln = excluded.gln`,
);
const PUT_CODE = prepared(
  `INSERT INTO codes (${CODE_COLUMNS.join(', ')}) VALUES (${CODE_COLUMNS.map((_column, index) => `$${index + 1}`).join(', ')})
   ON CONFLICT (code) DO UPDATE SET ${CODE_COLUMNS.slice(1)
     .map((column) => `${column} = excluded.${column}`)
     .join(', ')}`,
);
const LOCK_CODES = prepared(`SELECT pg_advisory_xact_lock(${LOCKS.codes})`);
const TAKEN = prepared('SELECT code FROM codes WHERE code = ANY($1::text[])');
const ADD_EDIT = prepared('INSERT INTO code_edits (code, edited_at, author, old, new) VALUES ($1, $2, $3, $4, $5)');
const PUT_TARGET = prepared(
  `INSERT INTO gs1_targets (site_pk, anchor, prefix, link_type, target, title, lang, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
   ON CONFLICT (site_pk, anchor, prefix, link_type, lang)
   DO UPDATE SET target = excluded.target, title = excluded.title, updated_at = excluded.updated_at`,
);
const DROP_TARGET = prepared(
  `DELETE FROM gs1_targets WHERE site_pk = $1 AND anchor = $2 AND prefix = $3 AND link_type = $4 AND lang = $5 RETURNING anchor`,
);

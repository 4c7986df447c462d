/** Moves a whole store into an empty one: table by table in the order of keys, resumable, and compared row by row before it may be used. */
import { createHash } from 'node:crypto';
import { Problem } from '../errors.ts';

export type Value = string | number | Buffer | null;

export interface MovedTable {
  name: string;
  columns: readonly string[];
  /** The primary key's columns, in its order. */
  key: readonly string[];
}

/** Rows of a table after this key (null: from the beginning), in the key's order; none: that was all. */
type Page = (table: MovedTable, after: readonly Value[] | null) => Promise<Value[][]>;

export interface MoveSource {
  /** The same for the same store, whatever was added to it. */
  identity: string;
  /** Everything but `meta`. */
  tables: readonly MovedTable[];
  /** Up to which event retention has come. */
  emptied_to: number | null;
  count(table: MovedTable): number;
  page: Page;
  close(): void;
}

export interface MoveTarget {
  /** How far an earlier run came; null: this table was not begun. */
  progress(table: MovedTable): { rows: number; after: Value[] } | null;
  /** Stores rows and how far that is, in one transaction. */
  put(table: MovedTable, rows: readonly Value[][], progress: { rows: number; after: Value[] }): Promise<void>;
  page: Page;
  /** Events without a key to dedupe by, and keys without an event. */
  unmatchedKeys(): Promise<number>;
  /** Makes new keys begin after the old ones, and lets collectors in. */
  finish(emptied_to: number | null): Promise<void>;
  close(): Promise<void>;
}

export interface MoveReport {
  /** An earlier run had begun it. */
  resumed: boolean;
  rows: number;
  tables: Record<string, number>;
  /** SHA-256 over every column of every row of `links`, in the order of keys, on both sides. */
  links_sha256: string;
}

export type MoveProgress = (what: 'moved' | 'verified', done: number, total: number) => void;

export async function moveStore(source: MoveSource, target: MoveTarget, onProgress: MoveProgress): Promise<MoveReport> {
  const counts = source.tables.map((table) => source.count(table));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const resumed = source.tables.some((table) => target.progress(table) !== null);
  let moved = 0;
  for (const table of source.tables) {
    const before = target.progress(table);
    let rows = before?.rows ?? 0;
    let after = before?.after ?? null;
    moved += rows;
    for (;;) {
      const page = await source.page(table, after);
      const last = page.at(-1);
      if (!last) break;
      rows += page.length;
      moved += page.length;
      after = keyOf(table, last);
      await target.put(table, page, { rows, after });
      onProgress('moved', moved, total);
    }
  }

  const tables: Record<string, number> = {};
  let links_sha256 = '';
  let verified = 0;
  for (const table of source.tables) {
    const tell = (rows: number): void => {
      verified += rows;
      onProgress('verified', verified / 2, total);
    };
    const [there, here] = [await digest(source.page, table, tell), await digest(target.page, table, tell)];
    if (there.rows !== here.rows || there.sha256 !== here.sha256) throw differs(table.name, there, here);
    tables[table.name] = here.rows;
    if (table.name === 'links') links_sha256 = here.sha256;
  }
  const unmatched = await target.unmatchedKeys();
  if (unmatched > 0) throw new Problem(409, `${unmatched} events and keys of events do not match each other; nothing may use this target`);
  await target.finish(source.emptied_to);
  return { resumed, rows: total, tables, links_sha256 };
}

/** The key's values in a row. */
export function keyOf({ columns, key }: MovedTable, row: readonly Value[]): Value[] {
  return key.map((name) => row[columns.indexOf(name)] ?? null);
}

interface Digest {
  rows: number;
  sha256: string;
}

async function digest(page: Page, table: MovedTable, tell: (rows: number) => void): Promise<Digest> {
  const hash = createHash('sha256');
  let rows = 0;
  for (let after: Value[] | null = null; ; ) {
    const some: Value[][] = await page(table, after);
    const last = some.at(-1);
    if (!last) return { rows, sha256: hash.digest('hex') };
    for (const row of some)
      hash.update(`${JSON.stringify(row.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)))}\n`);
    rows += some.length;
    tell(some.length);
    after = keyOf(table, last);
  }
}

function differs(name: string, there: Digest, here: Digest): Problem {
  const what = there.rows === here.rows ? `its ${here.rows} rows are not the same` : `${there.rows} rows became ${here.rows}`;
  return new Problem(
    409,
    `The table ${name} differs: ${what}. If the source was used after the move had begun, move again from the beginning with --restart`,
  );
}

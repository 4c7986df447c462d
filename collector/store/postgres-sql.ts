/** How statements go to PostgreSQL: prepared by name, many rows as one array a column, sent without waiting for the one before. */
import type { Writable } from 'node:stream';
import type { PoolClient, QueryResult } from 'pg';

/** A statement that each connection prepares once. */
export interface Statement {
  name: string;
  text: string;
}

let made = 0;
export function prepared(text: string): Statement {
  made += 1;
  return { name: `footfall_${made}`, text };
}

/** Rows as parameters: `from` is an `unnest` of one array a column, to stand in a FROM clause; `values` are its parameters. */
export interface RowParameters {
  from: string;
  names: string[];
  values(rows: readonly (readonly unknown[])[]): Buffer[];
}

/** `columns`: `name type, name type`; `first`: the number of the first parameter. */
export function rowParameters(columns: string, first = 1): RowParameters {
  const pairs = columns.split(',').map((column) => column.trim().split(/\s+/) as [name: string, type: keyof typeof ELEMENTS]);
  const names = pairs.map(([name]) => name);
  const arrays = pairs.map(([, type], index) => `$${first + index}::${type}[]`);
  return {
    from: `unnest(${arrays.join(', ')}) AS x(${names.join(', ')})`,
    names,
    values: (rows) => pairs.map(([, type], column) => arrayOf(type, rows.length, (row) => rows[row]?.[column])),
  };
}

export const numbers = (values: Iterable<number>): Buffer => listOf('bigint', [...values]);
export const texts = (values: Iterable<string>): Buffer => listOf('text', [...values]);

const listOf = (type: keyof typeof ELEMENTS, values: readonly unknown[]): Buffer => arrayOf(type, values.length, (at) => values[at]);

/** How many bytes an element may take, and what writes it; answers how many it took. */
interface Element {
  oid: number;
  most(value: unknown): number;
  write(to: Buffer, at: number, value: unknown): number;
}

const ELEMENTS = {
  bigint: integers(20, 8, (to, at, value) => {
    to.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
    to.writeUInt32BE(value >>> 0, at + 4);
  }),
  integer: integers(23, 4, (to, at, value) => void to.writeInt32BE(value, at)),
  smallint: integers(21, 2, (to, at, value) => void to.writeInt16BE(value, at)),
  text: {
    oid: 25,
    most: (value) => (value as string).length * 3,
    write: (to, at, value) => to.write(value as string, at, 'utf8'),
  },
  bytea: {
    oid: 17,
    most: (value) => (value as Buffer).length,
    write: (to, at, value) => (value as Buffer).copy(to, at),
  },
} satisfies Record<string, Element>;

function integers(oid: number, bytes: number, write: (to: Buffer, at: number, value: number) => void): Element {
  return {
    oid,
    most: () => bytes,
    write(to, at, value) {
      if (!Number.isSafeInteger(value)) throw new TypeError(`not an integer: ${value}`);
      write(to, at, value as number);
      return bytes;
    },
  };
}

const ARRAY_HEADER = 20;
/** The length of what follows, or that it is NULL. */
const ELEMENT_HEADER = 4;

/**
 * An array in PostgreSQL's binary format (array_send, in its arrayfuncs.c): dimensions, whether there are NULLs, the elements' type, their
 * number, the first one's index; then each with its length. As text, escaping it here and reading it there took a quarter longer.
 */
function arrayOf(type: keyof typeof ELEMENTS, length: number, valueAt: (at: number) => unknown): Buffer {
  const { oid, most, write }: Element = ELEMENTS[type];
  let size = ARRAY_HEADER;
  for (let at = 0; at < length; at += 1) {
    const value = valueAt(at);
    size += ELEMENT_HEADER + (value === null || value === undefined ? 0 : most(value));
  }
  const bytes = Buffer.allocUnsafe(size);
  let end = ARRAY_HEADER;
  let nulls = 0;
  for (let at = 0; at < length; at += 1) {
    const value = valueAt(at);
    let taken = -1;
    if (value === null || value === undefined) nulls = 1;
    else taken = write(bytes, end + ELEMENT_HEADER, value);
    bytes.writeInt32BE(taken, end);
    end += ELEMENT_HEADER + Math.max(taken, 0);
  }
  bytes.writeInt32BE(length === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(nulls, 4);
  bytes.writeInt32BE(oid, 8);
  bytes.writeInt32BE(length, 12);
  bytes.writeInt32BE(1, 16);
  return bytes.subarray(0, length === 0 ? 12 : end);
}

/** The statements of one transaction on its connection. */
export interface Session {
  /** Sends it behind what was sent before; what fails is told when the next answer is awaited, or at the end. */
  send(statement: Statement, values?: readonly unknown[]): void;
  /** Sends it and waits for its rows. */
  query<R>(statement: Statement, values?: readonly unknown[]): Promise<R[]>;
  /** Waits for all that was sent. */
  settle(): Promise<void>;
  /** What failed first: after it, the others say only that the transaction is over. */
  failure(): unknown;
}

export function createSession(client: PoolClient): Session {
  let sent: Promise<QueryResult>[] = [];
  let failure: unknown;
  let gathering = false;

  /** What one turn sends goes out in one piece: a system call for each statement takes longer than most of them do. */
  function gather(): void {
    if (gathering) return;
    const { stream } = (client as unknown as { connection: { stream: Writable } }).connection;
    gathering = true;
    stream.cork();
    process.nextTick(() => {
      gathering = false;
      stream.uncork();
    });
  }

  function run(statement: Statement, values: readonly unknown[]): Promise<QueryResult> {
    gather();
    const answer = client.query({ ...statement, values: values as unknown[] });
    answer.catch((error: unknown) => {
      failure ??= error;
    });
    return answer;
  }

  async function settle(): Promise<void> {
    const answers = sent;
    sent = [];
    for (const answer of answers) await answer;
  }

  return {
    send(statement, values = []) {
      sent.push(run(statement, values));
    },
    async query<R>(statement: Statement, values: readonly unknown[] = []) {
      const answer = run(statement, values);
      await settle();
      return (await answer).rows as R[];
    },
    settle,
    failure: () => failure,
  };
}

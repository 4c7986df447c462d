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
  values(rows: readonly (readonly unknown[])[]): string[];
}

/** `columns`: `name type, name type`; `first`: the number of the first parameter. */
export function rowParameters(columns: string, first = 1): RowParameters {
  const pairs = columns.split(',').map((column) => column.trim().split(/\s+/) as [name: string, type: string]);
  const names = pairs.map(([name]) => name);
  const arrays = pairs.map(([, type], index) => `$${first + index}::${type}[]`);
  const encoders = pairs.map(([, type]) => (type === 'text' ? textElement : type === 'bytea' ? bytesElement : numberElement));
  return {
    from: `unnest(${arrays.join(', ')}) AS x(${names.join(', ')})`,
    names,
    values: (rows) => encoders.map((encode, column) => `{${rows.map((row) => encode(row[column])).join(',')}}`),
  };
}

export const numbers = (values: Iterable<number>): string => `{${[...values].join(',')}}`;
export const texts = (values: Iterable<string>): string => `{${[...values].map(textElement).join(',')}}`;

function numberElement(value: unknown): string {
  return value === null || value === undefined ? 'NULL' : String(Number(value));
}

function textElement(value: unknown): string {
  return value === null || value === undefined ? 'NULL' : `"${(value as string).replace(/["\\]/g, '\\$&')}"`;
}

function bytesElement(value: unknown): string {
  return `"\\\\x${(value as Buffer).toString('hex')}"`;
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

/** `footfall links export`: a selection, or the changes since a cursor, into a file; killed, the same command goes on where it was. */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import type { Client } from './cli-client.ts';
import { print, progress, withClient } from './cli-shared.ts';
import { csvHeader, csvRows } from './export/csv.ts';
import { EXPORT_FORMATS, type ExportFormat } from './export/export.ts';
import { ndjsonRows } from './export/ndjson.ts';
import { linksAsParquet } from './export/parquet.ts';
import type { LinkRow } from './store/link-row.ts';

export function addLinkCommands(program: Command): void {
  const links = program.command('links').description('which session belongs to which customer');
  links
    .command('export')
    .description('the links table, or what changed in it since a cursor; run again after a kill, it goes on')
    .addOption(new Option('--format <format>').choices(EXPORT_FORMATS).default('csv'))
    .option(
      '--since <moment>',
      'sessions begun since then (ISO 8601 or milliseconds); or a changes cursor: the changes since it, as ndjson',
    )
    .option('--until <moment>', 'sessions begun before then')
    .option('--site <site>')
    .option('--status <status>', 'linked, ambiguous, anonymous, logged_out or kiosk')
    .option('--bots', 'machines too')
    .option('--out <file>', 'a file instead of standard output; FILE.part holds what is there so far')
    .option('--json', 'print a summary as JSON')
    .action((options: Options, command: Command) => {
      const { out, json, format, since } = options;
      if (json && out === undefined) command.error('error: --json prints a summary, and needs --out for the links');
      const changes = since !== undefined && !/^(\d{4}-|\d+$)/.test(since);
      if (changes && format !== 'ndjson') command.error('error: changes since a cursor are --format ndjson');
      return withClient(async (client) => {
        const query = queryOf(options, changes);
        if (out === undefined) return changes ? printChanges(client, query) : stream(client, query, format);
        const summary = await exportTo(out, { client, format, query, changes });
        print(json, summary, ({ rows, bytes, changes_cursor, resumed }) => [
          `${rows} ${changes ? 'changes' : 'links'}, ${bytes} bytes: ${out}${resumed ? ' (went on where it was)' : ''}`,
          `\nchanges from here on: --since ${changes_cursor} --format ndjson`,
        ]);
      });
    });
}

interface Options {
  format: ExportFormat;
  since?: string;
  until?: string;
  site?: string;
  status?: string;
  bots?: boolean;
  out?: string;
  json?: boolean;
}

/** What is in FILE.part, beside it in FILE.part.json. */
interface Part {
  /** What was asked for: another question begins anew. */
  asked: string;
  rows: number;
  bytes: number;
  /** Where the next page begins; null: all pages are there. */
  cursor: string | null;
  changes_cursor: string;
}

interface Summary {
  rows: number;
  bytes: number;
  /** Where the change feed goes on. */
  changes_cursor: string;
  format: ExportFormat;
  out: string;
  resumed: boolean;
}

interface Export {
  client: Client;
  format: ExportFormat;
  query: URLSearchParams;
  changes: boolean;
}

const PAGE = 1_000;

function queryOf({ since, until, site, status, bots }: Options, changes: boolean): URLSearchParams {
  const narrowing = { ...(until && { to: until }), ...(status && { status }), ...(bots && { bots: 'include' }) };
  return new URLSearchParams({ ...(site && { site }), ...(since && (changes ? { since } : { from: since })), ...(!changes && narrowing) });
}

async function stream(client: Client, query: URLSearchParams, format: ExportFormat): Promise<void> {
  const response = await client.call('GET', `/v1/links?format=${format}&${query}`);
  await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), process.stdout, { end: false });
}

async function printChanges(client: Client, query: URLSearchParams): Promise<void> {
  for (let cursor: string | null = query.get('since'); cursor !== null; ) {
    const page = await changesPage(client, query, cursor);
    process.stdout.write(page.text);
    cursor = page.cursor;
  }
}

/** Pages into FILE.part, each durable with its place before the next is asked for; then the whole under its own name. */
async function exportTo(out: string, { client, format, query, changes }: Export): Promise<Summary> {
  const [file, state] = [`${out}.part`, `${out}.part.json`];
  const asked = `${format} ${query}`;
  const kept = existsSync(state) && existsSync(file) ? (JSON.parse(readFileSync(state, 'utf8')) as Part) : null;
  const resumed = kept?.asked === asked;
  const part: Part = resumed ? kept : { asked, rows: 0, bytes: 0, cursor: changes ? query.get('since') : '', changes_cursor: '' };
  const fd = openSync(file, resumed ? 'r+' : 'w');
  try {
    ftruncateSync(fd, part.bytes);
    const append = (text: string): void => {
      const bytes = Buffer.from(text);
      writeSync(fd, bytes, 0, bytes.length, part.bytes);
      part.bytes += bytes.length;
    };
    if (!resumed && format === 'csv') append(csvHeader());
    while (part.cursor !== null) {
      const page: Page = changes ? await changesPage(client, query, part.cursor) : await linksPage(client, query, part.cursor, format);
      append(page.text);
      fsyncSync(fd);
      part.rows += page.rows;
      if (changes || part.changes_cursor === '') part.changes_cursor = page.changes_cursor;
      part.cursor = page.cursor;
      writeFileSync(`${state}.new`, JSON.stringify(part));
      renameSync(`${state}.new`, state);
      progress('exported', page.share, 1);
    }
  } finally {
    closeSync(fd);
    // Nothing to go on from, as where the question was refused.
    if (part.rows === 0 && part.cursor !== null) rmSync(file);
  }
  if (format === 'parquet') {
    await pipeline(Readable.from(linksAsParquet(rowsOf(file))), createWriteStream(`${out}.new`, { flush: true }));
    renameSync(`${out}.new`, out);
    rmSync(file);
  } else renameSync(file, out);
  rmSync(state);
  const { rows, changes_cursor } = part;
  return { rows, bytes: statSync(out).size, changes_cursor, format, out, resumed };
}

interface Page {
  text: string;
  rows: number;
  cursor: string | null;
  changes_cursor: string;
  /** How much of the whole is behind this page, from 0 to 1. */
  share: number;
}

async function linksPage(client: Client, query: URLSearchParams, cursor: string, format: ExportFormat): Promise<Page> {
  const response = await client.call('GET', `/v1/links?limit=${PAGE}&cursor=${cursor}&${query}`);
  const { links, next_cursor, changes_cursor } = (await response.json()) as {
    links: LinkRow[];
    next_cursor: string | null;
    changes_cursor: string;
  };
  const share = next_cursor === null ? 1 : Number(response.headers.get('footfall-progress') ?? 0);
  return { text: format === 'csv' ? csvRows(links) : ndjsonRows(links), rows: links.length, cursor: next_cursor, changes_cursor, share };
}

async function changesPage(client: Client, query: URLSearchParams, since: string): Promise<Page> {
  const asked = new URLSearchParams({ ...Object.fromEntries(query), since, limit: String(PAGE) });
  const { changes, next_cursor } = await client.json<{ changes: object[]; next_cursor: string }>('GET', `/v1/links/changes?${asked}`);
  const all = changes.length < PAGE;
  const text = changes.map((change) => `${JSON.stringify(change)}\n`).join('');
  return { text, rows: changes.length, cursor: all ? null : next_cursor, changes_cursor: next_cursor, share: all ? 1 : 0 };
}

async function* rowsOf(file: string): AsyncGenerator<LinkRow[]> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }))
    yield [JSON.parse(line) as LinkRow];
}

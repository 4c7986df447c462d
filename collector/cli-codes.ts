/** The commands about printed codes: list, make from CSV, edit, retire, print. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { stringify } from 'csv-stringify/sync';
import type { Client } from './cli-client.ts';
import { print, progress, withClient } from './cli-shared.ts';
import { Problem } from './errors.ts';
import type { CodesImported } from './http/codes.ts';
import { ERROR_CORRECTIONS } from './scan/picture.ts';
import { drawSheets, SHEET_NAMES, SHEETS, type SheetName } from './scan/sheet.ts';
import { CAPTIONS, type Caption, labelOf } from './scan/sheet-label.ts';

interface Code {
  code: string;
  url: string;
  target: string;
  label: string;
  active: boolean;
}

/** Bytes sent between two steps of the progress bar. */
const CHUNK = 65_536;

export function addCodeCommands(program: Command): void {
  const codes = program.command('codes').description('printed QR codes');
  codes
    .command('list')
    .option('--site <site>')
    .option('--store <id>')
    .option('--placement <name>')
    .option('--campaign <name>')
    .option('--json', 'print JSON')
    .action(({ json, ...filter }: { json?: boolean } & Record<string, string>) =>
      withClient(async (client) => {
        const answer = await client.json<{ codes: Code[] }>('GET', `/v1/codes?${new URLSearchParams(filter)}`);
        print(json, answer.codes, (row) => [row.code, row.url, row.target, row.label, row.active ? '' : 'retired']);
      }),
    );

  codes
    .command('import')
    .description('codes from a CSV file: all of it, or with any fault nothing')
    .argument('<file>', 'columns: target and any of code, label, store_id, placement, sku, gtin, … (docs/codes.md)')
    .option('--site <site>')
    .option('--dry-run', 'only check it')
    .option('--rejects <file>', 'write the faults there as CSV: line, field, reason')
    .option('--json', 'print JSON')
    .action((file: string, options: { site?: string; dryRun?: boolean; rejects?: string; json?: boolean }) =>
      withClient(async (client) => {
        const answer = await importCodes(client, file, options);
        if (options.rejects !== undefined && answer.rejected.length > 0) writeRejects(options.rejects, answer);
        print(options.json, answer, ({ rows, imported, dry_run, rejected }) => [
          dry_run ? `${rows} rows, ${rejected.length} faults; nothing was written` : `imported ${imported} of ${rows} rows`,
          ...rejected.slice(0, 20).map(({ line, field, reason }) => `\nline ${line}: ${field === null ? '' : `${field}: `}${reason}`),
          ...(rejected.length > 20 ? [`\n… and ${rejected.length - 20} more`] : []),
        ]);
        if (answer.rejected.length > 0) process.exitCode = 1;
      }),
    );

  codes
    .command('sheet')
    .description('a PDF of codes to print')
    .argument('[code...]', 'these; else all that fit the options')
    .requiredOption('--out <file>')
    .addOption(new Option('--sheet <name>', 'label sheet').choices(SHEET_NAMES).default('a4-24'))
    .addOption(new Option('--caption <kind>').choices(CAPTIONS).default('both'))
    .addOption(new Option('--error-correction <level>').choices(ERROR_CORRECTIONS).default('medium'))
    .option('--skip <n>', 'labels of the first sheet that are used up')
    .option('--site <site>')
    .option('--store <id>')
    .option('--placement <name>')
    .option('--campaign <name>')
    .action((wanted: string[], options: SheetOptions) => withClient((client) => printSheet(client, wanted, options)));

  const edit = (code: string, change: object): Promise<void> =>
    withClient(async (client) => {
      const row = await client.json<Code>('PATCH', `/v1/codes/${encodeURIComponent(code)}`, change);
      print(false, row, ({ code: name, target, active }) => [name, active ? `leads to ${target}` : 'is retired']);
    });
  codes
    .command('edit')
    .description('where a code leads from its next scan on')
    .argument('<code>')
    .option('--target <url>')
    .option('--label <text>')
    .option('--fallback <url>', 'where its scans go once it is retired')
    .action((code: string, change: Record<string, string>) => edit(code, change));
  codes
    .command('retire')
    .description('its scans go to its fallback from now on')
    .argument('<code>')
    .option('--fallback <url>')
    .action((code: string, change: Record<string, string>) => edit(code, { ...change, active: false }));
}

interface SheetOptions {
  out: string;
  sheet: SheetName;
  caption: Caption;
  errorCorrection: (typeof ERROR_CORRECTIONS)[number];
  skip?: string;
  site?: string;
  store?: string;
  placement?: string;
  campaign?: string;
}

/** Draws here, not in the collector, so that a large run holds up no scan and shows how far it is. */
async function printSheet(client: Client, wanted: readonly string[], options: SheetOptions): Promise<void> {
  const { out, sheet, caption, errorCorrection, skip, ...filter } = options;
  const { codes: found } = await client.json<{ codes: Code[] }>('GET', `/v1/codes?${new URLSearchParams(filter)}`);
  const byCode = new Map(found.map((code) => [code.code, code]));
  const rows = wanted.length === 0 ? found : wanted.map((code) => byCode.get(code.toUpperCase()) ?? missing(code));
  if (rows.length === 0) throw new Problem(404, 'No code fits');
  const layout = SHEETS[sheet];
  const drawn = await drawSheets(
    rows.map((row) => labelOf(row, row.url, caption)),
    layout,
    {
      error_correction: errorCorrection,
      skip: Math.min(Number(skip ?? 0) || 0, layout.columns * layout.rows - 1),
      onProgress: (count) => progress('drawn', count, rows.length),
    },
  );
  if (!drawn.ok) throw new Problem(400, `${drawn.url} would have modules of ${drawn.module_mm.toFixed(2)} mm: too small to read`);
  writeFileSync(out, drawn.pdf);
  print(false, { rows: rows.length, pages: drawn.pages }, (done) => [`${done.rows} codes on ${done.pages} pages: ${out}`]);
}

function missing(code: string): never {
  throw new Problem(404, `No such code: ${code}`);
}

async function importCodes(client: Client, file: string, { site, dryRun }: { site?: string; dryRun?: boolean }): Promise<CodesImported> {
  if (!existsSync(file)) throw new Problem(404, `No such file: ${file}`);
  const bytes = readFileSync(file);
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= bytes.length) return controller.close();
      controller.enqueue(new Uint8Array(bytes.subarray(sent, sent + CHUNK)));
      sent = Math.min(bytes.length, sent + CHUNK);
      progress('sent', sent, bytes.length);
    },
  });
  const query = new URLSearchParams({ ...(site && { site }), ...(dryRun && { dry_run: '1' }) });
  return client.json<CodesImported>('POST', `/v1/codes/import?${query}`, body).catch((error: unknown) => {
    if (error instanceof Problem && error.status === 422) return error.more as unknown as CodesImported;
    throw error;
  });
}

function writeRejects(file: string, { rejected }: CodesImported): void {
  writeFileSync(file, stringify(rejected, { header: true, columns: ['line', 'field', 'reason'], escape_formulas: true }));
}

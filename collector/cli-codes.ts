/** The commands about printed codes: list, make from CSV, edit, retire, print. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import type { Client } from './cli-client.ts';
import { print, progress, withClient } from './cli-shared.ts';
import { Problem } from './errors.ts';
import type { CodesImported } from './http/codes.ts';

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

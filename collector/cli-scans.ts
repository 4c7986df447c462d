/** The commands about scans: what they led to, and codes that nobody scans. */
import type { Command } from 'commander';
import { print, withClient } from './cli-shared.ts';
import type { ReportRow } from './scan/report.ts';

export function addScanCommands(program: Command): void {
  const scans = program.command('scans').description('what printed codes lead to');
  scans
    .command('report')
    .description('scans, people, and what they did within days, by code, store, placement, product, hour, day or month')
    .option('--by <dimensions>', 'one, or several with commas', 'code')
    .option('--from <time>', 'ISO 8601 or milliseconds')
    .option('--to <time>')
    .option('--days <n>', 'how long an action counts after a scan', '7')
    .option('--site <site>')
    .option('--store <id>')
    .option('--code <code>')
    .option('--json', 'print JSON')
    .action(({ json, ...query }: { json?: boolean } & Record<string, string>) =>
      withClient(async (client) => {
        const { rows } = await client.json<{ rows: ReportRow[] }>('GET', `/v1/scans/report?${new URLSearchParams(query)}`);
        print(json, rows, (row) => [
          ...Object.values(row.by).map((value) => value ?? '-'),
          `${row.scans} scans, ${row.browsers} browsers, ${Math.round(row.known_share * 100)} % known`,
          `${row.views} viewed, ${row.carts} carted, ${row.purchases} bought (${row.product_purchases} this product)`,
          `${row.orders} orders`,
          ...Object.entries(row.revenue).map(([currency, sum]) => `${sum} ${currency}`),
        ]);
      }),
    );
  scans
    .command('dead')
    .description('codes in use that nobody scanned for some days')
    .option('--days <n>', 'since when', '30')
    .option('--site <site>')
    .option('--json', 'print JSON')
    .action(({ json, ...query }: { json?: boolean } & Record<string, string>) =>
      withClient(async (client) => {
        type Dead = { code: string; label: string; store_id: string | null; last_scan_at: number | null };
        const { codes } = await client.json<{ codes: Dead[] }>('GET', `/v1/scans/dead?${new URLSearchParams(query)}`);
        print(json, codes, ({ code, label, store_id, last_scan_at }) => [
          ...[code, store_id ?? '-', last_scan_at === null ? 'never' : new Date(last_scan_at).toISOString(), label],
        ]);
      }),
    );
}

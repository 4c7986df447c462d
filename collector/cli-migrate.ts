/** `footfall migrate-store`: from the SQLite file into PostgreSQL, while no collector runs. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { print, progress } from './cli-shared.ts';
import { readConfig } from './config.ts';

export function addMigrateCommand(program: Command): void {
  program
    .command('migrate-store')
    .description('moves a SQLite store into an empty PostgreSQL database; run again, it goes on where it was')
    .argument('[places...]', 'FROM TO, or TO alone, instead of the options')
    .option('--from <file>', 'the SQLite file; else DATA_DIR/footfall.db')
    .option('--to <url>', 'postgres://…; else DATABASE_URL')
    .option('--restart', 'take out what an unfinished move put in, and begin again')
    .option('--json', 'print JSON')
    .action(async (places: string[], options: { from?: string; to?: string; restart?: boolean; json?: boolean }, command: Command) => {
      const config = readConfig(process.env);
      const [to = options.to ?? config.database_url, from = options.from ?? join(config.data_dir, 'footfall.db'), ...more] =
        places.toReversed();
      if (more.length > 0) command.error('error: expected FROM TO');
      if (!(/^postgres(?:ql)?:\/\//.test(to) && URL.canParse(to)))
        command.error('error: --to: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, or DATABASE_URL');
      const { migrateStore } = await import('./collector.ts');
      const report = await migrateStore({ from, to, restart: options.restart ?? false }, progress);
      print(options.json, report, ({ resumed, rows, tables, links_sha256 }) => [
        `${resumed ? 'moved (the last part now)' : 'moved'} ${rows} rows of ${Object.keys(tables).length} tables, every one compared.`,
        `\nlinks: ${tables['links']}, SHA-256 ${links_sha256}`,
        '\nStart collectors with this DATABASE_URL; the SQLite file is as it was, and no longer used.',
      ]);
    });
}

/** `footfall backup` and `footfall failed`. */
import { createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { print, withClient } from './cli-shared.ts';
import { Problem } from './errors.ts';
import type { Retried } from './intake/retry.ts';

export function addUpkeepCommands(program: Command): void {
  program
    .command('backup')
    .description('a whole, checked copy of the data, as of one moment, while the collector runs')
    .argument('<file>', 'a new file; restore it as DATA_DIR/footfall.db')
    .option('--json', 'print JSON')
    .action((file: string, { json }: { json?: boolean }) =>
      withClient(async (client) => {
        if (existsSync(file)) throw new Problem(409, `${file} is there already`);
        const part = `${file}.part`;
        try {
          const { body } = await client.call('POST', '/v1/backup');
          // It holds customers and keys: for its owner only.
          const out = createWriteStream(part, { mode: 0o600 });
          await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), out);
          const written = await open(part, 'r+');
          await written.sync();
          await written.close();
          await rename(part, file);
          print(json, { file, bytes: out.bytesWritten }, ({ bytes }) => [`${file}: ${(bytes / 1e6).toFixed(1)} MB`]);
        } finally {
          await rm(part, { force: true });
        }
      }),
    );

  const failed = program.command('failed').description('events that were refused, as they came');
  failed
    .command('list')
    .option('--limit <n>', 'how many at most', '100')
    .option('--json', 'print JSON')
    .action(({ limit, json }: { limit: string; json?: boolean }) =>
      withClient(async (client) => {
        type Row = { failed_pk: number; site: string; event_id: string | null; reason: string; field: string | null; raw: string };
        const answer = await client.json<{ failed: Row[] }>('GET', `/v1/failed?limit=${encodeURIComponent(limit)}`);
        print(json, answer.failed, ({ failed_pk, site, event_id, reason, field, raw }) => [
          String(failed_pk),
          site,
          event_id ?? '-',
          field === null ? reason : `${reason} (${field})`,
          raw.slice(0, 100),
        ]);
      }),
    );
  failed
    .command('retry')
    .description('tries each again; what is good by now is stored and leaves the list')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) =>
      withClient(async (client) => {
        print(json, await client.json<Retried>('POST', '/v1/failed/retry'), (sum) => [
          `tried ${sum.tried}: stored ${sum.stored}, duplicate ${sum.duplicate}, failed ${sum.failed}`,
        ]);
      }),
    );
}

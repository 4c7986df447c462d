/** Runs a collector as a process: settings from the environment, an orderly end. */
import { setFlagsFromString } from 'node:v8';
import { createCollector } from './collector.ts';
import { type Config, readConfig } from './config.ts';
import { StartupError } from './errors.ts';

/** Time for the last answers after an I/O error. */
const ANSWERS_MS = 500;

/**
 * How V8 keeps memory, both measured (docs/adr/0006-what-the-profile-said.md). After an import, whose objects live long, it would make
 * those of every request among the old ones.
 */
const V8_FLAGS = ['--no-allocation-site-pretenuring'];
/**
 * By itself it lets a heap of this size grow to four times of what lives in it before it looks. That is right beside PostgreSQL, where
 * events live until they are applied (docs/adr/0012-a-journal-before-postgres.md); a shop's one process is to stay small.
 */
const SMALL_FLAGS = ['--heap-growing-percent=50'];

/** Runs until SIGTERM or SIGINT. A start that cannot go on ends the process with 1 and one line that says why. */
export async function serve(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  let config: Config;
  try {
    config = readConfig(env);
    for (const flag of [...V8_FLAGS, ...(config.database_url ? [] : SMALL_FLAGS)]) setFlagsFromString(flag);
    const collector = await createCollector(config, {
      // Whoever waits is told 503 first. Then as in a crash: an orderly exit closes the file, which would fsync again.
      onBroken: () => void setTimeout(() => process.kill(process.pid, 'SIGKILL'), ANSWERS_MS),
    });
    const stop = (): void => {
      process.off('SIGTERM', stop).off('SIGINT', stop);
      collector.log.info('stopping');
      void collector.close().then(() => process.exit(0));
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
    process.stdout.write(welcome(collector.url, collector.admin_token, collector.admin_token_is_new, config));
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    process.stderr.write(`footfall: ${error.message}\n`);
    process.exit(1);
  }
}

function welcome(url: string, token: string, isNew: boolean, { demo, data_dir }: Config): string {
  const lines = [
    `Footfall is ready at ${url}`,
    '',
    `  See links   ${url}/#token=${isNew ? token : `… (the admin token, in ${data_dir}/admin-token)`}`,
    ...(demo ? [`  Demo shop   ${url}/demo/`] : []),
    ...(isNew ? [`  Admin token ${token}  (shown once; kept in ${data_dir}/admin-token)`] : []),
    '',
    '  Paste into each page of the shop:',
    `  <script async src="${url}/t.js" data-site="${demo ? 'demo' : 'SITE'}"></script>`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}

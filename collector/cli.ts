/** The `footfall` command. Exit codes: 0 done, 1 refused or failed, 2 misused. */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { addCheckCommand } from './cli-check.ts';
import { addCodeCommands } from './cli-codes.ts';
import { addLinkCommands } from './cli-links.ts';
import { addMigrateCommand } from './cli-migrate.ts';
import { addScanCommands } from './cli-scans.ts';
import { print, progress, withClient } from './cli-shared.ts';
import { addTokenCommands } from './cli-tokens.ts';
import { addUpkeepCommands } from './cli-upkeep.ts';
import { Problem, StartupError } from './errors.ts';
import type { ImportAnswer } from './http/import.ts';
import { inputLines } from './intake/input-lines.ts';
import { PRESETS } from './simulate/parameters.ts';

/** Lines of one import request. */
const CHUNK_LINES = 5_000;

const program = new Command('footfall')
  .description('Which sessions belong to which customer, with the evidence.')
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text) });

program
  .command('serve')
  .description('start the collector (settings: docs/operations.md)')
  .addOption(new Option('--role <role>', 'with NATS_URL: only publish, or only apply').choices(['all', 'collector', 'linker']))
  .action(async ({ role }: { role?: string }) => {
    const { serve } = await import('./serve.ts');
    await serve({ ...process.env, ...(role !== undefined && { ROLE: role }) });
  });

const sites = program.command('sites').description('the shops that may send events');
sites
  .command('list')
  .option('--json', 'print JSON')
  .action(({ json }: { json?: boolean }) =>
    withClient(async (client) => {
      const answer = await client.json<{ sites: { site: string; name: string; origins: string[] }[] }>('GET', '/v1/sites');
      print(json, answer.sites, ({ site, name, origins }) => [site, name, origins.join(' ')]);
    }),
  );
sites
  .command('add')
  .argument('<site>', 'key that stands in the tag: data-site')
  .option('--name <name>', 'name for people')
  .option('--origin <origin...>', 'origins whose pages may send events, e.g. https://shop.example')
  .option('--cookie-domain <domain>', 'registrable domain of the visitor cookie')
  .option('--json', 'print JSON')
  .action(
    (site: string, { json, name, origin, cookieDomain }: { json?: boolean; name?: string; origin?: string[]; cookieDomain?: string }) =>
      withClient(async (client) => {
        const body = { site, ...(name && { name }), origins: origin ?? [], ...(cookieDomain && { cookie_domain: cookieDomain }) };
        print(json, await client.json<typeof body>('POST', '/v1/sites', body), (made) => [`added ${made.site}`]);
      }),
  );

addTokenCommands(program);
addCodeCommands(program);
addScanCommands(program);
addCheckCommand(program);
addUpkeepCommands(program);
addLinkCommands(program);
addMigrateCommand(program);

program
  .command('import')
  .description('wire events as NDJSON, gzip too, with their own times; running it again changes nothing')
  .argument('<file>')
  .option('--site <site>', 'for lines that name none')
  .option('--signed', 'the retailer vouches for the claims in it')
  .option('--json', 'print JSON')
  .action((file: string, { site, signed, json }: { site?: string; signed?: boolean; json?: boolean }) =>
    withClient(async (client) => {
      if (!existsSync(file)) throw new Problem(404, `No such file: ${file}`);
      const total: ImportAnswer = { accepted: 0, duplicate: 0, rejected: 0, reasons: [] };
      const query = new URLSearchParams({ ...(site && { site }), ...(signed && { signed: '1' }) });
      const { size } = statSync(file);
      const source = createReadStream(file);
      let lines: string[] = [];
      let sent = 0;
      const send = async (): Promise<void> => {
        if (lines.length === 0) return;
        const answer = await client.json<ImportAnswer>('POST', `/v1/import?${query}`, `${lines.join('\n')}\n`);
        for (const name of ['accepted', 'duplicate', 'rejected'] as const) total[name] += answer[name];
        total.reasons.push(...answer.reasons.map((reason) => ({ ...reason, line: reason.line + sent })));
        sent += lines.length;
        lines = [];
        progress('imported', source.bytesRead, size);
      };
      let cut: Problem | null = null;
      const whole = inputLines(source);
      for (;;) {
        const next = await whole.next().catch((error: unknown) => {
          if (!(error instanceof Problem)) throw error;
          cut = error;
        });
        if (!next || next.done) break;
        if (lines.push(next.value) >= CHUNK_LINES) await send();
      }
      await send();
      print(json, total, ({ accepted, duplicate, rejected, reasons }) => [
        `accepted ${accepted}, duplicate ${duplicate}, rejected ${rejected}`,
        ...reasons.slice(0, 20).map(({ line, reason, field }) => `\nline ${line}: ${reason}${field === undefined ? '' : ` (${field})`}`),
      ]);
      // What came whole before the cut is in.
      if (cut) throw cut;
    }),
  );

interface Said {
  dryRun?: boolean;
  json?: boolean;
  site?: string;
  reason: string;
}

interface Shown {
  session_id: string;
  old: object;
  new: object;
}

/** Says a decision, or with --dry-run shows what it would change. */
function decide({ dryRun, json, site, reason }: Said, statement: object): Promise<void> {
  return withClient(async (client) => {
    type Answer = { decision_id?: string; changed: number; persons: number; complete?: boolean; links?: Shown[] };
    const body = { ...statement, reason, ...(site && { site }) };
    const answer = await client.json<Answer>('POST', `/v1/decisions${dryRun ? '?dry_run=1' : ''}`, body);
    print(json, answer, ({ decision_id, changed, persons, complete = true, links: shown = [] }) => [
      decision_id
        ? `${decision_id}: ${changed} links changed, ${persons} customers renamed`
        : `would change ${complete ? '' : 'at least '}${changed} links and rename ${persons} customers`,
      ...shown.map((link) => `\n${link.session_id}: ${JSON.stringify(link.old)} -> ${JSON.stringify(link.new)}`),
    ]);
  });
}

program
  .command('merge')
  .description('two or more customers are one person')
  .argument('<customer...>')
  .requiredOption('--into <customer>', 'whose id the person bears')
  .requiredOption('--reason <text>', 'kept with the decision')
  .option('--site <site>')
  .option('--dry-run', 'only show what would change')
  .option('--json', 'print JSON')
  .action((customers: string[], { into, ...said }: Said & { into: string }) => decide(said, { type: 'merge', customers, into }));

program
  .command('revoke')
  .description('take back a claim (its event id) or a decision, as if it had never been said')
  .argument('<target>')
  .requiredOption('--reason <text>', 'kept with the decision')
  .option('--site <site>')
  .option('--dry-run', 'only show what would change')
  .option('--json', 'print JSON')
  .action((target: string, said: Said) => decide(said, { type: 'revoke', target }));

program
  .command('relink')
  .description('how many links another policy would change, by rule; nothing is written')
  .requiredOption('--dry-run', 'the only way to run it')
  .option('--window <days>', 'days that a claim may lie from a session')
  .addOption(new Option('--logout <kind>').choices(['soft', 'hard']))
  .option('--kiosk-owners <n>', 'persons that make a browser public')
  .option('--site <site>')
  .option('--json', 'print JSON')
  .action(
    ({
      window,
      logout,
      kioskOwners,
      site,
      json,
    }: {
      window?: string;
      logout?: string;
      kioskOwners?: string;
      site?: string;
      json?: boolean;
    }) =>
      withClient(async (client) => {
        const query = new URLSearchParams({
          ...(window && { window_days: window }),
          ...(logout && { logout }),
          ...(kioskOwners && { kiosk_owners: kioskOwners }),
          ...(site && { site }),
        });
        type Answer = { segments: number; changed: number; moves: { from: string; to: string; segments: number }[] };
        const answer = await client.json<Answer>('GET', `/v1/relink?${query}`);
        print(json, answer, ({ segments, changed, moves }) => [
          `${changed} of ${segments} segments would change`,
          ...moves.map((move) => `\n${String(move.segments).padStart(8)}  ${move.from} -> ${move.to}`),
        ]);
      }),
  );

program
  .command('simulate')
  .description('a seeded synthetic retailer with known truth (docs/simulate.md)')
  .requiredOption('--out <folder>')
  .addOption(new Option('--preset <name>').choices(Object.keys(PRESETS)).default('base'))
  .option('--people <n>')
  .option('--days <n>')
  .option('--seed <n>')
  .option('--json', 'print JSON')
  .action(
    async ({
      out,
      preset,
      people,
      days,
      seed,
      json,
    }: {
      out: string;
      preset: keyof typeof PRESETS;
      people?: string;
      days?: string;
      seed?: string;
      json?: boolean;
    }) => {
      const options = {
        preset,
        ...(people && { people: count('people', people) }),
        ...(days && { days: count('days', days) }),
        ...(seed && { seed: count('seed', seed) }),
      };
      const { writeSimulation } = await import('./simulate/write.ts');
      const written = writeSimulation(out, options, (done, all) => progress('simulated', done, all));
      print(json, written, (w) => [`${w.events} events, ${w.sessions} sessions of ${w.people} people in ${w.days} days: ${out}`]);
    },
  );

function count(name: string, value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Problem(400, `--${name}: expected a whole number above 0`);
  return number;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof Problem || error instanceof StartupError) {
    process.stderr.write(`footfall: ${error.message}\n`);
    process.exitCode = 1;
  } else throw error;
}

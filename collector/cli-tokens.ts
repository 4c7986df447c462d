/** `footfall tokens`: who may read and write, and `footfall audit`: what they read and decided. */
import { type Command, Option } from 'commander';
import { print, withClient } from './cli-shared.ts';
import type { AuditEntry } from './store/store.ts';

interface Shown {
  token_id: string;
  name: string;
  scopes: string[];
  sites: string[] | null;
  expires_at: number | null;
  revoked_at: number | null;
}

const scopes = (): Option => new Option('--scope <scope...>', 'what it may do').choices(['read', 'write', 'admin']);

export function addTokenCommands(program: Command): void {
  const tokens = program.command('tokens').description('who may read and write');
  tokens
    .command('list')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) =>
      withClient(async (client) => print(json, (await client.json<{ tokens: Shown[] }>('GET', '/v1/tokens')).tokens, columnsOf)),
    );

  tokens
    .command('create')
    .description('prints it this once; to rotate: create a second, use it, then revoke the first')
    .argument('<name>', 'what it is for; the author of its decisions')
    .addOption(scopes().default(['read']))
    .option('--site <site...>', 'only these sites')
    .option('--days <days>', 'how long it lives')
    .option('--json', 'print JSON')
    .action((name: string, { json, scope, site, days }: { json?: boolean; scope: string[]; site?: string[]; days?: string }) =>
      withClient(async (client) => {
        const body = { name, scopes: scope, sites: site ?? null, days: days === undefined ? null : Number(days) };
        const made = await client.json<{ token_id: string; token: string }>('POST', '/v1/tokens', body);
        print(json, made, ({ token_id, token }) => [token_id, token]);
      }),
    );

  tokens
    .command('update')
    .description('changes a live token; what is not named stays')
    .argument('<token_id>')
    .option('--name <name>')
    .addOption(scopes())
    .option('--days <days>', 'how long it lives from now')
    .option('--json', 'print JSON')
    .action((token_id: string, { json, name, scope, days }: { json?: boolean; name?: string; scope?: string[]; days?: string }) =>
      withClient(async (client) => {
        const body = { ...(name && { name }), ...(scope && { scopes: scope }), ...(days !== undefined && { days: Number(days) }) };
        print(json, await client.json<Shown>('PATCH', `/v1/tokens/${encodeURIComponent(token_id)}`, body), columnsOf);
      }),
    );

  tokens
    .command('revoke')
    .argument('<token_id>')
    .action((token_id: string) =>
      withClient(async (client) => void (await client.call('DELETE', `/v1/tokens/${encodeURIComponent(token_id)}`))),
    );

  program
    .command('audit')
    .description('who read whose data and who decided what, newest first')
    .option('--token <token_id>', 'only of this token')
    .option('--customer <customer_id>', 'only about this customer')
    .option('--limit <n>', 'entries', '50')
    .option('--json', 'print JSON')
    .action(({ token, customer, limit, json }: { token?: string; customer?: string; limit: string; json?: boolean }) =>
      withClient(async (client) => {
        const query = new URLSearchParams({ limit, ...(token && { token_id: token }), ...(customer && { customer_id: customer }) });
        const { entries } = await client.json<{ entries: AuditEntry[] }>('GET', `/v1/audit?${query}`);
        print(json, entries, ({ at, token_name, action, site, subject_kind, subject, fields, calls }) => [
          ...[new Date(at).toISOString(), token_name.padEnd(16), action, site ?? 'its sites', subject_kind ?? 'many', subject ?? ''],
          ...[fields.join(','), calls > 1 ? `×${calls}` : ''],
        ]);
      }),
    );
}

function columnsOf({ token_id, name, scopes, sites, expires_at, revoked_at }: Shown): string[] {
  const state = revoked_at !== null ? 'revoked' : expires_at === null ? 'live' : `until ${new Date(expires_at).toISOString()}`;
  return [token_id, name, scopes.join(','), sites?.join(',') ?? 'all sites', state];
}

/** `footfall check URL`: reads a page as a browser would, and says which step of the tag's installation is broken. */
import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { print } from './cli-shared.ts';
import { allows, policiesOf } from './http/content-policy.ts';
import { findScripts, type ScriptElement } from './http/script-elements.ts';

export interface Step {
  step: 'page' | 'tag' | 'site' | 'script' | 'policy' | 'collector' | 'cookies';
  ok: boolean;
  says: string;
}

export interface Checked {
  url: string;
  ok: boolean;
  /** In the order in which they build upon each other; what follows a step that cannot be passed is left out. */
  steps: Step[];
}

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .description('which step of the tag’s installation on a page is right, and which is broken')
    .argument('<url>', 'a page of the shop')
    .option('--json', 'print JSON')
    .action(async (address: string, { json }: { json?: boolean }, command: Command) => {
      if (!/^https?:$/.test(URL.canParse(address) ? new URL(address).protocol : ''))
        return command.error(`${address} is no http(s) address`, { exitCode: 2 });
      const checked = await checkPage(address);
      if (json) print(true, checked, () => []);
      else print(false, checked.steps, ({ step, ok, says }) => [ok ? 'right ' : 'BROKEN', step.padEnd(9), says]);
      if (!checked.ok) process.exitCode = 1;
    });
}

/** Never throws: what cannot be reached is a broken step. Sends the collector a batch of no events. */
export async function checkPage(address: string): Promise<Checked> {
  const steps: Step[] = [];
  const say = (step: Step['step'], ok: boolean, says: string): boolean => {
    steps.push({ step, ok, says });
    return ok;
  };
  await walk(address, say);
  return { url: address, ok: steps.every(({ ok }) => ok), steps };
}

type Say = (step: Step['step'], ok: boolean, says: string) => boolean;

async function walk(address: string, say: Say): Promise<void> {
  const page = await reach(address, { headers: { accept: 'text/html' } });
  if (!page.ok) return void say('page', false, page.says);
  const { response, body } = page;
  const html = body.toString();
  if (!say('page', response.ok && /html/.test(response.headers.get('content-type') ?? ''), `${response.url}: ${response.status}`)) return;

  const tags = findScripts(html, response.url).filter(({ src }) => TAG.test(src));
  const [tag] = tags;
  if (!tag) {
    const hidden = TAG_IN_COMMENT.test(html) ? ' (one stands in a comment)' : '';
    return void say('tag', false, `no script element with …/t.js${hidden}; scripts that a tag manager adds later are not seen from here`);
  }
  say(
    'tag',
    tags.length === 1,
    tags.length === 1 ? tag.src : `${tags.length} times: ${tags.map(({ src }) => src).join(', ')}; remove all but one`,
  );
  const setting = (name: string): string | null => tag.attributes.get(`data-${name}`) || new URL(tag.src).searchParams.get(name);
  const site = setting('site');
  const collector = (setting('collector') ?? new URL(tag.src).origin).replace(/\/+$/, '');
  say('site', site !== null, site ?? 'the script element has no data-site, nor ?site= in its address');
  await checkScript(tag, collector, response.url, say);
  checkPolicy(policiesOf(response.headers, html), { tag, collector, page: response.url }, say);
  if (site) await checkCollector(collector, site, new URL(response.url).origin, say);
  const domain = setting('domain');
  const { hostname } = new URL(response.url);
  say('cookies', domain === null || coversHost(domain, hostname), cookieWords(domain, hostname));
}

/** As in client/debug/find-tags.ts. */
const TAG = /\/t(\/\d[\w.+-]*)?\.js(\?|#|$)/;
const TAG_IN_COMMENT = /<!--(?:(?!-->)[\s\S])*\/t(\/\d[\w.+-]*)?\.js/;

async function checkScript(tag: ScriptElement, collector: string, page: string, say: Say): Promise<void> {
  const mixed = page.startsWith('https:') && (tag.src.startsWith('http:') || collector.startsWith('http:'));
  if (mixed) return void say('script', false, 'an https page loads nothing over http');
  const script = await reach(tag.src);
  if (!script.ok) return void say('script', false, script.says);
  const { response, body } = script;
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok || !/javascript/.test(type)) return void say('script', false, `${tag.src}: ${response.status} ${type}`);
  const integrity = tag.attributes.get('integrity');
  if (integrity && integrity !== `sha384-${createHash('sha384').update(body).digest('base64')}`)
    return void say('script', false, 'its integrity attribute is not the hash of what is served; /t/manifest.json has it');
  const foreign = new URL(tag.src).origin !== new URL(page).origin;
  if (integrity && foreign && !tag.attributes.has('crossorigin'))
    return void say('script', false, 'integrity on a script of another origin needs crossorigin="anonymous"');
  const manifest = await reach(`${collector}/t/manifest.json`);
  const current = manifest.ok && manifest.response.ok ? (JSON.parse(manifest.body.toString()) as { version: string }).version : undefined;
  const version = /\/t\/(\d[^/]*)\.js/.exec(new URL(tag.src).pathname)?.[1] ?? response.headers.get('footfall-tag') ?? undefined;
  if (!current) return void say('script', false, `${collector} has no /t/manifest.json: is it the collector?`);
  // A version of its own choice is no fault of a page; a copy that nobody knows is.
  if (!version)
    return void say('script', false, `a copy that the collector did not serve; its version is unknown, the collector's is ${current}`);
  say(
    'script',
    true,
    version === current ? `version ${version}, the collector's own` : `version ${version}; the collector's is ${current}`,
  );
}

function checkPolicy(
  policies: readonly string[],
  { tag, collector, page }: { tag: ScriptElement; collector: string; page: string },
  say: Say,
) {
  const nonce = tag.attributes.get('nonce');
  const script = policies.every((policy) => allows(policy, 'script-src', tag.src, page, nonce));
  const connect = policies.every((policy) => allows(policy, 'connect-src', `${collector}/e`, page));
  const missing = [!script && `script-src lacks ${new URL(tag.src).origin}`, !connect && `connect-src lacks ${collector}`].filter(Boolean);
  say(
    'policy',
    missing.length === 0,
    missing.join('; ') || (policies.length > 0 ? 'Content-Security-Policy allows it' : 'no Content-Security-Policy'),
  );
}

async function checkCollector(collector: string, site: string, origin: string, say: Say): Promise<void> {
  const answer = await reach(`${collector}/e`, {
    method: 'POST',
    headers: { origin, 'content-type': 'text/plain' },
    body: JSON.stringify({ v: 1, site, sent_at: Date.now(), events: [] }),
  });
  if (!answer.ok) return void say('collector', false, answer.says);
  const { status } = answer.response;
  const { reason } = JSON.parse(answer.body.toString() || '{}') as { reason?: string };
  if (reason === 'unknown_site')
    return void say('collector', false, `knows no site "${site}": footfall sites add ${site} --origin ${origin}`);
  if (reason === 'bad_origin') return void say('collector', false, `${origin} is not an origin of site "${site}"`);
  say(
    'collector',
    answer.response.ok,
    answer.response.ok ? `takes events of "${site}" from ${origin}` : `answers ${status}${reason ? ` (${reason})` : ''}`,
  );
}

function coversHost(domain: string, hostname: string): boolean {
  const bare = domain.replace(/^\./, '').toLowerCase();
  return bare === hostname || (bare.includes('.') && hostname.endsWith(`.${bare}`));
}

function cookieWords(domain: string | null, hostname: string): string {
  if (domain === null) return 'the tag finds the domain by itself';
  return coversHost(domain, hostname) ? `on ${domain}` : `data-domain="${domain}" is no domain of ${hostname}: browsers refuse the cookie`;
}

type Reached = { ok: true; response: Response; body: Buffer } | { ok: false; says: string };

async function reach(address: string, init: RequestInit = {}): Promise<Reached> {
  try {
    const response = await fetch(address, { ...init, signal: AbortSignal.timeout(10_000) });
    return { ok: true, response, body: Buffer.from(await response.arrayBuffer()) };
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string } };
    return { ok: false, says: `${address}: ${cause?.code ?? message}` };
  }
}

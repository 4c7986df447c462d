/** Reads Content-Security-Policies: may a page load this script, may it post there? */
import { attributesOf } from './script-elements.ts';

/** From the header and the document. Those that only report forbid nothing. */
export function policiesOf(headers: Headers, html: string): string[] {
  const policies = (headers.get('content-security-policy') ?? '').split(',');
  for (const [, inside = ''] of html.matchAll(/<meta\b((?:"[^"]*"|'[^']*'|[^'">])*)>/gi)) {
    const attributes = attributesOf(inside);
    if (attributes.get('http-equiv')?.toLowerCase() === 'content-security-policy') policies.push(attributes.get('content') ?? '');
  }
  return policies.map((policy) => policy.trim()).filter(Boolean);
}

/** Whether one policy lets `page` fetch `url` under the directive, or under default-src where it has none. */
export function allows(policy: string, directive: 'script-src' | 'connect-src', url: string, page: string, nonce?: string): boolean {
  const directives = new Map<string, string[]>();
  for (const part of policy.split(';')) {
    const [name = '', ...sources] = part.trim().split(/\s+/);
    if (!directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), sources);
  }
  const names = directive === 'script-src' ? ['script-src-elem', 'script-src', 'default-src'] : [directive, 'default-src'];
  const sources = names.map((name) => directives.get(name)).find((found) => found !== undefined);
  if (!sources) return true;
  if (nonce && sources.includes(`'nonce-${nonce}'`)) return true;
  // Then only nonces and hashes count.
  if (directive === 'script-src' && sources.includes("'strict-dynamic'")) return false;
  return sources.some((source) => matches(source, new URL(url), new URL(page)));
}

/** CSP 3, "Does url match expression in origin": a page's http source also covers https. */
function matches(source: string, url: URL, page: URL): boolean {
  if (source.toLowerCase() === "'self'") return url.origin === page.origin;
  if (source === '*') return /^https?:$/.test(url.protocol);
  const scheme = /^([a-z][a-z\d+.-]*:)$/i.exec(source)?.[1]?.toLowerCase();
  if (scheme) return sameScheme(scheme, url.protocol);
  const parts = /^(?:([a-z][a-z\d+.-]*):\/\/)?(\*\.)?([^:/]+)(?::(\d+|\*))?(\/.*)?$/i.exec(source);
  if (!parts || source.startsWith("'")) return false;
  const [, protocol, wildcard, host = '', port, path] = parts;
  if (!sameScheme(protocol ? `${protocol.toLowerCase()}:` : page.protocol, url.protocol)) return false;
  const name = host.toLowerCase();
  if (wildcard ? !url.hostname.endsWith(`.${name}`) : url.hostname !== name && host !== '*') return false;
  if (port !== '*' && (port ?? '') !== url.port && !(port === DEFAULT_PORT[url.protocol] && url.port === '')) return false;
  if (!path || path === '/') return true;
  return path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname === path;
}

const sameScheme = (asked: string, used: string): boolean => asked === used || (asked === 'http:' && used === 'https:');
const DEFAULT_PORT: Record<string, string> = { 'http:': '80', 'https:': '443' };

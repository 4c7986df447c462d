/** Holds the documents to the code: links lead somewhere, commands exist, the table of settings is the one that is read. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SETTINGS } from '../collector/config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENTS = [
  'README.md',
  'CHANGELOG.md',
  'deploy/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

test.each(DOCUMENTS)('every link of %s leads somewhere', (document) => {
  expect(brokenLinks(join(ROOT, document))).toEqual([]);
});

test('every npm script that a document names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  for (const document of DOCUMENTS) {
    const named = [...readFileSync(join(ROOT, document), 'utf8').matchAll(/\bnpm (?:run (?:-s |--silent )?([\w:-]+)|(start|test)\b)/g)];
    for (const [command, run, short] of named) expect(Object.keys(scripts), `${document}: ${command}`).toContain(run ?? short);
  }
});

test('docs/operations.md has the table of settings that collector/config.ts reads', () => {
  const lines = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8').split('\n').map(singleSpaced);
  const head = lines.indexOf(singleSpaced(SETTINGS_TABLE[0] ?? ''));
  const end = lines.findIndex((line, i) => i > head && !line.startsWith('|'));
  expect(lines.slice(Math.max(head, 0), end < 0 ? undefined : end)).toEqual(SETTINGS_TABLE);
});

test('broken links are found: missing files, missing headings, and none in code', () => {
  const text = '[a](b.md) [c](#some-heading) [d](#none) [e](https://x.example) `[f](g.md)`\n```\n[h](i.md)\n```\n# Some *Heading*\n';
  expect(brokenIn(text, join(ROOT, 'x.md'))).toEqual(['b.md', '#none']);
});

const SETTINGS_TABLE = [
  '| setting | type | default | meaning |',
  '| --- | --- | --- | --- |',
  ...SETTINGS.map(({ name, type, default: value, meaning }) =>
    singleSpaced(`| \`${name}\` | ${type} | ${value === '' ? 'empty' : `\`${value}\``} | ${meaning.replaceAll('|', '\\|')} |`),
  ),
];

function brokenLinks(file: string): string[] {
  return brokenIn(readFileSync(file, 'utf8'), file);
}

function brokenIn(text: string, file: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|(?:src|href)="([^"]+)"/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return targets.filter((target) => !/^[a-z]+:/i.test(target) && !resolves(target, text, file));
}

function resolves(target: string, text: string, file: string): boolean {
  const [path = '', anchor] = target.split('#');
  const at = path === '' ? file : join(dirname(file), decodeURIComponent(path));
  if (path !== '' && (!existsSync(at) || relative(ROOT, at).startsWith('..'))) return false;
  if (anchor === undefined || !at.endsWith('.md')) return true;
  return anchorsOf(path === '' ? text : readFileSync(at, 'utf8')).includes(anchor);
}

/** As GitHub makes them from headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)].map((match) => match[1] ?? '');
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

function singleSpaced(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}

/** Where a GS1 Digital Link leads: the targets of its most specific anchor, then of shorter ones, then of prefixes. Pure. */
import type { Gs1TargetRow } from '../store/store.ts';
import type { Element, Gs1Link } from './gs1.ts';

/** What a scan says besides its code. */
export interface Gs1Facts {
  gtin?: string;
  lot?: string;
  serial?: string;
  gln?: string;
  location?: string;
}

/** What a plain scan follows; the first link there is where none says so. */
export const DEFAULT_LINK = 'gs1:defaultLink';

/** Whole anchors of a link, the most specific first: `01/…/10/…`, `01/…`. */
export function anchorsOf({ key, qualifiers }: Pick<Gs1Link, 'key' | 'qualifiers'>): string[] {
  const parts = [key, ...qualifiers].map(([ai, value]) => `${ai}/${value}`);
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

/** Beginnings of its primary key, the longest first: `01/0952100`, …, `01/`. */
export function prefixesOf({ key: [ai, value] }: Pick<Gs1Link, 'key'>): string[] {
  return Array.from({ length: value.length + 1 }, (_, cut) => `${ai}/${value.slice(0, value.length - cut)}`);
}

/** The targets of the most specific anchor that has any. */
export function targetsFor<T extends Gs1TargetRow>(link: Pick<Gs1Link, 'key' | 'qualifiers'>, found: readonly T[]): T[] {
  for (const [anchors, prefix] of [
    [anchorsOf(link), false],
    [prefixesOf(link), true],
  ] as const) {
    for (const anchor of anchors) {
      const targets = found.filter((target) => target.prefix === prefix && target.anchor === anchor);
      if (targets.length > 0) return targets;
    }
  }
  return [];
}

/** One of these: of the type asked for, else the default; of those the language that the browser likes best. */
export function chooseTarget<T extends Gs1TargetRow>(
  targets: readonly T[],
  link_type: string | null,
  languages: readonly string[],
): T | null {
  const ofType = link_type === null ? [] : targets.filter((target) => target.link_type === link_type);
  const byDefault = targets.filter((target) => target.link_type === DEFAULT_LINK);
  const choices = ofType.length > 0 ? ofType : byDefault.length > 0 ? byDefault : targets;
  for (const language of languages) {
    const match =
      choices.find(({ lang }) => lang.toLowerCase() === language) ?? choices.find(({ lang }) => primary(lang) === primary(language));
    if (match && match.lang !== '') return match;
  }
  return choices.find(({ lang }) => lang === '') ?? choices[0] ?? null;
}

const primary = (language: string): string => language.toLowerCase().split('-')[0] ?? '';

/** Languages of an Accept-Language header, the best first. */
export function languagesOf(header: string | undefined): string[] {
  return (header ?? '')
    .slice(0, 512)
    .split(',')
    .map((entry) => {
      const [language = '', ...params] = entry.trim().toLowerCase().split(';');
      const quality = params
        .find((param) => param.trim().startsWith('q='))
        ?.trim()
        .slice(2);
      return { language, quality: quality === undefined ? 1 : Number(quality) || 0 };
    })
    .filter(({ language, quality }) => language !== '' && language !== '*' && quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ language }) => language);
}

/** Extensions in which links say where they hang; a shelf's own GLN extension says it too. */
export function factsOf({ key, qualifiers, attributes, extensions }: Gs1Link): Gs1Facts {
  const all = new Map<string, string>([...attributes, ...qualifiers, key] as Element[]);
  const loc = extensions.find((pair) => pair.startsWith('loc='))?.slice(4);
  const [gtin, lot, serial, gln] = [all.get('01') ?? all.get('8006')?.slice(0, 14), all.get('10'), all.get('21'), all.get('414')];
  const location = all.get('254') ?? (loc === undefined ? undefined : new URLSearchParams(`loc=${loc}`).get('loc')?.slice(0, 128));
  return { ...(gtin && { gtin }), ...(lot && { lot }), ...(serial && { serial }), ...(gln && { gln }), ...(location && { location }) };
}

/** A target's `{gtin}`, `{lot}`, `{serial}`, `{gln}`, `{location}` replaced by what the link says. */
export function fillTarget(target: string, facts: Gs1Facts): string {
  return target.replace(PLACEHOLDER, (_, name: keyof Gs1Facts) => encodeURIComponent(facts[name] ?? ''));
}

const PLACEHOLDER = /\{(gtin|lot|serial|gln|location)\}/g;

/** RFC 9264. */
export function linkset(anchor: string, targets: readonly Gs1TargetRow[], facts: Gs1Facts): object {
  const links: Record<string, object[]> = {};
  for (const { link_type, target, title, lang } of targets) {
    const relation = link_type.replace(/^gs1:/, 'https://ref.gs1.org/voc/');
    links[relation] ??= [];
    links[relation].push({ href: fillTarget(target, facts), ...(title && { title }), ...(lang && { hreflang: [lang] }) });
  }
  return { linkset: [{ anchor, ...links }] };
}

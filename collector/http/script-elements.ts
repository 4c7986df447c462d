/** Finds the script elements that an HTML document itself names. */

export interface ScriptElement {
  /** Absolute. */
  src: string;
  /** Names in lower case. */
  attributes: ReadonlyMap<string, string>;
}

/** In their order; what stands in comments, or in another script's text, is none. */
export function findScripts(html: string, base: string): ScriptElement[] {
  return [...html.matchAll(COMMENT_OR_SCRIPT)].flatMap(([, inside]) => {
    if (inside === undefined) return [];
    const attributes = attributesOf(inside);
    const src = attributes.get('src');
    return src !== undefined && URL.canParse(src, base) ? [{ src: new URL(src, base).href, attributes }] : [];
  });
}

/** Of a tag's inside: `async data-site="shop"`. The first of two equal names counts. */
export function attributesOf(inside: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', double, single, bare] of inside.matchAll(ATTRIBUTE)) {
    const key = name.toLowerCase();
    if (!attributes.has(key)) attributes.set(key, (double ?? single ?? bare ?? '').replaceAll('&amp;', '&').replaceAll('&quot;', '"'));
  }
  return attributes;
}

const COMMENT_OR_SCRIPT = /<!--[\s\S]*?-->|<script\b((?:"[^"]*"|'[^']*'|[^'">])*)>[\s\S]*?<\/script/gi;
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;

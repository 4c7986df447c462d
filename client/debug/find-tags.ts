/** Finds the tag's script elements on a page. */

export interface Tags {
  /** Addresses of the tag's scripts, as many as there are. */
  scripts: string[];
  site: string | undefined;
  /** The tag's name on `window`. */
  name: string;
}

export function findTags(page: ParentNode): Tags {
  const scripts = [...page.querySelectorAll<HTMLScriptElement>('script[src]')].filter(({ src }) => TAG.test(src));
  const setting = (name: string) => {
    const [script] = scripts;
    return script && (script.getAttribute(`data-${name}`) || new URL(script.src).searchParams.get(name) || undefined);
  };
  return { scripts: scripts.map(({ src }) => src), site: setting('site'), name: setting('name') || 'footfall' };
}

/** `…/t.js`, or one version of it: `…/t/0.1.0-1a2b3c4d.js`. */
const TAG = /\/t(\/\d[\w.+-]*)?\.js(\?|#|$)/;

/** Says which step of an installation is broken, from what was seen on the page. */
import type { Consent } from '../../protocol/event.ts';

export interface Seen {
  scripts: readonly string[];
  site: string | undefined;
  collector: string;
  /** The page's own origin. */
  origin: string;
  started: boolean;
  /** The device takes what the tag must keep. */
  storage: boolean;
  cookie: boolean;
  consent: Consent | undefined;
  gpc: boolean;
  events: readonly SeenEvent[];
  answer: Answer | undefined;
  /** Directives of the page's policy that refused the collector. */
  refused_by: readonly string[];
  data_layer: number;
}

export interface SeenEvent {
  event_id: string;
  type: string;
  state: 'captured' | 'sent' | 'acknowledged' | 'refused' | 'given up';
  reason?: string;
}

/** The collector's last word. Status 0: none came. */
export interface Answer {
  status: number;
  reason?: string | undefined;
}

export interface Step {
  name: string;
  state: 'right' | 'broken' | 'waiting';
  says: string;
}

/** In the order in which they build upon each other: the first broken one is what to mend. */
export function stepsOf(seen: Seen): Step[] {
  return [
    one('Tag on the page', ...tag(seen)),
    one(
      'Site named',
      ...(seen.site ? right(`data-site="${seen.site}"`) : broken('The script element has no data-site (nor ?site= in its address).')),
    ),
    one(
      'Tag started',
      ...(seen.started ? right('It answers.') : waiting('Not yet. If this stays, another script has taken its name on window.')),
    ),
    one('Storage', ...storage(seen)),
    one('Consent', ...consent(seen)),
    one('Events captured', ...(seen.events.length > 0 ? right(`${seen.events.length} so far`) : waiting('None so far.'))),
    one('Request leaves the page', ...leaves(seen)),
    one('Collector accepts', ...accepts(seen)),
  ];
}

export function firstBroken(steps: readonly Step[]): Step | undefined {
  return steps.find(({ state }) => state === 'broken');
}

type Finding = [state: Step['state'], says: string];
const one = (name: string, state: Step['state'], says: string): Step => ({ name, state, says });
const right = (says: string): Finding => ['right', says];
const waiting = (says: string): Finding => ['waiting', says];
const broken = (says: string): Finding => ['broken', says];

function tag({ scripts }: Seen): Finding {
  const [first] = scripts;
  if (!first) return waiting('No script element of the tag; was it started by other code?');
  return scripts[1] ? broken(`${scripts.length} times: ${scripts.join(', ')}. The first one works; remove the others.`) : right(first);
}

function storage({ storage, cookie, consent }: Seen): Finding {
  if (consent !== 'granted') return waiting('Nothing is kept without consent.');
  if (cookie && storage) return right('Cookie and localStorage work.');
  const missing = [!cookie && 'the cookie ff_id (blocked, or data-domain is not this page’s domain)', !storage && 'localStorage'];
  return broken(`Refused: ${missing.filter(Boolean).join(' and ')}. Events still arrive, but each page is a new visitor.`);
}

function consent({ consent, gpc }: Seen): Finding {
  const signal = gpc ? ' Global Privacy Control is on.' : '';
  if (consent === 'granted') return right(`Granted.${signal}`);
  if (consent === 'denied') return waiting(`Denied: no ids; no events either, unless data-cookieless is set.${signal}`);
  return waiting(`Pending: events wait in memory until the visitor decides, or the page is seen.${signal}`);
}

function leaves({ answer, refused_by, collector }: Seen): Finding {
  if (refused_by[0]) return broken(`The page’s Content-Security-Policy forbids it: add ${collector} to ${refused_by.join(', ')}.`);
  if (!answer) return waiting('Nothing was sent so far.');
  return answer.status === 0
    ? broken(`No answer from ${collector}/e: offline, the collector is down, or a blocker.`)
    : right(`${collector}/e answers.`);
}

function accepts({ answer, events, site, origin }: Seen): Finding {
  if (!answer || answer.status === 0) return waiting('No answer so far.');
  const { status, reason } = answer;
  if (reason === 'unknown_site') return broken(`The collector knows no site "${site}": footfall sites add ${site} --origin ${origin}`);
  if (reason === 'bad_origin') return broken(`${origin} is not an origin of site "${site}": add it to the site's origins.`);
  if (status >= 300)
    return broken(
      `It answers ${status}${reason ? ` (${reason})` : ''}. ${LATER.test(`${status}`) ? 'Events wait and are sent again.' : 'Events are given up.'}`,
    );
  const refused = events.filter(({ state }) => state === 'refused');
  const reasons = refused.map(({ type, reason: why }) => `${type}: ${why}`);
  return refused[0] ? broken(`It refuses ${reasons.join(', ')}.`) : right('All that was sent is stored.');
}

const LATER = /^(408|429|5)/;

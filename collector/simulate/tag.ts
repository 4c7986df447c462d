/** The tag as the simulator plays it: one cookie jar's ids, its sessions by the tag's rules, and events stamped with them. */
import { DAY, MINUTE, type Millis, SECOND, type WireEvent } from '../../protocol/event.ts';
import type { Parameters } from './parameters.ts';
import type { Random } from './random.ts';

/** One cookie jar: what a shop takes for a browser. */
export interface Jar {
  anonymous_id: string;
  consent: 'granted' | 'denied';
  /** It says of itself that it stands in public. */
  kiosk: boolean;
  session_id: string;
  tab_id: string;
  session_started: Millis;
  /** Time of the latest event. */
  last: Millis;
  campaign: string;
  /** The customer whom the page stated in this session. */
  stated: string | null;
  login: Login | null;
  /** Who has been in this session so far. */
  people: Set<string>;
}

/** Somebody is logged in to the shop. The shop's own cookie, so it lives and dies with the jar. */
export interface Login {
  person: string;
  customer_id: string;
  email_sha256: string;
  /** Null: until the session ends. */
  until: Millis | null;
  session_id: string;
}

/** An event, and who truly was at the keyboard: null for a bot. */
export interface Captured {
  event: WireEvent & { site: string };
  person: string | null;
}

/** One row of truth.ndjson: this person was in this session. A session that two people shared has two rows. */
export interface TruthRow {
  session_id: string;
  anonymous_id: string;
  /** Null for a bot. */
  person: string | null;
}

export interface Tag {
  jar: Jar;
  /** Somebody opens the shop: goes on with the session, or begins another. */
  open(now: Millis, campaign: string): void;
  capture(type: string, now: Millis, fields?: Partial<WireEvent>): void;
  /** A claim; another customer than the session's begins a session of its own. */
  claim(type: string, now: Millis, customer_id: string | null, fields?: Partial<WireEvent>): void;
  logout(now: Millis): void;
  reset(now: Millis): void;
  withdrawConsent(now: Millis): void;
}

export function newJar(random: Random, { consent_refused }: Pick<Parameters, 'consent_refused'>, kiosk = false): Jar {
  return {
    anonymous_id: random.id(21),
    consent: random.chance(consent_refused) ? 'denied' : 'granted',
    kiosk,
    session_id: '',
    tab_id: '',
    session_started: 0,
    last: 0,
    campaign: '',
    stated: null,
    login: null,
    people: new Set(),
  };
}

/** The shop forgets the browser, and the browser everything of the shop. */
export function forget(jar: Jar, random: Random, parameters: Pick<Parameters, 'consent_refused'>): void {
  Object.assign(jar, newJar(random, parameters, jar.kiosk));
}

/** The tag in this jar while `person` sits before it. What it sends and what is true of it go to the two lists. */
export function tagIn(jar: Jar, person: string | null, site: string, random: Random, sent: Captured[], truth: TruthRow[]): Tag {
  const newSession = (now: Millis): void => {
    Object.assign(jar, { session_id: random.id(21), tab_id: random.id(8), session_started: now, stated: null, people: new Set() });
  };
  const tag: Tag = {
    jar,
    open(now, campaign) {
      const idle = jar.kiosk ? KIOSK_IDLE : IDLE;
      const ended = now - jar.last >= idle || now - jar.session_started >= LONGEST;
      if (ended || (campaign !== '' && campaign !== jar.campaign)) newSession(now);
      jar.campaign = campaign;
    },
    capture(type, now, fields = {}) {
      const time = Math.max(Math.floor(now), jar.last + 1);
      jar.last = time;
      const event_id = `${time.toString(36).padStart(8, '0')}-${random.id(16)}`;
      if (jar.consent === 'denied') {
        // No consent: no ids, and nothing that names anybody.
        const { customer_id: _customer, email_sha256: _email, ...rest } = fields;
        if (type !== 'identify') sent.push({ event: { site, event_id, type, time, ...rest, consent: 'denied' }, person });
        return;
      }
      const { anonymous_id, session_id, tab_id } = jar;
      const kiosk = jar.kiosk && { kiosk: true };
      sent.push({
        event: { site, event_id, type, time, anonymous_id, session_id, tab_id, ...fields, consent: fields.consent ?? 'granted', ...kiosk },
        person,
      });
      const key = person ?? '';
      if (!jar.people.has(key)) {
        jar.people.add(key);
        truth.push({ session_id, anonymous_id, person });
      }
    },
    claim(type, now, customer_id, fields = {}) {
      if (customer_id !== null) {
        if (jar.stated !== null && jar.stated !== customer_id) newSession(now);
        jar.stated = customer_id;
      }
      tag.capture(type, now, { ...(customer_id !== null && { customer_id }), ...fields });
    },
    logout(now) {
      tag.capture('logout', now);
      jar.login = null;
      newSession(now + SECOND);
    },
    reset(now) {
      tag.capture('reset', now);
      const { consent, last } = jar;
      forget(jar, random, { consent_refused: 0 });
      Object.assign(jar, { consent, last });
      newSession(now + SECOND);
    },
    withdrawConsent(now) {
      tag.capture('consent', now, { consent: 'denied' });
      jar.consent = 'denied';
    },
  };
  return tag;
}

/** Who is logged in, if anybody still is. */
export function openLogin(jar: Jar, now: Millis): Login | null {
  const { login } = jar;
  if (!login) return null;
  return (login.until === null ? login.session_id === jar.session_id : now < login.until) ? login : null;
}

const IDLE = 30 * MINUTE;
const KIOSK_IDLE = 5 * MINUTE;
const LONGEST = DAY;

/** Finds people by whatever somebody has in hand: asks the collector for each thing that the text may be. */
import type { Api } from './api.ts';
import type { Profile } from './types.ts';

export interface Found {
  profile: Profile;
  /** What led there: `order`, `session` … */
  by: string[];
}

/** What a text without an @ may be. Each is one question; all are asked at once. */
const KINDS = ['customer_id', 'order', 'session', 'browser', 'scan', 'code'] as const;

const WORDS: Readonly<Record<string, string>> = {
  customer_id: 'customer id',
  email_sha256: 'e-mail',
  scan: 'scan id',
  code: 'scan of the code',
};

/** The persons found, those that most questions led to first. An e-mail address leaves the page as its SHA-256 only. */
export async function findPeople(api: Api, site: string, text: string): Promise<Found[]> {
  const asked: (readonly [string, string])[] = text.includes('@')
    ? [['email_sha256', await sha256(text.trim().toLowerCase())]]
    : KINDS.map((kind) => [kind, kind === 'code' ? text.toUpperCase() : text]);
  const answers = await Promise.all(
    asked.map(async ([kind, value]) => ({
      kind,
      ...(await api.send<{ profiles: Profile[] }>('POST', '/v1/customers/lookup', { site, [kind]: value })),
    })),
  );
  const found = new Map<string, Found>();
  for (const { kind, profiles } of answers)
    for (const profile of profiles) {
      const known = found.get(profile.person_id);
      const by = WORDS[kind] ?? kind;
      if (known) known.by.push(by);
      else found.set(profile.person_id, { profile, by: [by] });
    }
  return [...found.values()].sort((a, b) => b.by.length - a.by.length);
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Why a session is linked as it is, in words: rule, evidence, candidates, and what would change it. */
import type { LinkRow } from '../store/link-row.ts';
import type { Queries } from '../store/queries.ts';
import type { HistoryRow } from '../store/queries-identity.ts';

export interface Explanation {
  segment: number;
  status: LinkRow['status'];
  rule: LinkRow['rule'];
  sentence: string;
  evidence: {
    event_id: string;
    type: string;
    occurred_at: number;
    customer_id: string;
    strength: string;
    session_id: string | null;
  } | null;
  candidates: LinkRow['candidates'];
  would_change: string[];
}

/** Links that are explained in one go; then others have their turn. */
const PORTION = 200;

export async function explainSession(queries: Queries, links: readonly LinkRow[]): Promise<Explanation[]> {
  const why: Explanation[] = [];
  for (let at = 0; at < links.length; at += PORTION) {
    if (at > 0) await new Promise((next) => setImmediate(next));
    const some = links.slice(at, at + PORTION);
    const ids = some.flatMap(({ evidence_event_id }) => evidence_event_id ?? []);
    const sessionOf = new Map((await queries.sessionsOfEvents(ids)).map((row) => [`${row.site} ${row.event_id}`, row.session_id]));
    for (const link of some) {
      const { segment, status, rule, candidates, site, evidence_event_id, customer_id, strength, evidence_type, evidence_at } = link;
      const evidence =
        evidence_event_id === null || customer_id === null || strength === null
          ? null
          : {
              event_id: evidence_event_id,
              type: evidence_type ?? '',
              occurred_at: evidence_at ?? 0,
              customer_id,
              strength,
              session_id: sessionOf.get(`${site} ${evidence_event_id}`) ?? null,
            };
      why.push({ segment, status, rule, sentence: sentenceOf(link), evidence, candidates, would_change: wouldChange(link) });
    }
  }
  return why;
}

/** One change of a session's links, with the event or the decision that made it. */
export function historyEntry(row: HistoryRow) {
  const { segment, type, cause_event_id, changed_at, event_type, decision_type, author, reason } = row;
  const outcome = (json: string | null) => (json === null ? null : (JSON.parse(json) as Record<string, unknown>));
  const cause =
    decision_type === null
      ? { event_id: cause_event_id, type: event_type }
      : { decision_id: cause_event_id, type: decision_type, author, reason };
  return { segment, type, changed_at, cause, from: outcome(row.old), to: outcome(row.link) };
}

function sentenceOf(link: LinkRow): string {
  const { customer_id, evidence_type, evidence_event_id, strength, candidates } = link;
  const claim = `the ${evidence_type} ${evidence_event_id} (${strength})`;
  const gap = duration(link.evidence_gap_ms ?? 0);
  switch (link.rule) {
    case 'session':
      return `The session itself says so: ${claim} names ${customer_id}.`;
    case 'device_before':
      return `Nobody was known yet. ${gap} later, ${claim} named ${customer_id} on this browser, and nobody else was claimed within the window.`;
    case 'device_after':
      return `${gap} before, ${claim} had named ${customer_id} on this browser; nobody logged out since, and nobody else was claimed within the window.`;
    case 'device_after_logout':
      return `${gap} before, ${claim} had named ${customer_id} on this browser. They logged out since, but nobody else was claimed within the window.`;
    case 'device_between':
      return `The last claim before and the first one after are the same person's; the evidence is ${claim}, ${gap} away, naming ${customer_id}.`;
    case null:
      break;
  }
  switch (link.status) {
    case 'ambiguous':
      return `${candidates.length} people were claimed on this browser within the window (${candidates.map((c) => c.customer_id).join(', ')}). Nothing says which of them this was, so nobody gets it.`;
    case 'kiosk':
      return 'This browser is public: it is declared so, or too many people were claimed on it within the window.';
    case 'logged_out':
      return 'The only person known on this browser had left it: a logout or a reset stands between.';
    default:
      return 'Nobody was claimed on this browser within the window.';
  }
}

function wouldChange({ status, rule, customer_id }: LinkRow): string[] {
  switch (rule) {
    case 'session':
      return [`A revoke of the claim would take ${customer_id} off; a stronger claim in the same segment would go before it.`];
    case null:
      break;
    default:
      return [
        `A claim by another person than ${customer_id} on this browser within the window would make it ambiguous.`,
        'A login inside the session would decide it by rule `session`.',
        'A revoke of the evidence would take the link back.',
      ];
  }
  if (status === 'ambiguous')
    return ['A merge of the candidates into one person would link it.', 'A revoke of all claims but one person’s would link it.'];
  if (status === 'kiosk') return ['A revoke of the kiosk decision, or of claims until fewer people are left, would judge it again.'];
  return ['A login on this browser within the window would link it.'];
}

function duration(ms: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
  ] as const;
  const [name, size] = units.find(([, length]) => ms >= length) ?? ['second', 1_000];
  const count = Math.round(ms / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

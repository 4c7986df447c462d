/** The rarer statements of a SQLite write transaction: decisions, persons, and the queue of browsers to judge again. */
import type Database from 'better-sqlite3';
import type { Decision } from '../linking/event.ts';
import type { GuestPair } from '../linking/person.ts';
import type { ChangeRecord, ClaimRecord, QueuedRelink, Tx } from './store.ts';

type Statements = Pick<
  Tx,
  | 'decisions'
  | 'addDecision'
  | 'claims'
  | 'claimsOf'
  | 'setRevoked'
  | 'setHub'
  | 'setKiosk'
  | 'hubs'
  | 'pairs'
  | 'emailsOf'
  | 'setPersons'
  | 'forgetBrowsers'
  | 'queueRelinks'
  | 'nextRelinks'
  | 'advanceRelink'
  | 'changedBy'
  | 'lastPosition'
>;

export function createStatements(
  db: Database.Database,
  forgetBrowser: (browser_pk: number) => void,
): { statements: Statements; forget: () => void } {
  const decisions = new Map<number, Decision[]>();
  // Most transactions find the queue empty: they need not ask. A new process does, for what a crash left.
  let queued = true;
  const sql = <P extends unknown[], R = unknown>(text: string) => db.prepare<P, R>(text);
  const decisionsOf = sql<[number], { body: string }>('SELECT body FROM decisions WHERE site_pk = ? ORDER BY decision_id');
  const addDecision = sql<unknown[]>(
    'INSERT INTO decisions (decision_id, site_pk, type, time, author, reason, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const claim = sql<[number, string], ClaimColumns>(
    'SELECT event_id, browser_pk, time, customer_id, email, revoked FROM claims WHERE site_pk = ? AND event_id = ?',
  );
  const claimsOf = sql<[string, number], ClaimColumns>(
    `SELECT event_id, browser_pk, time, customer_id, email, revoked FROM claims
     WHERE customer_id = ? AND site_pk = ? AND browser_pk IS NOT NULL AND revoked = 0`,
  );
  const contestedClaimsOf = sql<[string, number], ClaimColumns>(
    `SELECT event_id, browser_pk, time, customer_id, email, revoked FROM claims c
     WHERE customer_id = ? AND site_pk = ? AND browser_pk IS NOT NULL AND revoked = 0
       AND EXISTS (SELECT 1 FROM claims o WHERE o.browser_pk = c.browser_pk AND o.customer_id <> c.customer_id AND o.revoked = 0)`,
  );
  const setRevoked = sql<[number, number, string]>('UPDATE claims SET revoked = (revoked & 2) | ? WHERE site_pk = ? AND event_id = ?');
  const addHub = sql<[number, string]>('INSERT OR IGNORE INTO hubs (site_pk, customer_id) VALUES (?, ?)');
  const dropHub = sql<[number, string]>('DELETE FROM hubs WHERE site_pk = ? AND customer_id = ?');
  const hubsOf = sql<[number], { customer_id: string }>('SELECT customer_id FROM hubs WHERE site_pk = ?');
  const setKiosk = sql<[number, number, string], { browser_pk: number }>(
    'UPDATE browsers SET kiosk = (kiosk & 1) | ? WHERE site_pk = ? AND anonymous_id = ? RETURNING browser_pk',
  );
  const pairsOf = sql<[string, number], GuestPair>(
    `SELECT email, customer_id, strength FROM claims WHERE email = ? AND site_pk = ? AND customer_id <> email AND revoked = 0`,
  );
  const emailsOf = sql<[string, number], { email: string }>(
    'SELECT DISTINCT email FROM claims WHERE customer_id = ? AND site_pk = ? AND email IS NOT NULL AND email <> customer_id',
  );
  const personOf = sql<[number, string], { person_id: string }>('SELECT person_id FROM persons WHERE site_pk = ? AND customer_id = ?');
  const putPerson = sql<[number, string, string]>('INSERT OR REPLACE INTO persons (site_pk, customer_id, person_id) VALUES (?, ?, ?)');
  const dropPerson = sql<[number, string]>('DELETE FROM persons WHERE site_pk = ? AND customer_id = ?');
  const addPersonChange = sql<unknown[]>(
    "INSERT INTO change_log (type, site_pk, link, old, cause_event_id, changed_at) VALUES ('person', ?, ?, ?, ?, ?)",
  );
  const addRelink = sql<unknown[]>(
    'INSERT INTO relink_queue (browser_pk, from_time, to_time, refold, cause_event_id) VALUES (?, ?, ?, ?, ?)',
  );
  const nextRelinks = sql<[number], Omit<QueuedRelink, 'refold' | 'from' | 'to'> & { refold: number; from_time: number; to_time: number }>(
    'SELECT * FROM relink_queue ORDER BY refold DESC, relink_pk LIMIT ?',
  );
  const moveRelink = sql<[number, number]>('UPDATE relink_queue SET after_session = ? WHERE relink_pk = ?');
  const dropRelink = sql<[number]>('DELETE FROM relink_queue WHERE relink_pk = ?');
  const changedBy = sql<[number, string], Omit<ChangeRecord, 'link' | 'old'> & { link: string | null; old: string | null }>(
    `SELECT c.type, c.segment, c.link, c.old, s.session_id, b.anonymous_id FROM change_log c
     LEFT JOIN sessions s USING (session_pk) LEFT JOIN browsers b USING (browser_pk) WHERE position > ? AND cause_event_id = ? ORDER BY position`,
  );
  const lastPosition = sql<[], { position: number | null }>('SELECT max(position) AS position FROM change_log');
  const bound = (time: number): number => Math.max(-1e15, Math.min(1e15, time));

  const statements: Statements = {
    async decisions(site_pk) {
      const known = decisions.get(site_pk) ?? decisionsOf.all(site_pk).map(({ body }) => JSON.parse(body) as Decision);
      decisions.set(site_pk, known);
      return known;
    },
    async addDecision(site_pk, decision, { author, reason }) {
      decisions.delete(site_pk);
      addDecision.run(decision.decision_id, site_pk, decision.type, decision.time, author, reason, JSON.stringify(decision));
    },
    async claims(site_pk, event_ids) {
      return [...event_ids].flatMap((event_id) => {
        const row = claim.get(site_pk, event_id);
        return row ? [claimRecord(row)] : [];
      });
    },
    async claimsOf(site_pk, customers, contested) {
      const statement = contested ? contestedClaimsOf : claimsOf;
      return [...customers].flatMap((customer_id) => statement.all(customer_id, site_pk).map(claimRecord));
    },
    async setRevoked(site_pk, event_ids, revoked) {
      for (const event_id of event_ids) setRevoked.run(revoked ? 1 : 0, site_pk, event_id);
    },
    async setHub(site_pk, customer_id, hub) {
      (hub ? addHub : dropHub).run(site_pk, customer_id);
    },
    async setKiosk(site_pk, anonymous_id, kiosk) {
      return setKiosk.get(kiosk ? 2 : 0, site_pk, anonymous_id)?.browser_pk ?? null;
    },
    async hubs(site_pk) {
      return new Set(hubsOf.all(site_pk).map(({ customer_id }) => customer_id));
    },
    async pairs(site_pk, emails) {
      return [...emails].flatMap((email) => pairsOf.all(email, site_pk));
    },
    async emailsOf(site_pk, customers) {
      return new Set([...customers].flatMap((customer_id) => emailsOf.all(customer_id, site_pk).map(({ email }) => email)));
    },
    async setPersons(site_pk, persons, causeOf, now) {
      const changed = new Set<string>();
      for (const [customer_id, person] of persons) {
        const before = personOf.get(site_pk, customer_id)?.person_id ?? customer_id;
        const person_id = person ?? customer_id;
        if (before === person_id) continue;
        changed.add(customer_id);
        if (person_id === customer_id) dropPerson.run(site_pk, customer_id);
        else putPerson.run(site_pk, customer_id, person_id);
        const told = (id: string): string => JSON.stringify({ customer_id, person_id: id });
        addPersonChange.run(site_pk, told(person_id), told(before), causeOf(customer_id), now);
      }
      return changed;
    },
    async forgetBrowsers(browser_pks) {
      for (const browser_pk of browser_pks) forgetBrowser(browser_pk);
    },
    async queueRelinks(relinks) {
      queued ||= relinks.length > 0;
      for (const { browser_pk, from, to, refold, cause_event_id } of relinks)
        addRelink.run(browser_pk, bound(from), bound(to), refold ? 1 : 0, cause_event_id);
    },
    async nextRelinks(limit) {
      if (!queued) return [];
      const rows = nextRelinks
        .all(limit)
        .map(({ refold, from_time, to_time, ...row }) => ({ ...row, from: from_time, to: to_time, refold: refold === 1 }));
      queued = rows.length > 0;
      return rows;
    },
    async advanceRelink(relink_pk, after_session) {
      if (after_session === null) dropRelink.run(relink_pk);
      else moveRelink.run(after_session, relink_pk);
    },
    async changedBy(cause_event_id, after) {
      return changedBy.all(after, cause_event_id).map((row) => ({ ...row, link: parsed(row.link), old: parsed(row.old) }));
    },
    async lastPosition() {
      return lastPosition.get()?.position ?? 0;
    },
  };
  function forget(): void {
    decisions.clear();
    queued = true;
  }
  return { statements, forget };
}

function parsed(json: string | null): Record<string, unknown> | null {
  return json === null ? null : (JSON.parse(json) as Record<string, unknown>);
}

type ClaimColumns = Omit<ClaimRecord, 'revoked'> & { revoked: number };

function claimRecord({ revoked, ...row }: ClaimColumns): ClaimRecord {
  return { ...row, revoked: (revoked & 1) === 1 };
}

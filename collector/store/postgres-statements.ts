/** The rarer statements of a PostgreSQL write transaction: decisions, persons, refused events, tokens, and browsers to judge again. */
import type { Decision } from '../linking/event.ts';
import type { GuestPair } from '../linking/person.ts';
import { prepared, rowParameters, texts } from './postgres-sql.ts';
import type { TxContext } from './postgres-tx.ts';
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
  | 'saveFailed'
  | 'addAudit'
  | 'dropAudit'
  | 'saveToken'
  | 'editToken'
  | 'revokeToken'
>;

/** `forgetCustomers` is told, as `site_pk customer_id`, of customers whose person changed; of all, if they are hubs. */
export function createStatements(context: TxContext, forgetCustomers: (changed: ReadonlySet<string>) => void): Statements {
  const { session, pending, memory, queue, need } = context;
  /** The beginning of the queue. */
  let ahead: QueuedRelink[] = [];

  async function liveClaims(site_pk: number, customers: ReadonlySet<string>, contested: boolean): Promise<ClaimRecord[]> {
    if (customers.size === 0) return [];
    const rows = await session.query<ClaimColumns>(contested ? CONTESTED_CLAIMS : LIVE_CLAIMS, [site_pk, texts(customers)]);
    return rows.map(claimRecord);
  }

  return {
    async decisions(site_pk) {
      await need('shared');
      const { decisions } = memory.identity;
      const known =
        decisions.get(site_pk) ??
        (await session.query<{ body: string }>(DECISIONS, [site_pk])).map(({ body }) => JSON.parse(body) as Decision);
      decisions.set(site_pk, known);
      return known;
    },
    async addDecision(site_pk, decision, { author, reason }) {
      await need('exclusive');
      context.changesIdentity();
      const { decision_id, type, time } = decision;
      session.send(ADD_DECISION, [decision_id, site_pk, type, time, author, reason, JSON.stringify(decision)]);
    },
    async claims(site_pk, event_ids) {
      const rows = await session.query<ClaimColumns>(CLAIMS, [site_pk, texts(event_ids)]);
      return rows.map(claimRecord);
    },
    claimsOf: liveClaims,
    async setRevoked(site_pk, event_ids, revoked) {
      await need('exclusive');
      session.send(SET_REVOKED, [revoked ? 1 : 0, site_pk, texts(event_ids)]);
    },
    async setHub(site_pk, customer_id, hub) {
      await need('exclusive');
      context.changesIdentity();
      session.send(hub ? ADD_HUB : DROP_HUB, [site_pk, customer_id]);
      forgetCustomers(new Set([`${site_pk} ${customer_id}`]));
    },
    async setKiosk(site_pk, anonymous_id, kiosk) {
      await need('exclusive');
      return (await session.query<{ browser_pk: number }>(SET_KIOSK, [kiosk ? 2 : 0, site_pk, anonymous_id]))[0]?.browser_pk ?? null;
    },
    async hubs(site_pk) {
      await need('shared');
      const { hubs } = memory.identity;
      const known =
        hubs.get(site_pk) ?? new Set((await session.query<{ customer_id: string }>(HUBS, [site_pk])).map(({ customer_id }) => customer_id));
      hubs.set(site_pk, known);
      return known;
    },
    async pairs(site_pk, emails) {
      return emails.size === 0 ? [] : session.query<GuestPair>(PAIRS, [site_pk, texts(emails)]);
    },
    async emailsOf(site_pk, customers) {
      if (customers.size === 0) return new Set();
      return new Set((await session.query<{ email: string }>(EMAILS, [site_pk, texts(customers)])).map(({ email }) => email));
    },
    async setPersons(site_pk, persons, causeOf, now) {
      const rows = await session.query<{ customer_id: string; person_id: string }>(PERSONS, [site_pk, texts(persons.keys())]);
      const before = new Map(rows.map(({ customer_id, person_id }) => [customer_id, person_id]));
      const changed = new Map<string, string>();
      for (const [customer_id, person] of persons)
        if ((before.get(customer_id) ?? customer_id) !== (person ?? customer_id)) changed.set(customer_id, person ?? customer_id);
      if (changed.size === 0) return new Set();
      // A guest whose claims stand on browsers that others may hold: only alone.
      const claims = context.isExclusive() ? [] : await liveClaims(site_pk, new Set(changed.keys()), false);
      if (claims.some(({ browser_pk }) => browser_pk !== null && !context.browsers.isLocked(browser_pk))) await need('exclusive');
      const own = [...changed].filter(([customer_id, person]) => customer_id === person).map(([customer_id]) => customer_id);
      const joined = [...changed].filter(([customer_id, person]) => customer_id !== person);
      if (own.length > 0) session.send(DROP_PERSONS, [site_pk, texts(own)]);
      if (joined.length > 0)
        session.send(PUT_PERSONS, PERSON_ROWS.values(joined.map(([customer_id, person]) => [site_pk, customer_id, person])));
      for (const [customer_id, person] of changed) {
        const told = (id: string): string => JSON.stringify({ customer_id, person_id: id });
        pending.change([
          'person',
          site_pk,
          null,
          null,
          null,
          told(person),
          told(before.get(customer_id) ?? customer_id),
          causeOf(customer_id),
          now,
        ]);
      }
      forgetCustomers(new Set([...changed.keys()].map((customer_id) => `${site_pk} ${customer_id}`)));
      return new Set(changed.keys());
    },
    forgetBrowsers: async (browser_pks) => context.browsers.forget(browser_pks),
    async queueRelinks(relinks) {
      if (relinks.length === 0) return;
      if (relinks.some(({ browser_pk }) => !context.browsers.isLocked(browser_pk))) await need('exclusive');
      queue.waiting = true;
      ahead = [];
      const rows = relinks.map(({ browser_pk, from, to, refold, cause_event_id }) => [
        ...[browser_pk, bound(from), bound(to), refold ? 1 : 0, cause_event_id],
      ]);
      session.send(ADD_RELINKS, RELINK_ROWS.values(rows));
    },
    async nextRelinks(limit) {
      await need('shared');
      if (!queue.waiting) return [];
      // Browsers are locked in any order from here on.
      await need('exclusive');
      if (ahead.length < limit) {
        ahead = (await session.query<RelinkColumns>(NEXT_RELINKS, [Math.max(limit, AHEAD)])).map(
          ({ refold, from_time, to_time, ...row }) => ({ ...row, from: from_time, to: to_time, refold: refold === 1 }),
        );
        await context.browsers.hold(new Set(ahead.map(({ browser_pk }) => browser_pk)));
        queue.waiting = ahead.length > 0;
      }
      return ahead.slice(0, limit);
    },
    async advanceRelink(relink_pk, after_session) {
      if (after_session === null) {
        ahead = ahead.filter((relink) => relink.relink_pk !== relink_pk);
        session.send(DROP_RELINK, [relink_pk]);
      } else {
        ahead = ahead.map((relink) => (relink.relink_pk === relink_pk ? { ...relink, after_session } : relink));
        session.send(MOVE_RELINK, [after_session, relink_pk]);
      }
    },
    async changedBy(cause_event_id, after) {
      await need('exclusive');
      pending.sendAll(session);
      const rows = await session.query<Omit<ChangeRecord, 'link' | 'old'> & { link: string | null; old: string | null }>(CHANGED_BY, [
        after,
        cause_event_id,
      ]);
      return rows.map((row) => ({ ...row, link: parsed(row.link), old: parsed(row.old) }));
    },
    async lastPosition() {
      await need('exclusive');
      pending.sendAll(session);
      return (await session.query<{ position: number | null }>(LAST_POSITION))[0]?.position ?? 0;
    },
    async saveFailed(site, failed, now) {
      const rows = failed.map(({ event_id, reason, field, raw }) => [site, event_id, reason, field, now, Buffer.from(raw)]);
      session.send(ADD_FAILED, FAILED_ROWS.values(rows));
    },
    async addAudit(entries) {
      for (const { at, token_id, token_name, action, site, subject_kind, subject, fields, calls } of entries)
        session.send(ADD_AUDIT, [at, token_id, token_name, action, site, subject_kind, subject, fields.join(','), calls]);
    },
    async dropAudit(before) {
      session.send(DROP_AUDIT, [before]);
    },
    async saveToken({ token_id, hash, name, scopes, sites, created_at, expires_at }) {
      session.send(PUT_TOKEN, [token_id, hash, name, scopes.join(' '), sites && JSON.stringify(sites), created_at, expires_at]);
    },
    async editToken(token_id, { name, scopes, sites, expires_at }) {
      const edited = await session.query(EDIT_TOKEN, [
        ...[name ?? null, scopes?.join(' ') ?? null, sites === undefined ? 0 : 1, sites ? JSON.stringify(sites) : null],
        ...[expires_at === undefined ? 0 : 1, expires_at ?? null, token_id],
      ]);
      return edited.length > 0;
    },
    async revokeToken(token_id, now) {
      return (await session.query(REVOKE_TOKEN, [now, token_id])).length > 0;
    },
  };
}

/** Relinks read at once, their browsers with them. */
const AHEAD = 200;

type RelinkColumns = Omit<QueuedRelink, 'refold' | 'from' | 'to'> & { refold: number; from_time: number; to_time: number };

const bound = (time: number): number => Math.max(-1e15, Math.min(1e15, time));

function parsed(json: string | null): Record<string, unknown> | null {
  return json === null ? null : (JSON.parse(json) as Record<string, unknown>);
}

type ClaimColumns = Omit<ClaimRecord, 'revoked'> & { revoked: number };

function claimRecord({ revoked, ...row }: ClaimColumns): ClaimRecord {
  return { ...row, revoked: (revoked & 1) === 1 };
}

const DECISIONS = prepared('SELECT body FROM decisions WHERE site_pk = $1 ORDER BY decision_id');
const ADD_DECISION = prepared(
  'INSERT INTO decisions (decision_id, site_pk, type, time, author, reason, body) VALUES ($1, $2, $3, $4, $5, $6, $7)',
);
const CLAIM_SELECT = 'SELECT c.event_id, c.browser_pk, c.time, c.customer_id, c.email, c.revoked FROM claims c WHERE c.site_pk = $1';
const CLAIMS = prepared(`${CLAIM_SELECT} AND c.event_id = ANY($2::text[])`);
const LIVE = `${CLAIM_SELECT} AND c.customer_id = ANY($2::text[]) AND c.browser_pk IS NOT NULL AND c.revoked = 0`;
const LIVE_CLAIMS = prepared(LIVE);
const CONTESTED_CLAIMS = prepared(
  `${LIVE} AND EXISTS (SELECT 1 FROM claims o WHERE o.browser_pk = c.browser_pk AND o.customer_id <> c.customer_id AND o.revoked = 0)`,
);
const SET_REVOKED = prepared('UPDATE claims SET revoked = (revoked & 2) | $1::smallint WHERE site_pk = $2 AND event_id = ANY($3::text[])');
const ADD_HUB = prepared('INSERT INTO hubs (site_pk, customer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING');
const DROP_HUB = prepared('DELETE FROM hubs WHERE site_pk = $1 AND customer_id = $2');
const HUBS = prepared('SELECT customer_id FROM hubs WHERE site_pk = $1');
const SET_KIOSK = prepared(
  'UPDATE browsers SET kiosk = (kiosk & 1) | $1::smallint WHERE site_pk = $2 AND anonymous_id = $3 RETURNING browser_pk',
);
const PAIRS = prepared(
  'SELECT email, customer_id, strength FROM claims WHERE site_pk = $1 AND email = ANY($2::text[]) AND customer_id <> email AND revoked = 0',
);
const EMAILS = prepared(
  `SELECT DISTINCT email FROM claims WHERE site_pk = $1 AND customer_id = ANY($2::text[]) AND email IS NOT NULL AND email <> customer_id`,
);
const PERSONS = prepared('SELECT customer_id, person_id FROM persons WHERE site_pk = $1 AND customer_id = ANY($2::text[])');
const PERSON_ROWS = rowParameters('site_pk bigint, customer_id text, person_id text');
const PUT_PERSONS = prepared(
  `INSERT INTO persons (site_pk, customer_id, person_id) SELECT * FROM ${PERSON_ROWS.from}
   ON CONFLICT (site_pk, customer_id) DO UPDATE SET person_id = excluded.person_id`,
);
const DROP_PERSONS = prepared('DELETE FROM persons WHERE site_pk = $1 AND customer_id = ANY($2::text[])');
const RELINK_ROWS = rowParameters('browser_pk bigint, from_time bigint, to_time bigint, refold smallint, cause_event_id text');
const ADD_RELINKS = prepared(`INSERT INTO relink_queue (${RELINK_ROWS.names.join(', ')}) SELECT * FROM ${RELINK_ROWS.from}`);
const NEXT_RELINKS = prepared('SELECT * FROM relink_queue ORDER BY refold DESC, relink_pk LIMIT $1');
const MOVE_RELINK = prepared('UPDATE relink_queue SET after_session = $1 WHERE relink_pk = $2');
const DROP_RELINK = prepared('DELETE FROM relink_queue WHERE relink_pk = $1');
const CHANGED_BY = prepared(
  `SELECT c.type, c.segment, c.link, c.old, s.session_id, b.anonymous_id FROM change_log c
   LEFT JOIN sessions s USING (session_pk) LEFT JOIN browsers b USING (browser_pk)
   WHERE c.position > $1 AND c.cause_event_id = $2 ORDER BY c.position`,
);
const LAST_POSITION = prepared('SELECT max(position) AS position FROM change_log');
const FAILED_ROWS = rowParameters('site text, event_id text, reason text, field text, received_at bigint, raw bytea');
const ADD_FAILED = prepared(`INSERT INTO failed_events (${FAILED_ROWS.names.join(', ')}) SELECT * FROM ${FAILED_ROWS.from}`);
const ADD_AUDIT = prepared(
  `INSERT INTO audit_log (at, token_id, token_name, action, site, subject_kind, subject, fields, calls)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
);
const DROP_AUDIT = prepared('DELETE FROM audit_log WHERE at < $1');
const PUT_TOKEN = prepared(
  `INSERT INTO tokens (token_id, hash, name, scopes, sites, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
);
const EDIT_TOKEN = prepared(
  `UPDATE tokens SET name = coalesce($1, name), scopes = coalesce($2, scopes), sites = CASE WHEN $3::int = 1 THEN $4 ELSE sites END,
     expires_at = CASE WHEN $5::int = 1 THEN $6 ELSE expires_at END
   WHERE token_id = $7 AND revoked_at IS NULL RETURNING token_id`,
);
const REVOKE_TOKEN = prepared('UPDATE tokens SET revoked_at = $1 WHERE token_id = $2 AND revoked_at IS NULL RETURNING token_id');

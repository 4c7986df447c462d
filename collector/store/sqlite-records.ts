/** The statements of a SQLite write transaction that no link depends on: refused events, the audit log, tokens. */
import type Database from 'better-sqlite3';
import type { Tx } from './store.ts';

type Statements = Pick<Tx, 'saveFailed' | 'addAudit' | 'dropAudit' | 'saveToken' | 'editToken' | 'revokeToken'>;

export function createRecordStatements(db: Database.Database): Statements {
  const sql = (text: string) => db.prepare<unknown[]>(text);
  const addFailed = sql('INSERT INTO failed_events (site, event_id, reason, field, received_at, raw) VALUES (?, ?, ?, ?, ?, ?)');
  return {
    async saveFailed(site, failed, now) {
      for (const { event_id, reason, field, raw } of failed) addFailed.run(site, event_id, reason, field ?? null, now, Buffer.from(raw));
    },
    async addAudit(entries) {
      for (const { at, token_id, token_name, action, site, subject_kind, subject, fields, calls } of entries)
        sql(`INSERT INTO audit_log (at, token_id, token_name, action, site, subject_kind, subject, fields, calls)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
          ...[at, token_id, token_name, action, site, subject_kind, subject, fields.join(','), calls],
        );
    },
    async dropAudit(before) {
      sql('DELETE FROM audit_log WHERE at < ?').run(before);
    },
    async saveToken({ token_id, hash, name, scopes, sites, created_at, expires_at }) {
      sql('INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL)').run(
        ...[token_id, hash, name, scopes.join(' '), sites && JSON.stringify(sites), created_at, expires_at],
      );
    },
    async editToken(token_id, { name, scopes, sites, expires_at }) {
      const edited = sql(`UPDATE tokens SET name = coalesce(?, name), scopes = coalesce(?, scopes),
          sites = CASE WHEN ? = 1 THEN ? ELSE sites END, expires_at = CASE WHEN ? = 1 THEN ? ELSE expires_at END
        WHERE token_id = ? AND revoked_at IS NULL`).run(
        ...[name ?? null, scopes?.join(' ') ?? null, sites === undefined ? 0 : 1, sites ? JSON.stringify(sites) : null],
        ...[expires_at === undefined ? 0 : 1, expires_at ?? null, token_id],
      );
      return edited.changes > 0;
    },
    async revokeToken(token_id, now) {
      return sql('UPDATE tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL').run(now, token_id).changes > 0;
    },
  };
}

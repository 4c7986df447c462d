/** The SQLite schema, step by step; `PRAGMA user_version` counts the steps taken. A step once released never changes. */
import { publicViews } from './views.ts';

export const SQLITE_MIGRATIONS: readonly string[] = [
  `
CREATE TABLE sites (
  site_pk INTEGER PRIMARY KEY, site TEXT NOT NULL UNIQUE, config TEXT NOT NULL,
  email_key BLOB NOT NULL, scan_key BLOB NOT NULL
) STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
  token_id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL, scopes TEXT NOT NULL, sites TEXT,
  created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
) STRICT;
CREATE TABLE audit_log (
  audit_pk INTEGER PRIMARY KEY, at INTEGER NOT NULL, token_id TEXT NOT NULL, token_name TEXT NOT NULL, action TEXT NOT NULL, site TEXT,
  subject_kind TEXT, subject TEXT, fields TEXT NOT NULL, calls INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (at);
CREATE INDEX audit_log_by_subject ON audit_log (subject) WHERE subject IS NOT NULL;
CREATE TABLE devices (
  device_pk INTEGER PRIMARY KEY, device_type TEXT NOT NULL, browser TEXT NOT NULL, os TEXT NOT NULL, bot INTEGER NOT NULL,
  UNIQUE (device_type, browser, os, bot)
) STRICT;

CREATE TABLE browsers (
  browser_pk INTEGER PRIMARY KEY, site_pk INTEGER NOT NULL, anonymous_id TEXT NOT NULL, kiosk INTEGER NOT NULL DEFAULT 0, -- 1: an event said so, 2: a decision
  UNIQUE (site_pk, anonymous_id)
) STRICT;
CREATE TABLE sessions (
  session_pk INTEGER PRIMARY KEY, browser_pk INTEGER NOT NULL, session_id TEXT NOT NULL,
  landing_time INTEGER, landing_rank INTEGER, landing_event_id TEXT,
  landing_page TEXT, referrer TEXT, channel TEXT, source TEXT, medium TEXT, campaign TEXT, click_id TEXT,
  UNIQUE (session_id, browser_pk)
) STRICT;

-- The payload is stored once; columns repeat only what queries need. event_pk is the order of storing.
CREATE TABLE events (
  event_pk INTEGER PRIMARY KEY, site_pk INTEGER NOT NULL, event_id TEXT NOT NULL, type TEXT NOT NULL,
  time INTEGER NOT NULL, occurred_at INTEGER NOT NULL, received_at INTEGER NOT NULL,
  browser_pk INTEGER, session_pk INTEGER, device_pk INTEGER NOT NULL, payload TEXT NOT NULL,
  UNIQUE (event_id, site_pk)
) STRICT;
CREATE INDEX events_by_session ON events (session_pk) WHERE session_pk IS NOT NULL;
-- Few: those of a browser that stand in no session.
CREATE INDEX events_by_browser ON events (browser_pk) WHERE browser_pk IS NOT NULL;
-- Key and content of refused events, as they came.
CREATE TABLE failed_events (
  failed_pk INTEGER PRIMARY KEY, site TEXT NOT NULL, event_id TEXT, reason TEXT NOT NULL, field TEXT,
  received_at INTEGER NOT NULL, raw BLOB NOT NULL
) STRICT;

-- A scan's personal claim stands at its claimer's key (key_id, sub 0); any other at its own event's.
CREATE TABLE claims (
  site_pk INTEGER NOT NULL, event_id TEXT NOT NULL, browser_pk INTEGER, session_pk INTEGER,
  time INTEGER NOT NULL, rank INTEGER NOT NULL, key_id TEXT, type TEXT NOT NULL, occurred_at INTEGER NOT NULL,
  customer_id TEXT NOT NULL, email TEXT, strength TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (site_pk, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_browser ON claims (browser_pk, time);
CREATE INDEX claims_by_customer ON claims (customer_id, site_pk);
CREATE INDEX claims_by_email ON claims (email, site_pk);
CREATE TABLE barriers (
  browser_pk INTEGER NOT NULL, time INTEGER NOT NULL, event_id TEXT NOT NULL, barrier TEXT NOT NULL,
  PRIMARY KEY (browser_pk, time, event_id)
) STRICT, WITHOUT ROWID;
-- Customers whose person is not simply themselves (R8, R10), and customers that are nobody's own (hubs).
CREATE TABLE persons (
  site_pk INTEGER NOT NULL, customer_id TEXT NOT NULL, person_id TEXT NOT NULL, PRIMARY KEY (site_pk, customer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_by_person ON persons (person_id, site_pk);
CREATE TABLE hubs (site_pk INTEGER NOT NULL, customer_id TEXT NOT NULL, PRIMARY KEY (site_pk, customer_id)) STRICT, WITHOUT ROWID;
CREATE TABLE decisions (
  decision_id TEXT PRIMARY KEY, site_pk INTEGER NOT NULL, type TEXT NOT NULL, time INTEGER NOT NULL,
  author TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- What was erased when and by whom; counts only, no id.
CREATE TABLE erasures (
  erasure_id TEXT PRIMARY KEY, site_pk INTEGER NOT NULL, erased_at INTEGER NOT NULL, author TEXT NOT NULL, report TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Spans of browsers whose links a statement made doubtful and that were too many for its own transaction.
CREATE TABLE relink_queue (
  relink_pk INTEGER PRIMARY KEY, browser_pk INTEGER NOT NULL, from_time INTEGER NOT NULL, to_time INTEGER NOT NULL,
  refold INTEGER NOT NULL, after_session INTEGER NOT NULL DEFAULT 0, cause_event_id TEXT NOT NULL
) STRICT;

CREATE TABLE stores (
  site_pk INTEGER NOT NULL, store_id TEXT NOT NULL, name TEXT NOT NULL, gln TEXT, PRIMARY KEY (site_pk, store_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE codes (
  code TEXT PRIMARY KEY, site_pk INTEGER NOT NULL, target TEXT NOT NULL, label TEXT NOT NULL, kind TEXT NOT NULL,
  customer_id TEXT, single_use INTEGER NOT NULL, store_id TEXT, placement TEXT, sku TEXT, gtin TEXT, campaign TEXT,
  valid_from INTEGER, valid_until INTEGER, fallback TEXT, active INTEGER NOT NULL,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What was edited after a code was made: the fields that changed, before and after.
CREATE TABLE code_edits (
  edit_pk INTEGER PRIMARY KEY, code TEXT NOT NULL, edited_at INTEGER NOT NULL, author TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL
) STRICT;
CREATE INDEX code_edits_by_code ON code_edits (code);
-- Where GS1 Digital Links lead. The anchor is 01/GTIN14 with any qualifiers, or the beginning of one where prefix is 1.
CREATE TABLE gs1_targets (
  site_pk INTEGER NOT NULL, anchor TEXT NOT NULL, prefix INTEGER NOT NULL, link_type TEXT NOT NULL, lang TEXT NOT NULL,
  target TEXT NOT NULL, title TEXT NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (anchor, prefix, link_type, lang, site_pk), UNIQUE (site_pk, anchor, prefix, link_type, lang)
) STRICT, WITHOUT ROWID;
CREATE TABLE scan_records (
  site_pk INTEGER NOT NULL, scan_id TEXT NOT NULL, event_pk INTEGER NOT NULL, occurred_at INTEGER NOT NULL,
  code TEXT NOT NULL, store_id TEXT, placement TEXT, sku TEXT, gtin TEXT,
  flag TEXT, claimer_id TEXT, claimer_time INTEGER, claimer_rank INTEGER, browser_pk INTEGER, session_pk INTEGER,
  PRIMARY KEY (site_pk, scan_id)
) STRICT, WITHOUT ROWID;
-- Scans of codes that claim once; a claim that came too late has bit 2 of claims.revoked.
CREATE TABLE single_use_scans (
  site_pk INTEGER NOT NULL, scan_id TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (site_pk, scan_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX single_use_scans_by_code ON single_use_scans (code, site_pk);
CREATE INDEX scan_records_by_event ON scan_records (event_pk);
CREATE INDEX scan_records_by_code ON scan_records (code, occurred_at);
CREATE INDEX scan_records_by_session ON scan_records (session_pk);
CREATE TABLE scan_carriers (
  site_pk INTEGER NOT NULL, scan_id TEXT NOT NULL, event_id TEXT NOT NULL, occurred_at INTEGER NOT NULL,
  time INTEGER NOT NULL, rank INTEGER NOT NULL, browser_pk INTEGER NOT NULL, session_pk INTEGER NOT NULL,
  PRIMARY KEY (site_pk, scan_id, event_id)
) STRICT, WITHOUT ROWID;

-- Purchases and refunds (their value below zero), so that nothing need read payloads for money. Of one (site_pk, source, order_id) the
-- purchase that occurred first, then of the smaller event_id, is the order; whose it is, its session's link says, or its own claim.
-- whole: a refund that names neither value nor items, and so gives back what is left of its order.
CREATE TABLE order_events (
  event_pk INTEGER PRIMARY KEY, site_pk INTEGER NOT NULL, event_id TEXT NOT NULL, source TEXT NOT NULL, order_id TEXT,
  type TEXT NOT NULL, time INTEGER NOT NULL, occurred_at INTEGER NOT NULL, value TEXT, currency TEXT,
  whole INTEGER NOT NULL, browser_pk INTEGER, session_pk INTEGER
) STRICT;
CREATE INDEX order_events_by_order ON order_events (order_id, source, site_pk) WHERE order_id IS NOT NULL;
CREATE INDEX order_events_by_session ON order_events (session_pk) WHERE session_pk IS NOT NULL;
-- What went into carts, in sessions.
CREATE TABLE cart_events (
  event_pk INTEGER PRIMARY KEY, site_pk INTEGER NOT NULL, event_id TEXT NOT NULL, time INTEGER NOT NULL, occurred_at INTEGER NOT NULL,
  session_pk INTEGER NOT NULL
) STRICT;
CREATE INDEX cart_events_by_session ON cart_events (session_pk);

-- One row per segment. The person is looked up when read, so that a merge rewrites nothing.
CREATE TABLE links (
  session_pk INTEGER NOT NULL, segment INTEGER NOT NULL, browser_pk INTEGER NOT NULL,
  first_time INTEGER NOT NULL, first_rank INTEGER NOT NULL, first_id TEXT NOT NULL, first_sub INTEGER NOT NULL,
  last_time INTEGER NOT NULL, last_rank INTEGER NOT NULL, last_id TEXT NOT NULL, last_sub INTEGER NOT NULL, last_day INTEGER NOT NULL,
  started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, events INTEGER NOT NULL, page_views INTEGER NOT NULL,
  device_type TEXT, bot INTEGER NOT NULL, details TEXT,
  status TEXT NOT NULL, customer_id TEXT, rule TEXT, strength TEXT,
  evidence_event_id TEXT, evidence_type TEXT, evidence_at INTEGER, evidence_gap_ms INTEGER,
  candidates TEXT, owners INTEGER NOT NULL, policy_version INTEGER NOT NULL, link_version INTEGER NOT NULL,
  changed_at INTEGER NOT NULL, cause_event_id TEXT NOT NULL,
  PRIMARY KEY (session_pk, segment)
) STRICT, WITHOUT ROWID;
-- By day, so that an event taken in moves no entry of an index.
CREATE INDEX links_by_browser ON links (browser_pk, last_day);
CREATE INDEX links_by_customer ON links (customer_id) WHERE customer_id IS NOT NULL;
CREATE TABLE change_log (
  position INTEGER PRIMARY KEY, type TEXT NOT NULL, site_pk INTEGER NOT NULL, session_pk INTEGER, segment INTEGER,
  link_version INTEGER, link TEXT, old TEXT, cause_event_id TEXT NOT NULL, changed_at INTEGER NOT NULL
) STRICT;

-- What the planner is to believe of the tables. Without it, it takes a site to have ten rows, and reads a whole site's claims for one
-- customer's. Never from ANALYZE: a young shop's figures would be kept for the grown one.
ANALYZE meta;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
  ('browsers', 'sqlite_autoindex_browsers_1', '1000000 1000000 1'), ('sessions', 'sqlite_autoindex_sessions_1', '1000000 1 1'),
  ('events', 'sqlite_autoindex_events_1', '10000000 1 1'), ('events', 'events_by_session', '10000000 15'),
  ('events', 'events_by_browser', '10000 2'),
  ('claims', 'claims', '100000 100000 1'), ('claims', 'claims_by_browser', '100000 4 1'),
  ('claims', 'claims_by_customer', '100000 8 8'), ('claims', 'claims_by_email', '100000 8 8'),
  ('persons', 'persons', '100000 100000 1'), ('persons', 'persons_by_person', '100000 2 2'), ('hubs', 'hubs', '100 100 1'),
  ('scan_records', 'scan_records', '100000 100000 1'), ('scan_records', 'scan_records_by_event', '100000 1'),
  ('scan_records', 'scan_records_by_code', '100000 100 1'), ('scan_records', 'scan_records_by_session', '100000 2'),
  ('scan_carriers', 'scan_carriers', '100000 100000 2 1'), ('single_use_scans', 'single_use_scans', '10000 10000 1'),
  ('single_use_scans', 'single_use_scans_by_code', '10000 2 2'),
  ('order_events', 'order_events_by_order', '100000 2 2 2'), ('order_events', 'order_events_by_session', '100000 1'),
  ('cart_events', 'cart_events_by_session', '100000 2'),
  ('links', 'links', '1000000 1 1'), ('links', 'links_by_browser', '1000000 4 1'), ('links', 'links_by_customer', '1000000 8');
ANALYZE sqlite_schema;
`,
  publicViews({
    text: (json, ...path) => `json_extract(${json}, '$.${path.join('.')}')`,
    integer: (json, ...path) => `json_extract(${json}, '$.${path.join('.')}')`,
    second: (json) => `json(json_extract(${json}, '$[1]'))`,
    list: (json, member) => `coalesce(json_extract(${json}, '$.${member}'), '[]')`,
    each: (json, element) => `(SELECT json_group_array(${element}) FROM json_each(${json}) e)`,
    object: (members) =>
      `json_object(${Object.entries(members)
        .map(([name, value]) => `'${name}', ${value}`)
        .join(', ')})`,
  }),
];

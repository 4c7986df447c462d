/** The public SQL views: what analysts' tools read (docs/sql.md). The tables below them may change, these do not. */

/** How a dialect reads JSON that is kept as text. Lists come back as JSON text. */
export interface JsonDialect {
  /** A member as text; null where it is absent. */
  text(json: string, ...path: string[]): string;
  integer(json: string, ...path: string[]): string;
  /** The second of a list's elements, as JSON. */
  second(json: string): string;
  /** A member that is a list, `[]` where it is absent. */
  list(json: string, member: string): string;
  /** A list made anew of each element `e.value` of a list. */
  each(json: string, element: string): string;
  object(members: Record<string, string>): string;
}

/** Who a customer is now; the alias `p` is its row of `persons`. */
const person = (site_pk: string, customer_id: string): string =>
  `coalesce((SELECT p.person_id FROM persons p WHERE p.site_pk = ${site_pk} AND p.customer_id = ${customer_id}), ${customer_id})`;

/** The place of an event or scan within segment `l`. */
const within = (key: string): string =>
  `(${key}) BETWEEN (l.first_time, l.first_rank, l.first_id, l.first_sub) AND (l.last_time, l.last_rank, l.last_id, l.last_sub)`;

export function publicViews({ text, integer, second, list, each, object }: JsonDialect): string {
  const candidates = (json: string, site_pk: string): string => {
    const customer_id = text('e.value', 'customer_id');
    const members = {
      customer_id,
      person_id: person(site_pk, customer_id),
      evidence_event_id: text('e.value', 'evidence_event_id'),
      gap_ms: integer('e.value', 'gap_ms'),
    };
    return each(`coalesce(${json}, '[]')`, object(members));
  };
  return `
CREATE VIEW session_links AS
SELECT st.site, s.session_id, b.anonymous_id, l.segment, l.started_at, l.ended_at, l.events, l.status,
  l.customer_id, coalesce(p.person_id, l.customer_id) AS person_id, l.rule, l.strength,
  l.evidence_event_id, l.evidence_type, l.evidence_at, l.evidence_gap_ms,
  ${candidates('l.candidates', 'b.site_pk')} AS candidates, l.owners, l.policy_version,
  l.link_version, l.changed_at, l.cause_event_id,
  s.landing_page, s.referrer, s.channel, s.source, s.medium, s.campaign, s.click_id, l.device_type, l.bot, l.page_views,
  ${each(list('l.details', 'scans'), second('e.value'))} AS scans, ${list('l.details', 'products')} AS products,
  coalesce(${integer('l.details', 'sales', 'orders')}, 0) AS orders,
  ${text('l.details', 'sales', 'revenue')} AS revenue, ${text('l.details', 'sales', 'currency')} AS currency
FROM links l JOIN sessions s ON s.session_pk = l.session_pk JOIN browsers b ON b.browser_pk = l.browser_pk
  JOIN sites st ON st.site_pk = b.site_pk LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id;

CREATE VIEW link_changes AS
SELECT c.position, c.type, st.site, s.session_id, b.anonymous_id, c.segment, ${text('c.link', 'status')} AS status,
  ${text('c.link', 'customer_id')} AS customer_id,
  CASE WHEN c.type = 'person' THEN ${text('c.link', 'person_id')}
    ELSE ${person('c.site_pk', text('c.link', 'customer_id'))} END AS person_id,
  ${text('c.link', 'rule')} AS rule, ${text('c.link', 'strength')} AS strength, ${text('c.link', 'evidence_event_id')} AS evidence_event_id,
  ${list('c.link', 'candidates')} AS candidates, ${text('c.old', 'status')} AS old_status, ${text('c.old', 'customer_id')} AS old_customer_id,
  ${text('c.old', 'person_id')} AS old_person_id, ${text('c.old', 'rule')} AS old_rule,
  c.link_version, c.cause_event_id, c.changed_at
FROM change_log c JOIN sites st ON st.site_pk = c.site_pk LEFT JOIN sessions s ON s.session_pk = c.session_pk
  LEFT JOIN browsers b ON b.browser_pk = s.browser_pk;

CREATE VIEW customers AS
SELECT st.site, c.customer_id, ${person('c.site_pk', 'c.customer_id')} AS person_id,
  CASE WHEN substr(c.customer_id, 1, 6) = 'email:' THEN 1 ELSE 0 END AS guest,
  CASE WHEN EXISTS (SELECT 1 FROM hubs h WHERE h.site_pk = c.site_pk AND h.customer_id = c.customer_id) THEN 1 ELSE 0 END AS hub,
  c.first_claimed_at, c.last_claimed_at, c.claims, c.signed_claims, c.browsers,
  (SELECT count(DISTINCT l.session_pk) FROM links l JOIN browsers b ON b.browser_pk = l.browser_pk
    WHERE l.customer_id = c.customer_id AND b.site_pk = c.site_pk) AS sessions
FROM (
  SELECT site_pk, customer_id, min(occurred_at) AS first_claimed_at, max(occurred_at) AS last_claimed_at, count(*) AS claims,
    sum(CASE WHEN strength = 'signed' THEN 1 ELSE 0 END) AS signed_claims, count(DISTINCT browser_pk) AS browsers
  FROM claims WHERE revoked = 0 AND type <> 'erased' GROUP BY site_pk, customer_id
) c JOIN sites st ON st.site_pk = c.site_pk;

CREATE VIEW scans AS
SELECT st.site, q.scan_id, q.occurred_at, q.code, k.label, k.kind, k.campaign, q.store_id, x.name AS store, q.placement, q.sku, q.gtin,
  q.flag, CASE WHEN q.flag IS NULL THEN 1 ELSE 0 END AS counted, CASE WHEN q.session_pk IS NULL THEN 0 ELSE 1 END AS claimed,
  b.anonymous_id, s.session_id, l.segment, l.customer_id, coalesce(p.person_id, l.customer_id) AS person_id
FROM scan_records q JOIN sites st ON st.site_pk = q.site_pk
  LEFT JOIN codes k ON k.code = q.code LEFT JOIN stores x ON x.site_pk = q.site_pk AND x.store_id = q.store_id
  LEFT JOIN sessions s ON s.session_pk = q.session_pk LEFT JOIN browsers b ON b.browser_pk = q.browser_pk
  LEFT JOIN links l ON l.session_pk = q.session_pk AND ${within('q.claimer_time, q.claimer_rank, q.claimer_id, 0')}
  LEFT JOIN persons p ON p.site_pk = q.site_pk AND p.customer_id = l.customer_id;

CREATE VIEW orders AS
WITH told AS (
  SELECT o.event_pk, o.site_pk, o.event_id, o.source, o.order_id, o.type, o.occurred_at, o.value, o.currency, o.whole, o.browser_pk, o.session_pk,
    l.segment, CASE WHEN o.session_pk IS NULL THEN c.customer_id ELSE l.customer_id END AS customer_id
  FROM order_events o LEFT JOIN claims c ON c.site_pk = o.site_pk AND c.event_id = o.event_id AND c.revoked = 0
    LEFT JOIN links l ON l.session_pk = o.session_pk
      AND ${within('o.time, CASE WHEN c.event_id IS NULL THEN 2 ELSE 1 END, o.event_id, 1')}
), purchases AS (
  SELECT told.*, row_number() OVER (PARTITION BY site_pk, source, order_id ORDER BY occurred_at, event_id) AS copy,
    first_value(customer_id) OVER (PARTITION BY site_pk, source, order_id
      ORDER BY CASE WHEN customer_id IS NULL THEN 1 ELSE 0 END, occurred_at, event_id) AS orderer
  FROM told WHERE type = 'purchase'
), placed AS (
  SELECT f.*, f.orderer AS whose, f.value AS brought, f.currency AS paid_in FROM purchases f WHERE f.copy = 1
  UNION ALL
  SELECT r.*, f.copy, f.orderer, coalesce(f.orderer, r.customer_id),
    CASE WHEN r.whole = 1 AND count(*) OVER (PARTITION BY r.site_pk, r.source, r.order_id) = 1 THEN '-' || f.value ELSE r.value END,
    CASE WHEN r.whole = 1 THEN f.currency ELSE r.currency END
  FROM told r
    LEFT JOIN purchases f ON f.site_pk = r.site_pk AND f.source = r.source AND f.order_id = r.order_id AND f.copy = 1
  WHERE r.type = 'refund'
)
SELECT st.site, t.source, t.order_id, t.type, t.event_id, t.occurred_at, t.brought AS value, t.paid_in AS currency,
  t.whose AS customer_id, ${person('t.site_pk', 't.whose')} AS person_id,
  b.anonymous_id, s.session_id, t.segment, s.channel
FROM placed t JOIN sites st ON st.site_pk = t.site_pk
  LEFT JOIN sessions s ON s.session_pk = t.session_pk LEFT JOIN browsers b ON b.browser_pk = t.browser_pk;

CREATE VIEW touchpoints AS
SELECT st.site, coalesce(p.person_id, l.customer_id) AS person_id, l.customer_id,
  row_number() OVER (PARTITION BY b.site_pk, coalesce(p.person_id, l.customer_id) ORDER BY l.started_at, l.session_pk, l.segment) AS touch,
  l.started_at AS occurred_at, s.channel, s.source, s.medium, s.campaign, s.click_id, s.landing_page, s.referrer,
  l.device_type, l.rule, b.anonymous_id, s.session_id, l.segment
FROM links l JOIN sessions s ON s.session_pk = l.session_pk JOIN browsers b ON b.browser_pk = l.browser_pk
  JOIN sites st ON st.site_pk = b.site_pk LEFT JOIN persons p ON p.site_pk = b.site_pk AND p.customer_id = l.customer_id
WHERE l.customer_id IS NOT NULL AND l.bot = 0;
`;
}

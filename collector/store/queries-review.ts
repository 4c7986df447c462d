/** What an operator may have to decide: customers that share an e-mail or a browser, and public browsers; read in portions. */
import { type RawBuilder, sql } from 'kysely';
import type { Millis } from '../../protocol/event.ts';
import { GUEST_PREFIX } from '../linking/claim.ts';
import type { Rows } from './queries-sql.ts';

/** A person's claims that have something in common: an e-mail, or a browser. */
export interface SharedClaim {
  person_id: string;
  claims: number;
  first_at: Millis;
  last_at: Millis;
}

export interface KioskRow {
  browser_pk: number;
  anonymous_id: string;
  /** 1: an event said so, 2: a decision, 3: both. */
  declared: number;
  segments: number;
  owners: number;
  last_at: Millis;
}

export function reviewQueries(rows: Rows) {
  /** Claims of raw customers, as far as they say who somebody is: none that was carried, revoked, a hub's, or a guest's. */
  const personal = (site_pk: number, since: Millis): RawBuilder<unknown> => sql`
    FROM claims c LEFT JOIN persons p ON p.site_pk = c.site_pk AND p.customer_id = c.customer_id
    WHERE c.site_pk = ${site_pk} AND c.revoked = 0 AND c.type <> 'erased' AND c.strength <> 'carried' AND c.occurred_at >= ${since} AND c.customer_id <> ''
      AND substr(c.customer_id, 1, ${sql.lit(GUEST_PREFIX.length)}) <> ${sql.lit(GUEST_PREFIX)}
      AND NOT EXISTS (SELECT 1 FROM hubs h WHERE h.site_pk = c.site_pk AND h.customer_id = c.customer_id)`;
  const shared = sql`coalesce(p.person_id, c.customer_id) AS person_id, count(*) AS claims,
    min(c.occurred_at) AS first_at, max(c.occurred_at) AS last_at`;
  const person = sql`coalesce(p.person_id, c.customer_id)`;

  return {
    lastBrowserPk: async (): Promise<number> =>
      (await rows(sql<{ n: number | null }>`SELECT max(browser_pk) AS n FROM browsers`))[0]?.n ?? 0,

    /** Persons by e-mail, of a portion of e-mails. */
    personsByEmail: (site_pk: number, after: string, before: string) =>
      rows(sql<SharedClaim & { email: string }>`SELECT c.email, ${shared} ${personal(site_pk, 0)}
        AND c.email > ${after} AND c.email <= ${before} GROUP BY c.email, ${person}`),

    /** Persons by browser, of a portion of browsers. */
    personsByBrowser: (site_pk: number, since: Millis, after: number, last: number) =>
      rows(sql<SharedClaim & { browser_pk: number }>`SELECT c.browser_pk, ${shared} ${personal(site_pk, since)}
        AND c.browser_pk > ${after} AND c.browser_pk <= ${last} GROUP BY c.browser_pk, ${person}`),

    /** On how many browsers each of these persons was named. */
    browsersOfPersons: (site_pk: number, since: Millis, persons: readonly string[]) =>
      rows(sql<{ person_id: string; browsers: number }>`SELECT ${person} AS person_id, count(DISTINCT c.browser_pk) AS browsers
        ${personal(site_pk, since)} AND c.browser_pk IS NOT NULL AND (c.customer_id IN (${sql.join([...persons, ''])})
          OR c.customer_id IN (SELECT j.customer_id FROM persons j WHERE j.site_pk = ${site_pk} AND j.person_id IN (${sql.join([...persons, ''])})))
        GROUP BY ${person}`),

    /** Browsers that are public, of a portion: declared, or because too many were there. */
    kiosks: (site_pk: number, after: number, last: number) =>
      rows(sql<KioskRow>`
        SELECT b.browser_pk, b.anonymous_id, b.kiosk AS declared, count(*) AS segments, max(l.owners) AS owners, max(l.ended_at) AS last_at
        FROM browsers b JOIN links l ON l.browser_pk = b.browser_pk
        WHERE b.browser_pk > ${after} AND b.browser_pk <= ${last} AND b.site_pk = ${site_pk} AND (l.status = 'kiosk' OR b.kiosk > 0)
        GROUP BY b.browser_pk, b.anonymous_id, b.kiosk`),

    anonymousIds: (browsers: readonly number[]) =>
      rows(sql<{ browser_pk: number; anonymous_id: string }>`
        SELECT browser_pk, anonymous_id FROM browsers WHERE browser_pk IN (${sql.join([...browsers, -1])})`),
  };
}

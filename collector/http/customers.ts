/** `GET /v1/customers`: a site's customers, by id, by their newest session, or by segment. */
import { z } from 'zod';
import type { Millis } from '../../protocol/event.ts';
import { badField } from '../errors.ts';
import { decimalOf } from '../profile/orders.ts';
import { SEGMENTS, type Segment, segmentsOf } from '../profile/segments.ts';
import type { Standings, StandingsCache } from '../profile/standings.ts';
import type { ListedCustomer } from '../store/queries-reports.ts';
import type { Store } from '../store/store.ts';
import { siteFor } from './auth.ts';
import type { Api } from './endpoint.ts';
import { cursorOf, limit, millis, nextCursor, text, theSite } from './fields.ts';
import { AS_OF, decimal, Segments } from './profile-schema.ts';
import { oneSite, siteRecord } from './profiles.ts';

const Customer = z
  .strictObject({
    ...{ customer_id: z.string(), person_id: z.string(), sessions: z.int(), last_seen_at: millis.nullable() },
    orders: z.int().meta({ description: 'Of the person' }),
    revenue: decimal.meta({ description: 'Of the person, in the site’s currency, refunds taken off' }),
    ...{ currency: z.string(), last_order_at: millis.nullable(), segments: Segments },
  })
  .meta({ id: 'Customer' });

export interface CustomersOptions {
  api: Api;
  store: Store;
  standings: StandingsCache;
  now: () => Millis;
}

export function customerRoutes({ api: { endpoint }, store, standings, now }: CustomersOptions): void {
  const { queries } = store;

  endpoint(
    'GET /v1/customers',
    {
      scope: 'read',
      reads: 'selection',
      summary: 'Customers, with what their persons bought; a segment’s: one row a person',
      query: {
        site: theSite,
        segment: z.enum(SEGMENTS).optional(),
        search: text('How the customer id begins'),
        order: z.enum(['id', 'recent']).default('id').meta({ description: '`recent`: by their newest session; not with a segment' }),
        limit: limit(50, 200),
        cursor: text('`next_cursor` of the page before'),
      },
      answers: {
        200: z.strictObject({ customers: z.array(Customer), next_cursor: nextCursor, standings_as_of: millis.nullable(), ...AS_OF }),
      },
    },
    async ({ query, access }) => {
      const { segment, search = null, order, limit: size } = query;
      const site = oneSite(store, siteFor(access, query.site));
      const { site_pk, currency } = siteRecord(store, site);
      const changes_cursor = cursorOf(await queries.lastPosition());
      const as_of = now();
      const place = query.cursor === undefined ? null : placeIn(query.cursor);
      // By their newest session, a place is a number; else an id.
      const numbered = order === 'recent' && search === null && segment === undefined;
      if (place !== null && (typeof place === 'number') !== numbered) throw badField('cursor', 'not a cursor of this endpoint');
      const standing = segment === undefined ? await standings.of(site) : await standings.fresh(site);
      const page = async (): Promise<{ rows: ListedCustomer[]; at: (row: ListedCustomer) => string | number }> => {
        if (segment !== undefined && standing)
          return { rows: membersOf(standing, segment, search, String(place ?? ''), size, as_of), at: (row) => row.person_id };
        if (order === 'id' || search !== null)
          return { rows: await queries.customersById(site_pk, search, String(place ?? ''), size), at: (row) => row.customer_id };
        const before = place === null ? Number.MAX_SAFE_INTEGER : Number(place);
        if (!Number.isSafeInteger(before)) throw badField('cursor', 'not a cursor of this endpoint');
        return { rows: await queries.customersBySession(site_pk, before, size), at: (row) => row.session_pk };
      };
      const { rows, at } = await page();
      const seen = new Map(
        (
          await queries.customersSeen(
            site_pk,
            rows.map(({ customer_id }) => customer_id),
          )
        ).map((row) => [row.customer_id, row]),
      );
      const last = rows.at(-1);
      return {
        customers: rows.map(({ customer_id, person_id }) => {
          const buyer = standing?.buyers.get(person_id) ?? null;
          const { sessions = 0, last_seen_at = null } = seen.get(customer_id) ?? {};
          return {
            ...{ customer_id, person_id, sessions, last_seen_at, currency, orders: buyer?.orders ?? 0 },
            revenue: decimalOf(buyer?.worth ?? 0n),
            last_order_at: buyer?.last_order_at ?? null,
            segments: segmentsIn(standing, person_id, as_of),
          };
        }),
        next_cursor: rows.length === size && last ? Buffer.from(JSON.stringify(at(last))).toString('base64url') : null,
        standings_as_of: standing?.as_of ?? null,
        ...{ as_of, changes_cursor },
      };
    },
  );
}

function placeIn(cursor: string): string | number {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (typeof place === 'string' || typeof place === 'number') return place;
  } catch {
    // Below.
  }
  throw badField('cursor', 'not a cursor of this endpoint');
}

function segmentsIn(standing: Standings | null, person_id: string, now: Millis): Segment[] {
  if (!standing) return [];
  const { buyers, scores, carts } = standing;
  return segmentsOf(buyers.get(person_id) ?? null, scores.get(person_id) ?? null, carts.get(person_id) ?? null, now);
}

/** The persons of a segment, by id. */
function membersOf(
  standing: Standings,
  segment: Segment,
  search: string | null,
  after: string,
  limit: number,
  now: Millis,
): ListedCustomer[] {
  const all = new Set([...standing.buyers.keys(), ...(segment === 'cart_left' ? standing.carts.keys() : [])]);
  return [...all]
    .filter((id) => id > after && (search === null || id.startsWith(search)) && segmentsIn(standing, id, now).includes(segment))
    .sort()
    .slice(0, limit)
    .map((person_id) => ({ customer_id: person_id, person_id, session_pk: 0 }));
}

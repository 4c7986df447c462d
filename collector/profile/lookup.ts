/** Who is this? Finds persons by what a shop has in hand: an id, an e-mail address, an order, a session, a browser or a scan. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SiteRecord } from '../domain/site.ts';
import { guestId } from '../intake/enrich.ts';
import { nameCustomer } from '../linking/claim.ts';
import type { Queries } from '../store/queries.ts';
import { ordersOf } from './orders.ts';

const id = z.string().trim().min(1).max(256);
const BY = {
  customer_id: id,
  /** The plain address: hashed here, and kept nowhere. */
  email: id,
  email_sha256: z.string().regex(/^[0-9a-f]{64}$/i, 'expected 64 hexadecimal digits'),
  order: id,
  session: id,
  browser: id,
  /** A scan's id. */
  scan: id,
  /** A printed code: those who scanned it last. */
  code: id,
};

/** Data fields go by their own names as well. */
const ALIASES: Record<string, string> = { order_id: 'order', session_id: 'session', anonymous_id: 'browser', scan_id: 'scan' };

/** Both names at once are two keys: the second stays, and is refused. */
function aliasIn(body: object, name: string): string {
  const meant = ALIASES[name];
  return meant === undefined || meant in body ? name : meant;
}

export const LookupBody = z.preprocess(
  (body) =>
    typeof body === 'object' && body !== null
      ? Object.fromEntries(Object.entries(body).map(([name, value]) => [aliasIn(body, name), value as unknown]))
      : body,
  z
    .strictObject({ site: z.string().optional(), ...BY })
    .partial()
    .refine((body) => Object.keys(BY).filter((name) => name in body).length === 1, {
      message: `expected one of ${Object.keys(BY).join(', ')}`,
    })
    .meta({ description: `One of these. By their names in events too: ${Object.keys(ALIASES).join(', ')}` }),
);

type Wanted = { [K in keyof typeof BY]?: string | undefined };

/** Person ids, no more than 20; a code's newest first. A person found is not said to have a profile. */
export async function personsFor(queries: Queries, { site, site_pk, email_key }: SiteRecord, wanted: Wanted): Promise<string[]> {
  const { customer_id, email, email_sha256, order, session, browser, scan, code } = wanted;
  if (customer_id !== undefined) {
    const named = customer_id.startsWith('email:') ? { id: customer_id } : nameCustomer(customer_id);
    return 'id' in named ? [await queries.personOf(site, named.id)] : [];
  }
  const sha256 = email === undefined ? email_sha256?.toLowerCase() : createHash('sha256').update(email.trim().toLowerCase()).digest('hex');
  if (sha256 !== undefined) {
    const guest = guestId(sha256, email_key);
    const found = (await queries.personsOfEmail(site_pk, guest)).map(({ person_id }) => person_id);
    return [...new Set([await queries.personOf(site, guest), ...found])];
  }
  if (order !== undefined) {
    const orders = ordersOf(await queries.orderEventsNamed(site_pk, [order]));
    return [...new Set(orders.flatMap(({ person_id }) => person_id ?? []))];
  }
  const found =
    session !== undefined
      ? await queries.personsOfVisits(site_pk, { session_id: session })
      : browser !== undefined
        ? await queries.personsOfVisits(site_pk, { anonymous_id: browser })
        : await queries.personsOfScans(site_pk, scan === undefined ? { code: (code ?? '').toUpperCase() } : { scan_id: scan });
  return found.map(({ person_id }) => person_id);
}

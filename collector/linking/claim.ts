/** R4: which of the ids that pages send name a customer. */
export type NamedCustomer = { id: string } | { nobody: true };

/** Trims and NFC-normalises a raw id; says whether it names nobody. Ids in the name space of guests were refused before. */
export function nameCustomer(raw: string): NamedCustomer {
  const id = raw.trim().normalize('NFC');
  if (isErased(id)) return { nobody: true };
  if (NOBODY.has(id.toLowerCase()) || /^[0-]*$/.test(id)) return { nobody: true };
  return { id };
}

/** A guest is `email:` and the HMAC of the e-mail's hash (R10). */
export const GUEST_PREFIX = 'email:';

/** Whoever was erased is an owner without a name from then on, another one on each browser (R12). No sender may use such ids. */
export const ERASED_PREFIX = 'erased:';

export function isErased(customer_id: string): boolean {
  return customer_id.startsWith(ERASED_PREFIX);
}

const NOBODY = new Set(['null', 'undefined', 'nan', 'none', 'guest', 'anonymous', 'true', 'false', '[object object]']);

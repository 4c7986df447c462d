/** The pages' addresses. They live in the fragment, so no customer's id reaches a server's log by navigating. */

type Route = { page: 'links' } | { page: 'customer'; site: string; customer_id: string };

export function parseRoute(hash: string): Route {
  const [, page, site, customer] = hash.split('/');
  if (page !== 'customers' || !site || !customer) return { page: 'links' };
  try {
    return { page: 'customer', site: decodeURIComponent(site), customer_id: decodeURIComponent(customer) };
  } catch {
    return { page: 'links' };
  }
}

export function customerAddress(site: string, customerId: string): string {
  return `#/customers/${encodeURIComponent(site)}/${encodeURIComponent(customerId)}`;
}

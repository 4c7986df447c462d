/** The shop's own search, read from the parameters that the site names. */
import { config } from '../config.ts';
import { record } from '../record.ts';

export function readSearch(): void {
  const params = new URLSearchParams(location.search);
  for (const name of String(config.search_param || '').split(',')) {
    const search_term = params.get(name);
    if (search_term) return record('search', { search_term });
  }
}

/** The shop's own search, read from the URL parameters that the site names. */
import { config } from '../config.ts';
import { record } from '../record.ts';

export function readSearch(): void {
  for (const name of (config['search-param'] || '').split(',')) {
    const search_term = new URLSearchParams(location.search).get(name);
    if (search_term) record('search', { search_term });
  }
}

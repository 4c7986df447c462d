/** What reading, checking and writing a GS1 Digital Link costs. */
import { buildDigitalLink, parseDigitalLink } from '../collector/scan/gs1.ts';

const LINKS = {
  gtin: 'https://id.shop.example/01/09521000100015',
  product_at_store: 'https://id.shop.example/01/09521000100015?414=9521000000018&loc=shelf4',
  qualified: 'https://id.shop.example/01/09521000100015/22/2A/10/LOT%2F1/21/S-000123?17=261231&3103=000195&linkType=gs1:pip',
  shelf: 'https://id.shop.example/414/9521000000018/254/shelf-4',
  refused: 'https://id.shop.example/01/09521000100016/10/LOT1',
};
const ROUNDS = 7;
const CALLS = 50_000;

export async function run(): Promise<object> {
  const parse_us = Object.fromEntries(Object.entries(LINKS).map(([name, uri]) => [name, microseconds(() => parseDigitalLink(uri))]));
  const parsed = parseDigitalLink(LINKS.qualified);
  const build_us = parsed.ok ? microseconds(() => buildDigitalLink(parsed.link)) : null;
  return { scenario: 'gs1', parse_us, build_us, rounds: ROUNDS };
}

/** Median of the rounds, after one to warm up. */
function microseconds(work: () => unknown): number {
  const times = Array.from({ length: ROUNDS + 1 }, () => {
    const started = performance.now();
    for (let call = 0; call < CALLS; call += 1) work();
    return ((performance.now() - started) * 1_000) / CALLS;
  });
  const sorted = times.slice(1).sort((a, b) => a - b);
  return Number((sorted[Math.floor(ROUNDS / 2)] ?? 0).toFixed(2));
}

/** Stores with codes that people scan, view, want and buy: what the page of codes is about. */
import type { WireEvent } from '../../protocol/event.ts';
import type { TestServer } from '../collector/server.ts';

const STORES = [
  ['muc', 'München Marienplatz'],
  ['ber', 'Berlin Mitte'],
  ['tlv', 'תל אביב דיזנגוף'],
] as const;
const PRODUCTS = [
  ['TV-55-OLED', '1099.00', 'shelf'],
  ['SOUNDBAR', '249.00', 'shelf'],
  ['KETTLE', '39.90', 'window'],
  ['LAMP-🌙', '79.00', 'poster'],
] as const;
const PHONE = 'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36';

/** Each product has a code in each store; `scans` visits begin with one of them. Some buy, more often the dearer the code's place. */
export async function fillShops(server: TestServer, scans = 90): Promise<void> {
  const codes: { code: string; sku: string; price: string }[] = [];
  for (const [id, name] of STORES) {
    await done(server.send('POST', '/v1/stores', { site: 'demo', id, name }));
    for (const [index, [sku, price, placement]] of PRODUCTS.entries()) {
      const code = `${id.toUpperCase()}${index + 1}`;
      const place = { store_id: id, placement, product: { sku } };
      await done(
        server.send('POST', '/v1/codes', { site: 'demo', code, target: `${server.url}/demo/`, label: `${sku}, ${name}`, ...place }),
      );
      codes.push({ code, sku, price });
    }
  }
  const events: WireEvent[] = [];
  for (let n = 0; n < scans; n += 1) {
    const { code, sku, price } = codes[(n * 5 + Math.floor(n / 20)) % codes.length] as (typeof codes)[number];
    const scanned = await fetch(`${server.url}/q/${code}`, { redirect: 'manual', headers: { 'user-agent': PHONE } });
    const scan = new URL(scanned.headers.get('location') ?? '').searchParams.get('ff_scan') ?? '';
    const time = Date.now();
    if (n % 9 === 8) continue;
    const items = [{ item_id: sku, item_name: sku, price, quantity: 1 }];
    const props = { items, value: price, currency: 'EUR', transaction_id: `shop-${n}` };
    const at = (type: string, later: number, more: Partial<WireEvent> = {}): WireEvent => ({
      ...{ event_id: `shop-${n}-${type}`, type, time: time + later, anonymous_id: `shop-${n}`, session_id: `shop-${n}` },
      ...{ url: `${server.url}/demo/`, ...more },
    });
    events.push(at('page_view', 1, { scan }), at('view_item', 3, { props }));
    if ((n * 7) % 11 < 6) events.push(at('add_to_cart', 8, { props }));
    if ((n * 7) % 11 < 4 && price !== '39.90')
      events.push(at('purchase', 20, { props, ...(n % 3 === 0 && { customer_id: `shopper-${n}` }) }));
  }
  for (let start = 0; start < events.length; start += 50) {
    const answer = await server.post(events.slice(start, start + 50), { headers: { 'user-agent': PHONE } });
    if (answer.status !== 204) throw new Error(`refused: ${answer.status} ${await answer.text()}`);
  }
}

async function done(answer: Promise<{ status: number; body: unknown }>): Promise<void> {
  const { status, body } = await answer;
  if (status !== 201) throw new Error(`refused: ${status} ${JSON.stringify(body)}`);
}

/** What may wait in memory: bounded, and shared fairly between sites. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SITE_DEFAULTS } from '../../collector/domain/site.ts';
import { createAdmission } from '../../collector/http/admission.ts';
import { directIntake } from '../../collector/intake/direct.ts';
import { DEFAULT_POLICY } from '../../collector/linking/policy.ts';
import { openSqlite } from '../../collector/store/sqlite.ts';
import { START } from './server.ts';

test('one site alone may hold half of the room, and leaves the other half to the next', () => {
  const admission = createAdmission({ most_requests: 100, most_bytes: 10_000 });
  const held = (site: string, bytes: number): number => {
    let count = 0;
    while (admission.admit(site, bytes)) count += 1;
    return count;
  };
  expect(held('flood', 1)).toBe(50);
  expect(held('flood', 1)).toBe(0);
  expect(held('second', 1)).toBe(25);
  expect(admission.admit('third', 1)).not.toBeNull();
  expect(admission.full()).toBe(false);
});

test('bytes are bounded as requests are, those being read included, and come back when answered', () => {
  const admission = createAdmission({ most_requests: 100, most_bytes: 1_000 });
  const first = admission.admit('a', 400);
  expect(first).not.toBeNull();
  expect(admission.admit('a', 400), 'more than is left for others').toBeNull();
  expect(admission.admit('b', 300)).not.toBeNull();
  admission.reading(300);
  expect(admission.full()).toBe(true);
  admission.reading(-300);
  expect(admission.full()).toBe(false);
  first?.();
  expect(admission.held()).toEqual({ requests: 1, bytes: 300 });
});

test('a site’s few events do not wait behind another site’s flood', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'footfall-fair-'));
  const store = openSqlite(join(folder, 'footfall.db'));
  for (const site of ['flood', 'quiet']) await store.write((tx) => tx.saveSite({ ...SITE_DEFAULTS, site, name: site, origins: [] }));
  const intake = directIntake({ store, policy: DEFAULT_POLICY, now: () => START });
  const order: string[] = [];
  const submit = async (site: string, n: number): Promise<void> => {
    const refused = Array.from({ length: 1 }, () => ({ event_id: `${site}-${n}`, reason: 'bad_type' as const, raw: '{}' }));
    const events = Array.from({ length: 100 }, (_, i) => eventOf(site, n * 1_000 + i));
    await intake.submit({ site, events, refused });
    order.push(site);
  };
  const flood = Array.from({ length: 40 }, (_, n) => submit('flood', n));
  const quiet = [submit('quiet', 0), submit('quiet', 1)];
  await Promise.all([...flood, ...quiet]);
  await store.close();
  rmSync(folder, { recursive: true });
  expect(order).toHaveLength(42);
  expect(order.lastIndexOf('quiet'), 'within the first transaction of ten batches').toBeLessThan(10);
});

function eventOf(site: string, n: number) {
  return {
    ...{ site, event_id: `e${n}`, type: 'page_view', time: START, occurred_at: START, received_at: START },
    ...{ anonymous_id: `B${n % 7}`, session_id: `S${n % 7}`, claim: null, barrier: null, kiosk: false, scan_id: null, scan: null },
    facts: { page_view: true, products: [], order: null, device_type: 'desktop', bot: false, page: null },
    device: { device_type: 'desktop', browser: 'Firefox', os: 'Linux', bot: false },
    ...{ payload: {}, scan_flag: null },
  };
}

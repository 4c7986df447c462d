/** What parameters mean, wherever the collector runs. */
import { afterEach, expect, test } from 'vitest';
import { timeOf } from '../../collector/http/fields.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

test('a time without a zone is UTC, wherever the collector runs', () => {
  const six = Date.UTC(2026, 10, 22, 6);
  for (const TZ of ['UTC', 'Asia/Tokyo']) {
    process.env['TZ'] = TZ;
    for (const said of ['2026-11-22T06:00:00', '2026-11-22T06:00', '2026-11-22T06:00:00Z', '2026-11-22T08:00:00+02:00', String(six)])
      expect(timeOf(said), `${said} in ${TZ}`).toBe(six);
    expect(timeOf('2026-11-22')).toBe(Date.UTC(2026, 10, 22));
  }
  for (const said of ['yesterday', '2026-13-01', '2026-11-22T', '22.11.2026']) expect(timeOf(said), said).toBeNull();
});

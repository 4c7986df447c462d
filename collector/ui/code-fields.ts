/** The fields of a form about a code: what they hold at first, and what of them is said to the collector. Pure. */
import type { Millis } from '../../protocol/event.ts';
import type { CodeRow } from './codes.ts';

export type Fields = Readonly<Record<string, string>>;

/** Of a new code, the ones that were filled in, as `POST /v1/codes` takes them. */
export function newCodeBody(fields: Fields, site: string): object {
  return { site, ...spoken(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))) };
}

/** What differs from before, as `PATCH` takes it: an emptied field says null. */
export function codeEditBody(fields: Fields, before: CodeRow): object {
  const were = codeFields(before);
  const changed = Object.entries(fields).filter(([name, value]) => name in were && value !== were[name]);
  // Both halves of a product go together.
  const product = changed.some(([name]) => name === 'sku' || name === 'gtin');
  return spoken({ ...Object.fromEntries(changed), ...(product && { sku: fields['sku'] ?? '', gtin: fields['gtin'] ?? '' }) });
}

export function codeFields(code: CodeRow | null): Fields {
  return {
    target: code?.target ?? '',
    label: code?.label ?? '',
    store_id: code?.store?.id ?? '',
    placement: code?.placement ?? '',
    sku: code?.product?.sku ?? '',
    gtin: code?.product?.gtin ?? '',
    campaign: code?.campaign ?? '',
    valid_from: localText(code?.valid_from ?? null),
    valid_until: localText(code?.valid_until ?? null),
    fallback: code?.fallback ?? '',
  };
}

function spoken({ sku, gtin, ...fields }: Fields): object {
  const said = Object.entries(fields).map(([name, value]) => {
    if (name.startsWith('valid_')) return [name, value === '' ? null : new Date(value).getTime()];
    if (name === 'single_use') return [name, true];
    return [name, value === '' && name !== 'label' ? null : value];
  });
  const product = { ...(sku && { sku }), ...(gtin && { gtin }) };
  const named = sku !== undefined || gtin !== undefined;
  return { ...Object.fromEntries(said), ...(named && { product: Object.keys(product).length === 0 ? null : product }) };
}

/** As `<input type="datetime-local">` has it, on the reader's clock. */
function localText(at: Millis | null): string {
  if (at === null) return '';
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

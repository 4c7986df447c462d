/** Makes a code, or edits one: what is printed stays, where it leads and what it says changes. */
import { useSignal } from '@preact/signals';
import type { Api } from '../api.ts';
import { codeEditBody, codeFields, newCodeBody } from '../code-fields.ts';
import type { CodeRow, StoreRow } from '../codes.ts';
import { FormDialog } from './form-dialog.tsx';

interface CodeFormProps {
  api: Api;
  site: string;
  stores: readonly StoreRow[];
  /** Null: a new one. */
  code: CodeRow | null;
  onDone: (code: CodeRow) => void;
  onClose: () => void;
}

export function CodeForm({ api, site, stores, code, onDone, onClose }: CodeFormProps) {
  const kind = useSignal<string>('plain');
  const made = useSignal<CodeRow | null>(null);
  const were = codeFields(code);
  const act = async (fields: Record<string, string>): Promise<void> => {
    made.value =
      code === null
        ? await api.send<CodeRow>('POST', '/v1/codes', newCodeBody(fields, site))
        : await api.send<CodeRow>('PATCH', `/v1/codes/${code.code}`, codeEditBody(fields, code));
  };
  return (
    <FormDialog
      title={code === null ? 'A new code' : `Edit ${code.code}`}
      verb={code === null ? 'Make it' : 'Save'}
      act={act}
      onDone={() => made.value && onDone(made.value)}
      onClose={onClose}
    >
      <label>
        Leads to <span class="quiet small">https, or a page of this site’s own</span>
        <input name="target" required maxLength={2_048} placeholder="https://shop.example.com/p/tv" defaultValue={were['target'] ?? ''} />
      </label>
      <label>
        Label <span class="quiet small">printed beside it, and for you</span>
        <input name="label" maxLength={200} dir="auto" defaultValue={were['label'] ?? ''} />
      </label>
      {code === null && (
        <div class="pair">
          <label>
            Code <span class="quiet small">made up where empty</span>
            <input name="code" maxLength={32} pattern="[A-Za-z0-9\-]{2,32}" title="2 to 32 letters, digits and dashes" />
          </label>
          <label>
            Kind
            <select
              name="kind"
              onChange={({ currentTarget }) => {
                kind.value = currentTarget.value;
              }}
            >
              <option value="plain">plain</option>
              <option value="product">a product at a store</option>
              <option value="personal">personal: receipt, letter</option>
            </select>
          </label>
        </div>
      )}
      {kind.value === 'personal' && (
        <div class="pair">
          <label>
            Customer
            <input name="customer_id" required maxLength={256} dir="auto" />
          </label>
          <label class="check">
            <input type="checkbox" name="single_use" /> Only the first scan names the customer
          </label>
        </div>
      )}
      <div class="pair">
        <label>
          Store
          <select name="store_id">
            <option value="">none</option>
            {stores.map(({ id, name }) => (
              <option key={id} value={id} selected={id === were['store_id']}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          Place <span class="quiet small">shelf, window, poster</span>
          <input name="placement" maxLength={128} dir="auto" defaultValue={were['placement'] ?? ''} />
        </label>
      </div>
      <div class="pair">
        <label>
          SKU
          <input name="sku" maxLength={128} defaultValue={were['sku'] ?? ''} />
        </label>
        <label>
          GTIN
          <input name="gtin" inputMode="numeric" maxLength={14} defaultValue={were['gtin'] ?? ''} />
        </label>
      </div>
      <details>
        <summary>Campaign, validity, where it leads afterwards</summary>
        <label>
          Campaign
          <input name="campaign" maxLength={128} dir="auto" defaultValue={were['campaign'] ?? ''} />
        </label>
        <div class="pair">
          <label>
            Valid from
            <input type="datetime-local" name="valid_from" defaultValue={were['valid_from'] ?? ''} />
          </label>
          <label>
            Valid until
            <input type="datetime-local" name="valid_until" defaultValue={were['valid_until'] ?? ''} />
          </label>
        </div>
        <label>
          Outside its time, or retired, it leads to
          <input name="fallback" maxLength={2_048} placeholder="https://shop.example.com/" defaultValue={were['fallback'] ?? ''} />
        </label>
      </details>
    </FormDialog>
  );
}

/** Prints codes: a PDF of labels, shelf talkers or posters, of a store, a place, a campaign, or of named codes. */
import type { Api } from '../api.ts';
import type { StoreRow } from '../codes.ts';
import { saveFile } from '../download.ts';
import { FormDialog } from './form-dialog.tsx';

interface CodeSheetProps {
  api: Api;
  site: string;
  stores: readonly StoreRow[];
  /** Codes to begin with; none: those of a store or a place. */
  codes: readonly string[];
  onClose: () => void;
}

const SHEETS = [
  ['a4-24', '24 labels, 70 × 37 mm (A4, Avery 3474)'],
  ['a4-21', '21 labels, 63.5 × 38.1 mm (A4, L7160)'],
  ['a4-14', '14 labels, 99.1 × 38.1 mm (A4, L7163)'],
  ['a4-shelf', '8 shelf talkers (A4)'],
  ['a4-poster', 'a window poster (A4)'],
  ['letter-30', '30 labels, 2⅝ × 1 in (Letter, 5160)'],
  ['letter-10', '10 labels, 4 × 2 in (Letter, 5163)'],
  ['letter-shelf', '8 shelf talkers (Letter)'],
  ['letter-poster', 'a window poster (Letter)'],
] as const;

const CAPTIONS = [
  ['both', 'label and address'],
  ['label', 'label'],
  ['url', 'address'],
  ['none', 'nothing'],
] as const;

export function CodeSheet({ api, site, stores, codes, onClose }: CodeSheetProps) {
  const act = async ({ sheet, caption, copies, skip, named, ...filter }: Record<string, string>): Promise<void> => {
    const list = (named ?? '').split(/[\s,;]+/).filter(Boolean);
    const chosen = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
    const body = { site, sheet, caption, copies: Number(copies), skip: Number(skip), ...(list.length > 0 ? { codes: list } : chosen) };
    saveFile(await api.file('/v1/codes/sheet', body), 'codes.pdf');
  };
  return (
    <FormDialog title="Print codes" verb="Make the PDF" act={act} onDone={() => undefined} onClose={onClose}>
      <label>
        Codes <span class="quiet small">or leave it empty and choose below</span>
        <input name="named" defaultValue={codes.join(' ')} spellcheck={false} />
      </label>
      <div class="pair">
        <label>
          Of the store
          <select name="store">
            <option value="">any</option>
            {stores.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          At the place
          <input name="placement" dir="auto" />
        </label>
      </div>
      <label>
        Sheet
        <select name="sheet">
          {SHEETS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <div class="pair">
        <label>
          Beside the symbol
          <select name="caption">
            {CAPTIONS.map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          Copies of each
          <input type="number" name="copies" min={1} max={100} required defaultValue="1" />
        </label>
        <label>
          Labels used up
          <input type="number" name="skip" min={0} max={29} required defaultValue="0" />
        </label>
      </div>
      <p class="quiet small">Print at 100 %, not “fit to page”: the symbols are whole dots of a printer.</p>
    </FormDialog>
  );
}

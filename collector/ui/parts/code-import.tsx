/** Takes in a CSV file of codes: what a dry run says of it first, line by line where it is wrong; then all of it, or nothing. */
import { useSignal } from '@preact/signals';
import { type Api, asFailure } from '../api.ts';
import { csvOf, saveFile } from '../download.ts';
import { formatCount } from '../words.ts';
import { CopyLine } from './copy.tsx';
import { FormDialog } from './form-dialog.tsx';
import { Table } from './table.tsx';

interface CodeImportProps {
  api: Api;
  site: string;
  onDone: (imported: number) => void;
  onClose: () => void;
}

interface Imported {
  rows: number;
  imported: number;
  rejected: { line: number; field: string | null; reason: string }[];
}

export function CodeImport({ api, site, onDone, onClose }: CodeImportProps) {
  const file = useSignal<Blob | null>(null);
  const dry = useSignal<Imported | null>(null);
  const problem = useSignal<string | null>(null);
  const imported = useSignal(0);
  async function tryOut(chosen: File | undefined): Promise<void> {
    file.value = null;
    dry.value = null;
    problem.value = null;
    if (!chosen) return;
    const content = chosen.slice(0, chosen.size, 'text/csv');
    try {
      dry.value = await api.send<Imported>('POST', '/v1/codes/import', content, { site, dry_run: 1 });
      if (dry.value.rejected.length === 0 && dry.value.rows > 0) file.value = content;
    } catch (thrown) {
      problem.value = asFailure(thrown).message;
    }
  }
  const rows = dry.value?.rows ?? 0;
  return (
    <FormDialog
      title="Codes from a CSV file"
      verb={file.value === null ? null : `Import ${formatCount(rows)} ${rows === 1 ? 'code' : 'codes'}`}
      act={async () => {
        if (file.value === null) return;
        imported.value = (await api.send<Imported>('POST', '/v1/codes/import', file.value, { site })).imported;
      }}
      onDone={() => onDone(imported.value)}
      onClose={onClose}
    >
      <label>
        File <span class="quiet small">UTF-8; at most 10,000 rows; all or nothing</span>
        <input type="file" accept=".csv,text/csv" onChange={({ currentTarget }) => tryOut(currentTarget.files?.[0])} />
      </label>
      <div role="status">
        {problem.value !== null && <p class="problem">{problem}</p>}
        {dry.value !== null && <Found dry={dry.value} />}
      </div>
      {dry.value === null && (
        <>
          <p class="quiet">The first line names the columns; only “target” must be there:</p>
          <CopyLine name="the columns" text={COLUMNS} />
        </>
      )}
    </FormDialog>
  );
}

const COLUMNS = 'code,target,label,store_id,store_name,placement,sku,gtin,campaign,valid_from,valid_until,fallback';
/** Rejects that are listed; the file has all. */
const SHOWN = 100;

function Found({ dry: { rows, rejected } }: { dry: Imported }) {
  if (rejected.length === 0)
    return <p>{rows === 0 ? 'No code is in the file.' : `${formatCount(rows)} codes, all of them right. Nothing is imported yet.`}</p>;
  return (
    <>
      <p class="problem">
        Of {formatCount(rows)} {rows === 1 ? 'line' : 'lines'}, {formatCount(rejected.length)} cannot be imported. Nothing is, until all
        can.
      </p>
      <Table
        caption="Rejected lines"
        columns={[
          { name: 'line', title: 'Line', kind: 'number', cell: ({ line }) => formatCount(line) },
          { name: 'field', title: 'Field', cell: ({ field }) => <bdi>{field ?? '—'}</bdi> },
          { name: 'reason', title: 'What is wrong', cell: ({ reason }) => <bdi>{reason}</bdi> },
        ]}
        rows={rejected.slice(0, SHOWN)}
        keyOf={({ line, field, reason }) => `${line} ${field} ${reason}`}
      />
      <p>
        <button
          type="button"
          onClick={() =>
            saveFile(csvOf([['line', 'field', 'reason'], ...rejected.map((one) => [one.line, one.field, one.reason])]), 'rejects.csv')
          }
        >
          Save the list
        </button>
      </p>
    </>
  );
}

/** One code: its picture, where it leads, how it was edited; to edit, print, retire it and take it up again. */
import { useSignal } from '@preact/signals';
import { type Api, withQuery } from '../api.ts';
import { type CodeEdit, type CodeRow, editWords, type StoreRow } from '../codes.ts';
import { useLoad } from '../load.ts';
import { mayDo } from '../session.ts';
import { formatMoment, joined, spoken } from '../words.ts';
import { CodeForm } from './code-form.tsx';
import { Confirm } from './confirm.tsx';
import { CopyLine } from './copy.tsx';
import { Drawer } from './drawer.tsx';
import { Loaded } from './loaded.tsx';

interface CodeDrawerProps {
  api: Api;
  code: string;
  stores: readonly StoreRow[];
  onPrint: () => void;
  onChange: () => void;
  onClose: () => void;
}

type Known = CodeRow & { site: string; history: CodeEdit[] };

export function CodeDrawer({ api, code, stores, onPrint, onChange, onClose }: CodeDrawerProps) {
  const load = useLoad(() => api.get<Known>(`/v1/codes/${encodeURIComponent(code)}`), [api, code]);
  const doing = useSignal<'edit' | 'retire' | null>(null);
  const done = (): void => {
    load.again();
    onChange();
  };
  const close = (): void => {
    doing.value = null;
  };
  return (
    <Drawer title={`Code ${code}`} onClose={onClose}>
      <Loaded of={load}>
        {(known) => (
          <>
            <div class="code-head">
              <img src={`/v1/codes/${encodeURIComponent(known.code)}.svg`} width="148" height="148" alt={`QR code of ${known.url}`} />
              <div>
                <h3>
                  <bdi>{known.label || known.code}</bdi> {!known.active && <span class="tag">retired</span>}
                </h3>
                <p class="quiet">
                  <bdi>
                    {joined(known.store?.name, known.placement, known.product?.sku ?? known.product?.gtin, known.campaign) || 'no place'}
                  </bdi>
                </p>
                <p class="links">
                  <a href={withQuery(`/v1/codes/${known.code}.svg`, { caption: '1' })} download={`${known.code}.svg`}>
                    SVG
                  </a>
                  <a href={withQuery(`/v1/codes/${known.code}.png`, { size: 1_024, caption: '1' })} download={`${known.code}.png`}>
                    PNG
                  </a>
                  <button class="plain" type="button" onClick={onPrint}>
                    Print a sheet
                  </button>
                </p>
              </div>
            </div>
            {mayDo('write') && (
              <p class="buttons is-start">
                <button type="button" onClick={() => (doing.value = 'edit')}>
                  Edit
                </button>
                <button type="button" onClick={() => (doing.value = 'retire')}>
                  {known.active ? 'Retire' : 'Take up again'}
                </button>
              </p>
            )}
            <dl class="code-facts">
              <Fact name="Printed" value={known.url} />
              <Fact name="Leads to" value={known.target} />
              <Fact name="Kind" value={joined(known.kind, known.customer_id, known.single_use ? 'once' : '')} />
              {known.valid_from !== null && <Fact name="Valid from" value={formatMoment(known.valid_from)} />}
              {known.valid_until !== null && <Fact name="Valid until" value={formatMoment(known.valid_until)} />}
              <Fact name="Afterwards" value={known.fallback ?? 'a page that says it is over'} />
            </dl>
            <CopyLine name="the address" text={known.url} />
            <h3>How it was edited</h3>
            {known.history.length === 0 ? <p class="quiet">It is as it was made.</p> : <History edits={known.history} />}
            {doing.value === 'edit' && <CodeForm api={api} site={known.site} stores={stores} code={known} onDone={done} onClose={close} />}
            {doing.value === 'retire' && <Retire api={api} code={known} onDone={done} onClose={close} />}
          </>
        )}
      </Loaded>
    </Drawer>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </div>
  );
}

function History({ edits }: { edits: readonly CodeEdit[] }) {
  return (
    <ol class="edits">
      {edits.map((edit) => (
        <li key={`${edit.edited_at} ${JSON.stringify(edit.new)}`}>
          <p class="quiet small">
            {formatMoment(edit.edited_at)} · <bdi>{edit.author}</bdi>
          </p>
          {editWords(edit).map(({ field, old, new: now }) => (
            <p key={field}>
              {spoken(field)}: <bdi>{old}</bdi> → <bdi>{now}</bdi>
            </p>
          ))}
        </li>
      ))}
    </ol>
  );
}

interface RetireProps {
  api: Api;
  code: CodeRow;
  onDone: () => void;
  onClose: () => void;
}

function Retire({ api, code: { code, active, fallback, target }, onDone, onClose }: RetireProps) {
  return (
    <Confirm
      title={active ? `Retire ${code}?` : `Take up ${code} again?`}
      verb={active ? 'Retire' : 'Take up'}
      reason={false}
      preview={async () => active}
      show={() => (
        <p>
          {active ? 'What is printed stays readable; from the next scan on it leads to ' : 'From the next scan on it leads to '}
          <bdi>{active ? (fallback ?? 'a page that says it is over') : target}</bdi>. It can be taken {active ? 'up again' : 'back'} at any
          time, and the history keeps both.
        </p>
      )}
      act={() => api.send('PATCH', `/v1/codes/${code}`, { active: !active })}
      onDone={onDone}
      onClose={onClose}
    />
  );
}

/** What can be done about a customer: merge, export, erase; what changes is shown before it is changed. */
import { useSignal } from '@preact/signals';
import { type Api, withQuery } from '../api.ts';
import { mayDo } from '../session.ts';
import { formatCount, spoken } from '../words.ts';
import { Confirm } from './confirm.tsx';
import { Decide } from './decide.tsx';

interface CustomerActionsProps {
  api: Api;
  site: string;
  customerId: string;
  onDone: () => void;
}

export function CustomerActions({ api, site, customerId, onDone }: CustomerActionsProps) {
  const other = useSignal('');
  const open = useSignal<'merge' | 'erase' | null>(null);
  const path = `/v1/customers/${encodeURIComponent(customerId)}`;
  const close = (): void => {
    open.value = null;
  };
  if (!mayDo('admin')) return null;
  return (
    <div class="actions">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (other.value.trim() !== '') open.value = 'merge';
        }}
      >
        <input
          aria-label="Another id of this person"
          placeholder="another id of this person"
          value={other.value}
          dir="auto"
          onInput={({ currentTarget }) => {
            other.value = currentTarget.value;
          }}
        />
        <button type="submit">Merge …</button>
      </form>
      <a class="button" href={withQuery(`${path}/export`, { site })} download="customer.ndjson">
        Export all of it
      </a>
      <button
        type="button"
        onClick={() => {
          open.value = 'erase';
        }}
      >
        Erase …
      </button>
      {open.value === 'merge' && (
        <Decide
          api={api}
          site={site}
          statement={{ type: 'merge', customers: [other.value.trim(), customerId], into: customerId }}
          title={`Are ${other.value.trim()} and ${customerId} one person?`}
          verb="Merge"
          onDone={onDone}
          onClose={close}
        />
      )}
      {open.value === 'erase' && (
        <Confirm
          title={`Erase ${customerId} for ever?`}
          verb="Erase"
          final
          reason={false}
          preview={() => api.send<{ report: Readonly<Record<string, number>> }>('DELETE', path, undefined, { site, dry_run: 1 })}
          show={({ report }) => <Report report={report} />}
          act={() => api.send('DELETE', path, undefined, { site })}
          onDone={onDone}
          onClose={close}
        />
      )}
    </div>
  );
}

function Report({ report }: { report: Readonly<Record<string, number>> }) {
  const parts = Object.entries(report).filter(([, count]) => count > 0);
  return (
    <>
      <p>This would be gone, everywhere and for good. What is sent again later stays erased.</p>
      <dl class="report">
        {parts.map(([name, count]) => (
          <div key={name}>
            <dt>{spoken(name)}</dt>
            <dd>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

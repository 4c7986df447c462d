/** What an operator can do about a customer, each behind a preview. */
import { useSignal } from '@preact/signals';
import type { Api } from '../api.ts';
import { mayDo } from '../session.ts';
import { Decide } from './decide.tsx';

interface CustomerActionsProps {
  api: Api;
  site: string;
  customerId: string;
  onDone: () => void;
}

export function CustomerActions({ api, site, customerId, onDone }: CustomerActionsProps) {
  const other = useSignal('');
  const open = useSignal<'merge' | null>(null);
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
    </div>
  );
}

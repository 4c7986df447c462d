/** The stores: their names and GLNs, to add and to rename. */
import { useSignal } from '@preact/signals';
import type { Api } from '../api.ts';
import type { StoreRow } from '../codes.ts';
import { mayDo } from '../session.ts';
import { FormDialog } from './form-dialog.tsx';
import { type Column, Table } from './table.tsx';

interface StoreListProps {
  api: Api;
  site: string;
  stores: readonly StoreRow[];
  onChange: () => void;
}

export function StoreList({ api, site, stores, onChange }: StoreListProps) {
  const open = useSignal<StoreRow | 'new' | null>(null);
  const columns: Column<StoreRow>[] = [
    { name: 'name', title: 'Name', cell: ({ name }) => <bdi>{name}</bdi> },
    { name: 'id', title: 'Id', cell: ({ id }) => <code>{id}</code> },
    { name: 'gln', title: 'GLN', cell: ({ gln }) => gln ?? <span class="quiet">—</span> },
  ];
  if (mayDo('write'))
    columns.push({
      name: 'edit',
      title: '',
      cell: (store) => (
        <button class="plain" type="button" aria-label={`Rename ${store.name}`} onClick={() => (open.value = store)}>
          rename
        </button>
      ),
    });
  return (
    <section aria-label="Stores">
      <div class="page-head">
        <h2>Stores</h2>
        {mayDo('write') && (
          <button type="button" onClick={() => (open.value = 'new')}>
            Add a store
          </button>
        )}
      </div>
      {stores.length === 0 ? (
        <p class="quiet">None yet. Scans tell stores apart once their codes name them.</p>
      ) : (
        <Table caption="Stores" columns={columns} rows={stores} keyOf={({ id }) => id} />
      )}
      {open.value !== null && (
        <StoreForm
          api={api}
          site={site}
          store={open.value === 'new' ? null : open.value}
          onDone={onChange}
          onClose={() => {
            open.value = null;
          }}
        />
      )}
    </section>
  );
}

interface StoreFormProps {
  api: Api;
  site: string;
  store: StoreRow | null;
  onDone: () => void;
  onClose: () => void;
}

function StoreForm({ api, site, store, onDone, onClose }: StoreFormProps) {
  const act = ({ id, name, gln }: Record<string, string>): Promise<unknown> => {
    const body = { name, gln: gln || null };
    if (store === null) return api.send('POST', '/v1/stores', { site, id, ...body });
    return api.send('PATCH', `/v1/stores/${encodeURIComponent(store.id)}`, body, { site });
  };
  return (
    <FormDialog
      title={store === null ? 'A new store' : `Rename ${store.name}`}
      verb={store === null ? 'Add it' : 'Save'}
      act={act}
      onDone={onDone}
      onClose={onClose}
    >
      {store === null && (
        <label>
          Id <span class="quiet small">as your till and your files name it; it stays</span>
          <input name="id" required maxLength={128} />
        </label>
      )}
      <label>
        Name
        <input name="name" required maxLength={128} dir="auto" defaultValue={store?.name ?? ''} />
      </label>
      <label>
        GLN <span class="quiet small">13 digits, where it has one</span>
        <input name="gln" inputMode="numeric" maxLength={13} defaultValue={store?.gln ?? ''} />
      </label>
    </FormDialog>
  );
}

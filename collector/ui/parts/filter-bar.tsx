/** Filters of a page: fields that write themselves into the address, so that a link to the page carries them. */
import { setQuery } from '../route.ts';

export interface Filter {
  name: string;
  label: string;
  kind: 'text' | 'choice' | 'day';
  /** Of a choice: value and what it is called. */
  choices?: readonly (readonly [string, string])[];
  placeholder?: string;
}

interface FilterBarProps {
  filters: readonly Filter[];
  query: Readonly<Record<string, string>>;
}

export function FilterBar({ filters, query }: FilterBarProps) {
  const set = filters.filter(({ name }) => query[name]);
  return (
    <form
      class="filters"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      {filters.map((filter) => (
        <div key={filter.name} class={query[filter.name] ? 'filter is-set' : 'filter'}>
          <label for={`filter-${filter.name}`}>{filter.label}</label>
          <Field id={`filter-${filter.name}`} filter={filter} value={query[filter.name] ?? ''} />
        </div>
      ))}
      {set.length > 0 && (
        <button class="plain" type="button" onClick={() => setQuery(Object.fromEntries(set.map(({ name }) => [name, ''])))}>
          Clear
        </button>
      )}
    </form>
  );
}

interface FieldProps {
  id: string;
  filter: Filter;
  value: string;
}

function Field({ id, filter: { name, kind, choices = [], placeholder = '' }, value }: FieldProps) {
  const onChange = ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }): void =>
    setQuery({ [name]: currentTarget.value.trim() });
  if (kind === 'choice')
    return (
      <select id={id} value={value} onChange={onChange}>
        <option value="">any</option>
        {choices.map(([choice, title]) => (
          <option key={choice} value={choice}>
            {title}
          </option>
        ))}
      </select>
    );
  if (kind === 'day') return <input id={id} type="date" value={value} onChange={onChange} />;
  return (
    <input
      id={id}
      type="search"
      value={value}
      placeholder={placeholder}
      spellcheck={false}
      autocomplete="off"
      dir="auto"
      onChange={onChange}
    />
  );
}

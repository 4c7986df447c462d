/** Filters of a page: fields that write themselves into the address, so that a link to the page carries them. */
import { setQuery } from '../route.ts';

export interface Filter {
  name: string;
  label: string;
  kind: 'text' | 'choice' | 'day';
  /** Of a choice: value and what it is called. */
  choices?: readonly (readonly [string, string])[];
  /** What choosing none is called. */
  none?: string;
  placeholder?: string;
  /** Out of sight until it is asked for, or set. */
  more?: boolean;
}

interface FilterBarProps {
  filters: readonly Filter[];
  query: Readonly<Record<string, string>>;
}

export function FilterBar({ filters, query }: FilterBarProps) {
  const rest = filters.filter(({ more }) => more);
  const set = filters.filter(({ name }) => query[name]);
  return (
    <form
      class="filters"
      aria-label="Filters"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      {filters
        .filter(({ more }) => !more)
        .map((filter) => (
          <Labelled key={filter.name} filter={filter} value={query[filter.name] ?? ''} />
        ))}
      {rest.length > 0 && (
        <details open={rest.some(({ name }) => query[name])}>
          <summary>More filters</summary>
          <div class="filters">
            {rest.map((filter) => (
              <Labelled key={filter.name} filter={filter} value={query[filter.name] ?? ''} />
            ))}
          </div>
        </details>
      )}
      {set.length > 0 && (
        <button class="plain" type="button" onClick={() => setQuery(Object.fromEntries(set.map(({ name }) => [name, ''])))}>
          Clear
        </button>
      )}
    </form>
  );
}

function Labelled({ filter, value }: { filter: Filter; value: string }) {
  const id = `filter-${filter.name}`;
  return (
    <div class={value ? 'filter is-set' : 'filter'}>
      <label for={id}>{filter.label}</label>
      <Field id={id} filter={filter} value={value} />
    </div>
  );
}

interface FieldProps {
  id: string;
  filter: Filter;
  value: string;
}

function Field({ id, filter: { name, kind, choices = [], none = 'any', placeholder = '' }, value }: FieldProps) {
  const onChange = ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }): void =>
    setQuery({ [name]: currentTarget.value.trim() });
  if (kind === 'choice')
    return (
      <select id={id} value={value} onChange={onChange}>
        <option value="">{none}</option>
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

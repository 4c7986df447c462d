/** Ways to look at a page: links that keep the rest of its query, the chosen one marked. */
import { addressOf } from '../route.ts';

interface TabsProps {
  label: string;
  /** The page's path. */
  path: readonly string[];
  query: Readonly<Record<string, string>>;
  /** Of the parameter that they choose. */
  name: string;
  /** Value and what it is called; the first stands in no address. */
  choices: readonly (readonly [string, string])[];
}

export function Tabs({ label, path, query, name, choices }: TabsProps) {
  const usual = choices[0]?.[0];
  return (
    <nav class="tabs" aria-label={label}>
      {choices.map(([value, title]) => (
        <a
          key={value}
          href={addressOf(path, { ...query, [name]: value === usual ? '' : value })}
          aria-current={(query[name] ?? usual) === value ? 'true' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  );
}

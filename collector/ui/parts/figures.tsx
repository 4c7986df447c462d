/** Figures in a row: what, how much, and where it needs one, a note. */
interface Figure {
  name: string;
  value: string;
  note?: string | undefined;
  strong?: boolean;
}

export function FigureList({ figures }: { figures: readonly Figure[] }) {
  return (
    <dl class="figures">
      {figures.map(({ name, value, note, strong }) => (
        <div key={name} class={strong ? 'figure is-strong' : 'figure'}>
          <dt>{name}</dt>
          <dd>
            {value} {note && <span class="quiet">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
